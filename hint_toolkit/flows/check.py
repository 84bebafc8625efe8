"""Predictions looked at before they are scored: which format, who matches whom, and which mistake they look like."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hint_toolkit.errors import IncompleteError, InputError, shorten
from hint_toolkit.flows.match import Match, found_hands, match_predictions
from hint_toolkit.geometry import finite
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.issues import Issues
from hint_toolkit.quality.mistakes import Scene
from hint_toolkit.quality.plausible import sniff_alone
from hint_toolkit.quality.sniff import ENOUGH_HANDS, Diagnosis, sniff
from hint_toolkit.records import Hands

SWAPPED = 0.9
"""Share of contradicting sides from which on all sides are taken to be swapped."""
FINE, ERRORS, INCOMPLETE = "fine", "errors", "incomplete"


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        report: plain JSON, see docs/predictions.md.
        issues: errors and warnings with their places.
        diagnoses: mistakes of the whole file.
        missing: ids of hands without a record.
    """

    report: dict[str, Any]
    issues: Issues
    diagnoses: list[Diagnosis]
    missing: list[str]

    @property
    def verdict(self) -> str:
        """Errors are worse than incomplete."""
        if self.issues.errors or self.diagnoses:
            return ERRORS
        return INCOMPLETE if self.missing else FINE

    @property
    def exit_code(self) -> int:
        """0 fine, 2 errors, 3 incomplete."""
        return {FINE: 0, ERRORS: InputError.exit_code, INCOMPLETE: IncompleteError.exit_code}[self.verdict]


def check(predictions: Predictions, truth: Truth | None = None, *, name: str = "", seed: int = 0) -> Checked:
    """Check without scoring; nothing is corrected.

    Args:
        predictions: read before, so each record is well formed.
        truth: to match and compare with; None checks what can be seen without.
        name: of the predictions' file, for the issues.
        seed: of the sample that is compared.

    Raises:
        InputError: an id that fits several hands, or two records for one hand.
    """
    issues = Issues()
    found = found_hands(predictions.points)
    report: dict[str, Any] = {
        "schema": "hint-check/1",
        "file": name,
        "format": predictions.format,
        "sha256": predictions.sha256,
        "method": predictions.method,
        "joint_order": predictions.header.get("joint_order", "hint"),
        "records": len(predictions.ids),
        "found": int(found.sum()),
        "points_missing": int((~finite(predictions.points[found])).sum()),
        "with_score": int(np.isfinite(predictions.score).any(axis=1).sum()),
        "with_visibility": int(np.isfinite(predictions.visibility).any(axis=1).sum()),
        "with_side": sum(side != "" for side in predictions.side),
        "truth": None,
    }
    missing: list[str] = []
    if truth is None:
        diagnoses = sniff_alone(predictions.points, seed=seed)
    else:
        match = match_predictions(truth, predictions)
        missing = truth.hands.id[~match.recorded].tolist()
        report["truth"] = _matched(truth, predictions, match, missing, name, issues)
        diagnoses = _sniffed(truth.hands, predictions, match, name, issues, seed)
    report["diagnoses"] = [asdict(diagnosis) for diagnosis in diagnoses]
    report["issues"] = [issue.to_dict() for issue in issues]
    made = Checked(report, issues, diagnoses, missing)
    report["verdict"] = made.verdict
    return made


def _matched(
    truth: Truth, predictions: Predictions, match: Match, missing: list[str], name: str, issues: Issues
) -> dict[str, Any]:
    """Counts of the join; unknown ids are errors, what the truth itself leaves open is passed on."""
    issues.found += truth.issues
    if match.unknown:
        some = f"{len(match.unknown)} of {len(predictions.ids)} records are for hands that the truth does not have"
        like = f" (its ids look like {truth.hands.id[0]})" if len(truth.hands) else ""
        step = "pass the right --gt, or leave these records out"
        issues.error(f"{some}{like}: {shorten(match.unknown)}; {step}", file=name, field="id")
    n = len(truth.hands)
    return {
        "file": truth.path.name,
        "format": truth.format,
        "version": truth.version,
        "hands": n,
        "matched": int(match.recorded.sum()),
        "coverage": float(match.found.mean()) if n else None,
        "missing": missing,
        "unknown": match.unknown,
    }


def _sniffed(
    hands: Hands, predictions: Predictions, match: Match, name: str, issues: Issues, seed: int
) -> list[Diagnosis]:
    size = np.stack([hands.width, hands.height], axis=1).astype(float)
    side = hands.side.astype(str)
    scene = Scene(match.points, hands.points, hands.exists, hands.box, side, size, partners(hands))
    found = sniff(scene, seed=seed) or []
    if int(match.found.sum()) < ENOUGH_HANDS:
        found = sniff_alone(predictions.points, seed=seed)
    same = finite(match.points) & hands.exists
    if same.sum() >= ENOUGH_HANDS and np.array_equal(match.points[same], hands.points[same]):
        issues.warn("every point is exactly the truth's: is this the truth itself?", file=name, field="keypoints")
    return found + _sides(hands, predictions, match, name, issues)


def _sides(hands: Hands, predictions: Predictions, match: Match, name: str, issues: Issues) -> list[Diagnosis]:
    """Sides that contradict the truth's: all of them swapped, or single ones to look at."""
    given = match.arrange(np.array(predictions.side, dtype=object), "").astype(str)
    told = given != ""
    wrong = told & (given != hands.side.astype(str))
    if not wrong.any():
        return []
    share, n = float(wrong.sum() / told.sum()), int(told.sum())
    text = f"the side of {int(wrong.sum())} of {n} hands contradicts the truth"
    if n >= ENOUGH_HANDS and share >= SWAPPED:
        remedy = 'write "left" for the person\'s left hand (0 and 1 mean either, depending on the tool)'
        return [Diagnosis("side:labels-swapped", f"left and right are exchanged: {text}", remedy, n, share)]
    issues.warn(f"{text}: {shorten(hands.id[wrong])}", file=name, field="side")
    return []


def partners(hands: Hands) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(N,) where the other hand of the same frame stands, -1 unless there are exactly a left and a right one."""
    by_frame: dict[str, list[int]] = {}
    for i, (frame, source) in enumerate(zip(hands.frame_id, hands.source, strict=True)):
        by_frame.setdefault(f"{source}/{frame}", []).append(i)
    result = np.full(len(hands), -1, np.int64)
    for pair in by_frame.values():
        if len(pair) == 2 and hands.side[pair[0]] != hands.side[pair[1]]:
            result[pair[0]], result[pair[1]] = pair[1], pair[0]
    return result
