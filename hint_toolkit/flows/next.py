"""What to label next: pre-labels, other detectors' answers and what is labelled already -> an order of work."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.truth import Truth
from hint_toolkit.issues import Issues
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.metrics.slices import category_slices, occlusion_slices, tercile_slices
from hint_toolkit.records import Frame, Hands
from hint_toolkit.sampling.dedupe import near_duplicates
from hint_toolkit.sampling.value import Candidates, Ranked, disagreement, expected_wrong, rank
from hint_toolkit.workspace import Workspace

Floats = NDArray[np.float64]
COLUMNS: Final = ("rank", "hint_id", "value", "doubt", "rarity", "repeats", "slices")
CROSS: Final = "source x occlusion x blur"


@dataclass(frozen=True)
class NextReport:
    """The order of work.

    Attributes:
        rows: one a hand, best first: `COLUMNS`.
        labelled: hands that are answered already.
        candidates: hands that are not.
        repeats: candidates that repeat another one's picture.
        doubt_from: where the doubt comes from, in words.
        issues: what could not be used.
    """

    rows: list[dict[str, Any]]
    labelled: int
    candidates: int
    repeats: int
    doubt_from: str
    issues: Issues = field(default_factory=Issues)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        named = {name: getattr(self, name) for name in ("labelled", "candidates", "repeats", "doubt_from", "rows")}
        return named | {"issues": [issue.to_dict() for issue in self.issues]}


def next_hands(
    workspace: Workspace,
    predictions: Sequence[Path] = (),
    *,
    weight: float = 0.5,
    seed: int = 0,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NextReport:
    """Rank the pre-labelled hands that nobody has answered.

    Args:
        workspace: with frames and pre-labels, and answers if there are some.
        predictions: other detectors' answers about the same hands; any format that `read_predictions` reads.
        weight: of rarity against doubt, 0..1.
        seed: breaks ties.
        out: CSV file for the order, as `hint-build push --order` takes it; None writes none.
        progress: called with the prediction files read and their number.

    Raises:
        InputError: nothing pre-labelled, or a file that is no predictions.
    """
    frames = {frame.id: frame for frame in workspace.read_frames()}
    hands = workspace.read_prelabels()
    hands = hands.take(np.array([frame_id in frames for frame_id in hands.frame_id], bool))
    if not len(hands):
        raise InputError("no hand to rank", where=str(workspace.prelabels_file), next_step="hint-build prelabel")
    done: list[str] = []
    if workspace.annotations_file.is_file():
        done = workspace.read_annotations().id.tolist()
    labelled = np.asarray(np.isin(hands.id.astype(str), np.array(done, dtype=str)), bool)
    issues = Issues()
    answers = [_answers_of(hands, path, issues) for path in predictions]
    if progress:
        progress(len(predictions), len(predictions))
    doubt, doubt_from = doubts(hands, answers)
    slices = slices_of(hands, frames)
    like = _alike(hands, [frames[frame_id] for frame_id in hands.frame_id], issues)
    candidates = Candidates(hands.id.tolist(), clip_numbers(hands), slices, doubt, like, labelled)
    order = rank(candidates, seed=seed, weight=weight)
    rows = [_row(k, one, candidates) for k, one in enumerate(order)]
    if out is not None:
        write_text(out, _csv(rows))
    repeats = sum(one.repeats >= 0 for one in order)
    return NextReport(rows, int(labelled.sum()), len(order), repeats, doubt_from, issues)


def _answers_of(hands: Hands, path: Path, issues: Issues) -> Floats:
    """(N, 21, 2) points of a prediction file for these hands."""
    match = match_predictions(Truth(hands, path, path.parent, ""), read_predictions(path))
    if not match.found.any():
        raise InputError("has a prediction for none of these hands", where=str(path), next_step="check the ids")
    if missing := int((~match.recorded & (hands.state != "empty")).sum()):
        issues.warn(f"says nothing about {missing} of {len(hands)} hands", file=path.name)
    return match.points


def doubts(hands: Hands, answers: Sequence[Floats]) -> tuple[Floats, str]:
    """(N,) expected share of wrong joints, and where it comes from.

    With other detectors' answers from their disagreement, else from the detector's own confidence where it gives one.
    A frame in which nothing was found is doubted fully: a person has to look for the hand.
    """
    if answers:
        sizes = longer_side(hands.box)
        sizes = np.where(sizes > 0, sizes, np.nan)
        doubt, source = expected_wrong(disagreement([hands.points, *answers], sizes)), "disagreement of detectors"
    elif np.isfinite(hands.score).any():
        known = np.isfinite(hands.score)
        mean = np.where(known, hands.score, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        doubt, source = np.where(known.any(axis=1), 1 - np.clip(mean, 0, 1), np.nan), "the detector's joint scores"
    elif np.isfinite(hands.presence).any():
        doubt, source = 1 - np.clip(hands.presence, 0, 1), "the detector's presence"
    else:
        doubt, source = np.full(len(hands), np.nan), "nothing: pass --predictions of another detector"
    return np.where(hands.state == "empty", 1.0, doubt), source


def slices_of(hands: Hands, frames: Mapping[str, Frame]) -> dict[str, list[str]]:
    """Attribute -> every hand's slice: source, side, occlusion, truncation, sharpness, and three of them crossed."""
    sharpness = np.array([frames[i].sharpness if i in frames else np.nan for i in hands.frame_id], np.float64)
    parts: dict[str, list[str]] = {}
    for one in (
        *category_slices("source", hands.source),
        *category_slices("side", hands.side),
        *occlusion_slices(hands.exists, hands.occluded),
        *tercile_slices("sharpness", sharpness, ""),
    ):
        names = parts.setdefault(one.attribute, ["unknown"] * len(hands))
        for i in np.flatnonzero(one.mask.any(axis=1)).tolist():
            names[i] = one.name
    sharp = parts.get("sharpness", ["unknown"] * len(hands))
    crossed = zip(parts["source"], parts["occluded joints"], sharp, strict=True)
    parts[CROSS] = [f"{source} x {joints} occluded x sharpness {tercile}" for source, joints, tercile in crossed]
    return parts


