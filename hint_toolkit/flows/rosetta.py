"""One predictions file under every 2D rule, and what makes the difference, in joints.

Every rule differs from `hamer-v1` in one thing: what a distance is divided by, whether the border counts, how joints
are pooled, what a missing joint is. Each line says how many joints that thing moved. OKS-AP measures something else;
its line says what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.flows.rows import Draws, measure_rows
from hint_toolkit.flows.scenes import Scene, scenes_of, truth_sizes
from hint_toolkit.flows.score import check_match
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.measures import Measure
from hint_toolkit.metrics.pck import pixel_distances, tally, within
from hint_toolkit.protocol import COCO_WHOLEBODY, HAMER_V1, MMPOSE, NORMALISERS, Protocol, Subset

Flags = NDArray[np.bool_]
DEFAULT_THRESHOLD: Final = 0.05


@dataclass(frozen=True)
class Rule:
    """A protocol and a normaliser that a file is scored under."""

    label: str
    protocol: Protocol
    normaliser: str


def rules_for(truth: Truth) -> tuple[Rule, ...]:
    """The rule that everything is compared with, then all others that this truth allows."""
    first = "npz" if truth.scale is not None else HAMER_V1.normaliser
    others = [name for name in NORMALISERS if name != first and (name != "npz" or truth.scale is not None)]
    return (
        Rule(HAMER_V1.name, HAMER_V1, first),
        *(Rule(HAMER_V1.name, HAMER_V1, name) for name in others),
        Rule("hamer-v1, micro", replace(HAMER_V1, pooling="micro"), first),
        Rule("hamer-v1, missing dropped", replace(HAMER_V1, missing="drop"), first),
        Rule(MMPOSE.name, MMPOSE, MMPOSE.normaliser),
        Rule(f"{COCO_WHOLEBODY.name}, OKS-AP", COCO_WHOLEBODY, "bbox-area"),
    )


def rosetta(
    truth: Truth,
    predictions: Predictions,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    subset: Subset = "all",
    ignore_unknown: bool = False,
) -> dict[str, Any]:
    """Score under all 2D rules.

    Args:
        truth: the hands.
        predictions: joined to them by id.
        threshold: of PCK, under every rule that has one.
        subset: which joints count.
        ignore_unknown: as in `flows.score.score`.

    Returns:
        plain JSON: `lines`, one a rule, with `values` (source -> number or None), `gained` and `lost` (joints that are
        correct under this rule and not under the first, and the other way round) and `why`.

    Raises:
        InputError: as `flows.score.score`.
    """
    match = match_predictions(truth, predictions)
    check_match(truth, predictions, match, ignore_unknown)
    pixels = pixel_distances(match.points, truth.hands.points)

    def scenes(normaliser: str) -> list[Scene]:
        sizes = truth_sizes(truth, normaliser, HAMER_V1)[1]
        return scenes_of(truth.hands, match, predictions, pixels, sizes)

    first, *others = rules_for(truth)
    base = _Scored(first, scenes(first.normaliser), threshold, subset)
    lines = [
        base.line() | {"gained": 0, "lost": 0, "why": f"the rule that the others are compared with: {_text(first)}"}
    ]
    skipped = []
    for rule in others:
        if rule.normaliser == "bbox-area":
            lines.append(_oks_line(rule, base, subset))
            continue
        try:
            one = _Scored(rule, scenes(rule.normaliser), threshold, subset)
        except InputError as error:
            skipped.append(f"{rule.label} with {rule.normaliser}: {error}")
            continue
        lines.append(one.line() | one.against(base))
    return {
        "schema": "hint-rosetta/1",
        "method": predictions.method,
        "measure": str(Measure("PCK", subset, threshold)),
        "threshold": threshold,
        "subset": subset,
        "sources": [scene.source for scene in base.scenes],
        "counts": {"hands": len(truth.hands), "found": int(match.found.sum()), "unknown": len(match.unknown)},
        "lines": lines,
        "skipped": skipped,
    }


def _text(rule: Rule) -> str:
    p = rule.protocol
    return f"{p.border} threshold x {rule.normaliser}, {p.pooling} mean over joints, a missing joint is a {p.missing}"


class _Scored:
    """PCK of every source by one rule, with the joints that are correct."""

    def __init__(self, rule: Rule, scenes: Sequence[Scene], threshold: float, subset: Subset) -> None:
        self.rule, self.scenes, self.threshold = rule, scenes, threshold
        p = rule.protocol
        self.has = [scene.counted(subset, "miss")[0] for scene in scenes]
        self.counts = [scene.counted(subset, p.missing)[1] for scene in scenes]
        self.near = [within(scene.pixels, scene.sizes, threshold, p.border) for scene in scenes]
        self.correct = [near & counts for near, counts in zip(self.near, self.counts, strict=True)]
        self.tallies = [tally(near, counts) for near, counts in zip(self.near, self.counts, strict=True)]

    def line(self) -> dict[str, Any]:
        p = self.rule.protocol
        values = [one.macro if p.pooling == "macro" else one.micro for one in self.tallies]
        return {
            "rule": self.rule.label,
            "normaliser": self.rule.normaliser,
            "border": p.border,
            "pooling": p.pooling,
            "missing_rule": p.missing,
            "values": dict(zip((scene.source for scene in self.scenes), values, strict=True)),
            "joints": sum(one.joints for one in self.tallies),
        }

    def against(self, base: "_Scored") -> dict[str, Any]:
        """What moved, and the sentence about it."""
        gained = self._changed(self.correct, base.correct)
        lost = self._changed(base.correct, self.correct)
        moved = f"{gained} of {sum(int(has.sum()) for has in self.has)} joints become correct and {lost} wrong"
        reasons: list[tuple[bool, Callable[[], str]]] = [
            (self.rule.normaliser != base.rule.normaliser, lambda: f"sizes x {self._growth(base):.3f} (median)"),
            (self.rule.protocol.border != base.rule.protocol.border, lambda: self._border()),
            (self.rule.protocol.pooling != base.rule.protocol.pooling, self._pooling),
            (self.rule.protocol.missing != base.rule.protocol.missing, self._missing),
        ]
        why = "; ".join(text() for differs, text in reasons if differs)
        return {
            "gained": gained,
            "lost": lost,
            "why": f"{why}: {moved}" if gained or lost else f"{why}: no joint moves",
        }

    @staticmethod
    def _changed(one: Sequence[Flags], other: Sequence[Flags]) -> int:
        return sum(int((a & ~b).sum()) for a, b in zip(one, other, strict=True))

    def _growth(self, base: "_Scored") -> float:
        pairs = zip(self.scenes, base.scenes, strict=True)
        return float(np.median(np.concatenate([mine.sizes / theirs.sizes for mine, theirs in pairs])))

    def _border(self) -> str:
        on = 0
        for scene, has in zip(self.scenes, self.has, strict=True):
            both = (within(scene.pixels, scene.sizes, self.threshold, border) & has for border in ("<=", "<"))
            on += int((next(both) & ~next(both)).sum())
        return f"a distance equal to the threshold is wrong, which {on} joints are"

    def _pooling(self) -> str:
        n = np.sum([one.scored for one in self.tallies], axis=0)
        least, most = int(n.argmin()), int(n.argmax())
        return f"every joint counts once ({JOINTS[least]} {n[least]} times, {JOINTS[most]} {n[most]} times)"

    def _missing(self) -> str:
        out = sum(int((has & ~counts).sum()) for has, counts in zip(self.has, self.counts, strict=True))
        hands = sum(int(((has & ~counts).any(axis=1)).sum()) for has, counts in zip(self.has, self.counts, strict=True))
        return f"{out} joints of {hands} hands without prediction are left out"


def _oks_line(rule: Rule, base: _Scored, subset: Subset) -> dict[str, Any]:
    measure = Measure("OKS-AP", subset)
    rows = [measure_rows(scene, [measure], rule.protocol, "", Draws())[0] for scene in base.scenes]
    at = {row["source"]: row["by_similarity"].get("0.5") for row in rows}
    shown = ", ".join(f"{source} {100 * value:.1f}" for source, value in at.items() if value is not None) or "n/a"
    why = "another question: hands whose mean joint similarity exp(-d^2 / 8 sigma^2 area) reaches 0.5, 0.55, .. 0.95;"
    return {
        "rule": rule.label,
        "normaliser": rule.normaliser,
        "border": ">=",
        "pooling": "hands",
        "missing_rule": rule.protocol.missing,
        "values": {row["source"]: row["value"] for row in rows},
        "joints": sum(row["joints"] for row in rows),
        "gained": None,
        "lost": None,
        "why": f"{why} at 0.5 alone: {shorten([shown])}",
    }
