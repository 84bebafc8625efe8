"""How good suggested occlusion flags are, against saying nothing, and what they save an annotator.

A flag is one key: to set one that was not suggested, and to take back one that was suggested wrongly. Without
suggestions a hand costs as many keys as it has occluded joints, so a suggestion saves the flags that it rightly sets
less those that it wrongly sets. "Positive" is occluded throughout.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.occlusion_examples import Examples, examples, in_picture
from hint_toolkit.flows.occlusion_scenes import OBJECTS_FILE
from hint_toolkit.geometry import finite
from hint_toolkit.io.release import read_truth
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.metrics.calibration import reliability
from hint_toolkit.metrics.intervals import bootstrap_many, pair, per_cluster
from hint_toolkit.metrics.visibility import average_precision
from hint_toolkit.models.occlusion.cues import Cues
from hint_toolkit.models.occlusion.features import features, stack, usable
from hint_toolkit.models.occlusion.forward import logits
from hint_toolkit.models.occlusion.weights import Head

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Progress = Callable[[int, int], None]

EVALUATION_SEED: Final = 5
_STEPS = 99  # thresholds tried: 0.01 to 0.99
_BATCH = 32


@dataclass(frozen=True)
class Row:
    """One method's measures; None where the data do not define one.

    Attributes:
        method: its name.
        precision: of suggested flags.
        recall: of occluded joints.
        f1: of both.
        average_precision: over all thresholds.
        ece: expected calibration error in 10 bins, None for a method without probabilities.
        saved: key presses saved a hand, and the ends of its 95 % interval by clip.
    """

    method: str
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    ece: float | None
    saved: tuple[float, float | None, float | None]


@dataclass(frozen=True)
class OcclusionReport:
    """The table and what it was made on.

    Attributes:
        rows: one a method.
        hands: that were judged.
        joints: that were judged.
        occluded: how many of them are.
        missed: hands that the detector did not find: they are not judged.
        points: where the points come from: "detector" or "simulated".
        signs: further signs that were there.
        threshold: from which the head suggests a flag as set.
    """

    rows: list[Row]
    hands: int
    joints: int
    occluded: int
    missed: int
    points: str
    signs: list[str]
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "rows"}
        return named | {"methods": [vars(row) for row in self.rows]}


def evaluate(
    dataset: Path,
    head: Head,
    predictions: Sequence[Path] = (),
    *,
    split: str | None = None,
    seed: int = EVALUATION_SEED,
    progress: Progress | None = None,
) -> OcclusionReport:
    """Measure a head on labelled hands.

    Args:
        dataset: with pictures.
        head: to measure.
        predictions: detectors' answers; the first one's points are used, and hands that it did not find are left out
            and counted. Without any, the true points are moved as a detector moves them.
        split: only hands of this split.
        seed: of moved points.
        progress: called with hands read and wanted.

    Raises:
        InputError: nothing to judge.
    """
    found = examples(read_truth(dataset), predictions, objects=objects_of(dataset), progress=progress)
    if split is not None:
        found = found.take(np.flatnonzero(found.hands.split == split))
    if predictions:
        kept = finite(found.real[0]).any(axis=1)
        missed, found = int((~kept).sum()), found.take(np.flatnonzero(kept))
    else:
        missed = 0
    points = found.points(seed)
    counted = found.counted & in_picture(found.hands, points) & usable(points)[:, None]
    if not counted.any():
        raise InputError("no joint can be judged", where=str(dataset), next_step="pass another split or predictions")
    cues = found.cues(points)
    rows = measure(found, network_logits(found, points, head), cues, counted, head)
    truth = found.hands.occluded & counted
    sizes = (int(counted.any(axis=1).sum()), int(counted.sum()), int(truth.sum()))
    origin = "detector" if predictions else "simulated"
    return OcclusionReport(rows, *sizes, missed, origin, list(cues.columns()), head.threshold)


def network_logits(found: Examples, points: Floats, head: Head) -> Floats:
    """(N, 21) log odds of the network alone, NaN for hands that it cannot look at."""
    result = np.full(points.shape[:2], np.nan)
    good = np.flatnonzero(usable(points))
    for start in range(0, len(good), _BATCH):
        chosen = good[start : start + _BATCH]
        parts = [features(found.patches[i], found.in_patch(i, points[i]), found.hands.side[i]) for i in chosen]
        result[chosen] = logits(head.parameters, stack(parts))
    return result


def measure(found: Examples, logit: Floats, cues: Cues, counted: Flags, head: Head) -> list[Row]:
    """A row for the head with all signs, for the network alone, and for each baseline."""
    probability = head.combination.probability(logit, cues)
    methods = [("head, all signs", probability, head.threshold)]
    methods.append(("network alone", head.combination.probability(logit, Cues()), head.threshold))
    if cues.disagreement is not None and head.combination.alone:
        offset, factor = head.combination.alone
        spread = cues.columns()["disagreement"]
        alone = 1 / (1 + np.exp(-(offset + factor * spread)))
        methods.append(("disagreement alone", np.where(np.isfinite(alone), alone, head.prior), 0.5))
    methods.append(("prior of the joint", np.broadcast_to(head.prior, logit.shape), 0.5))
    methods.append(("always visible", np.zeros(logit.shape), 0.5))
    return [_row(name, found, value, at, counted) for name, value, at in methods]


def _row(name: str, found: Examples, value: Floats, threshold: float, counted: Flags) -> Row:
    truth, called = found.hands.occluded & counted, counted & (value >= threshold)
    right = int((truth & called).sum())
    precision = right / int(called.sum()) if called.any() else None
    recall = right / int(truth.sum()) if truth.any() else None
    both = int(truth.sum() + called.sum())
    return Row(
        name,
        precision,
        recall,
        2 * right / both if both else None,
        average_precision(truth[counted], value[counted]),
        reliability(truth[counted], value[counted]).ece,
        key_presses_saved(truth, called, clips_of(found)),
    )


def clips_of(found: Examples) -> NDArray[np.object_]:
    """(N,) what an interval must not part: group, clip or frame."""
    hands = found.hands
    rows = zip(hands.group, hands.video_id, hands.frame_id, hands.id, strict=True)
    return np.array([group or video or frame or own for group, video, frame, own in rows], object)


def best_threshold(truth: Flags, probability: Floats) -> float:
    """The threshold 0.01, .., 0.99 with the fewest wrong and missing flags; the middle one of equally good ones."""
    steps = np.arange(1, _STEPS + 1) / (_STEPS + 1)
    costs = np.array([int(((probability >= t) != truth).sum()) for t in steps])
    best = np.flatnonzero(costs == costs.min())
    return float(steps[best[len(best) // 2]])


def key_presses_saved(truth: Flags, called: Flags, clips: NDArray[Any]) -> tuple[float, float | None, float | None]:
    """Key presses that suggestions save a hand, and the ends of the 95 % interval by clip.

    Args:
        truth: (N, 21) occluded and counted.
        called: (N, 21) suggested as occluded and counted.
        clips: (N,) names.
    """
    if truth.shape[1] != N_JOINTS or not len(truth):
        return 0.0, None, None
    gain = (truth & called).sum(axis=1) - (~truth & called).sum(axis=1)
    names, numbers = np.unique(clips.astype(str), return_inverse=True)
    sums = per_cluster(gain[:, None].astype(np.float64), numbers, len(names))
    counts = per_cluster(np.ones((len(gain), 1), bool), numbers, len(names))
    ends = pair(bootstrap_many(sums, counts))
    return (float(gain.mean()), *(ends or (None, None)))


def objects_of(dataset: Path) -> dict[str, Floats] | None:
    """Boxes of things by frame id, where the dataset's folder has `objects.json`; else None.

    Raises:
        InputError: the file is not what it should be.
    """
    path = (dataset if dataset.is_dir() else dataset.parent) / OBJECTS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        return {str(k): np.array(boxes, np.float64).reshape(-1, 4) for k, boxes in content.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(
            "must be an object of frame ids with lists of boxes", where=str(path), why=str(error)[:80]
        ) from error