def clip_numbers(hands: Hands) -> NDArray[np.int64]:
    """(N,) number of the clip: the unit that intervals resample."""
    names = [video or frame for video, frame in zip(hands.video_id, hands.frame_id, strict=True)]
    return np.asarray(np.unique(np.array(names, dtype=str), return_inverse=True)[1], np.int64)


def _alike(hands: Hands, frames: Sequence[Frame], issues: Issues) -> dict[int, list[int]]:
    """Hands of the same side in pictures that are near-duplicates of each other."""
    pictures = {frame.id: frame.likeness for frame in frames if frame.likeness}
    if not pictures:
        issues.warn("the frames carry no fingerprints, so near-duplicates are not looked for")
        return {}
    names = sorted(pictures)
    pairs, _ = near_duplicates(np.stack([np.frombuffer(pictures[name], np.uint8) for name in names]))
    where: dict[tuple[str, str], list[int]] = {}
    for i, hand in enumerate(zip(hands.frame_id, hands.side, strict=True)):
        where.setdefault(hand, []).append(i)
    like: dict[int, list[int]] = {}
    for first, second in pairs.tolist():
        for side in ("left", "right"):
            here, there = where.get((names[first], side), []), where.get((names[second], side), [])
            for i in here:
                like.setdefault(i, []).extend(there)
            for i in there:
                like.setdefault(i, []).extend(here)
    return like


def _row(place: int, one: Ranked, candidates: Candidates) -> dict[str, Any]:
    return {
        "rank": place,
        "hint_id": candidates.ids[one.position],
        "value": round(one.value, 4),
        "doubt": None if np.isnan(one.doubt) else round(one.doubt, 4),
        "rarity": round(one.rarity, 4),
        "repeats": candidates.ids[one.repeats] if one.repeats >= 0 else "",
        "slices": candidates.slices[CROSS][one.position] if CROSS in candidates.slices else "",
    }


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()
