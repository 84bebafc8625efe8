"""Truth, predictions and sizes of one source as arrays that measures are taken on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import Match
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.metrics.pck import subset_mask
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.protocol import MissingRule, Protocol
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """The hands of one source, ready to be measured. All arrays have N hands first.

    Attributes:
        source: its name.
        pixels: (N, 21) from `metrics.pck.pixel_distances`.
        sizes: (N,) pixels, > 0.
        exists: (N, 21).
        occluded: (N, 21).
        found: (N,) whether anything is predicted for the hand.
        clusters: (N,) number of its clip, for the interval.
        areas: (N,) square pixels of the annotated box, for OKS.
        scores: (N,) confidence in the hand's prediction, for OKS.
        ranks: (N,) place of the hand's id in the alphabet, which orders equal scores.
    """

    source: str
    pixels: Floats
    sizes: Floats
    exists: Flags
    occluded: Flags
    found: Flags
    clusters: NDArray[np.int64]
    areas: Floats
    scores: Floats
    ranks: NDArray[np.int64]

    @property
    def distance(self) -> Floats:
        """(N, 21) in units of the size."""
        return np.asarray(self.pixels / self.sizes[:, None])

    def counted(self, subset: str, missing: MissingRule, joints: Sequence[int] | None = None) -> tuple[Flags, Flags]:
        """Which joints a subset has, and which of them count under a rule for missing ones: (N, 21) twice."""
        has = subset_mask(subset, self.exists, self.occluded)
        if joints is not None and len(joints) < N_JOINTS:
            chosen = np.zeros(N_JOINTS, bool)
            chosen[list(joints)] = True
            has = has & chosen
        return has, has & np.isfinite(self.pixels) if missing == "drop" else has


def truth_sizes(truth: Truth, normaliser: str | None, protocol: Protocol) -> tuple[str, Floats]:
    """The normaliser that holds, and the size of every hand by it, (N,) pixels.

    A hand without any existing joint gets size 1, it counts nowhere.

    Raises:
        InputError: unknown normaliser, the truth has no scale column for "npz", or hands that have no size.
    """
    chosen = normaliser or ("npz" if truth.scale is not None else protocol.normaliser)
    if chosen == "npz" and truth.scale is None:
        raise InputError(
            "the normaliser npz needs the scale column of HaMeR's evaluation npz, which this truth does not have",
            where=str(truth.path),
            next_step=f"pass --gt FOLDER_WITH_NPZ, or --normaliser {protocol.normaliser}",
        )
    hands = truth.hands
    try:
        sizes = hand_sizes(chosen, hands.box, hands.points, hands.exists, truth.scale)
    except ValueError as error:
        raise InputError(str(error)) from error
    good = np.isfinite(sizes) & (sizes > 0)
    bad = ~good & hands.exists.any(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} hands have no size by {chosen}: {shorten(hands.id[bad])}",
            where=str(truth.path),
            next_step="choose another --normaliser, or leave these hands out",
        )
    return chosen, np.where(good, sizes, 1.0)


def scenes_of(hands: Hands, match: Match, predictions: Predictions, pixels: Floats, sizes: Floats) -> list[Scene]:
    """The hands of every source apart, sources in alphabetical order."""
    confidence = _hand_scores(match, predictions)
    place = np.argsort(np.argsort(hands.id.astype(str)))
    areas = np.clip(hands.box[:, 2:] - hands.box[:, :2], 0, None).prod(axis=1)
    found, clips = match.found, _clusters(hands)
    scenes = []
    for source in sorted(set(hands.source.tolist())):
        here = np.flatnonzero(hands.source == source)
        scenes.append(
            Scene(
                source=source,
                pixels=pixels[here],
                sizes=sizes[here],
                exists=hands.exists[here],
                occluded=hands.occluded[here],
                found=found[here],
                clusters=np.unique(clips[here], return_inverse=True)[1],
                areas=areas[here],
                scores=confidence[here],
                ranks=place[here],
            )
        )
    return scenes


def _hand_scores(match: Match, predictions: Predictions) -> Floats:
    """(N,) mean of the joint scores that the prediction of a hand carries; 1 where it carries none."""
    score = match.arrange(predictions.score)
    known = np.isfinite(score)
    n = known.sum(axis=1)
    result: Floats = np.ones(len(n))
    np.divide(np.where(known, score, 0.0).sum(axis=1), n, out=result, where=n > 0)
    return result


def _clusters(hands: Hands) -> NDArray[np.str_]:
    """The clip of each hand; its frame where the clip is unknown."""
    return np.where(hands.video_id == "", hands.frame_id, hands.video_id).astype(str)
