"""Two people's labels of the same hands, side by side: what agreement and the human ceiling both measure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.metrics.agreement import PALM_SHARE, palm_lengths
from hint_toolkit.metrics.pck import pixel_distances, subset_mask, within
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WITHIN_PALM: Final = f"within {PALM_SHARE:g} palm lengths[visible]"
PAPER: Final = {
    "occlusion agreement": 0.905,
    "existence agreement": 1.0,
    WITHIN_PALM: 0.946,
}
PAPER_TEXT: Final = "arXiv 2312.05251, 90 images labelled twice"


def clusters_of(hands: Hands) -> NDArray[np.int64]:
    """Number of the clip of each hand; its frame where the clip is unknown."""
    names = np.where(hands.video_id == "", hands.frame_id, hands.video_id).astype(str)
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)


def distances_between(truth: Hands, other: Hands) -> tuple[Floats, Flags]:
    """(N, 21) pixels, inf where the other person says the joint is absent; and which joints have true coordinates."""
    points = np.where(other.exists[:, :, None], other.points, np.nan)
    pixels = pixel_distances(points, truth.points)
    return pixels, ~np.isnan(pixels)


def within_palm(truth: Hands, other: Hands) -> tuple[Flags, Flags]:
    """Joints within the paper's limit, and joints that count: visible to `truth`, in a hand with a palm; (N, 21)."""
    pixels, located = distances_between(truth, other)
    palms = palm_lengths(truth.points, truth.exists)
    counted = subset_mask("visible", truth.exists, truth.occluded) & located & ~np.isnan(palms)[:, None]
    return within(pixels, np.nan_to_num(palms), PALM_SHARE) & counted, counted


def flag_pairs(pair: tuple[Hands, Hands]) -> dict[str, tuple[Flags, Flags, Flags]]:
    """Answers of both and which joints count: existence of all, occlusion of those that exist for both; (N, 21)."""
    a, b = pair
    return {
        "occlusion": (a.occluded, b.occluded, a.exists & b.exists),
        "existence": (a.exists, b.exists, np.ones_like(a.exists)),
    }


def sizes_of(hands: Hands, normaliser: str) -> Floats:
    """(N,) pixels by a normaliser; one of a hand with existing joints that is no positive number is an error."""
    sizes = hand_sizes(normaliser, hands.box, hands.points, hands.exists)
    bad = ~(np.isfinite(sizes) & (sizes > 0)) & hands.exists.any(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} hands have no size by {normaliser}: {shorten(hands.id[bad])}",
            next_step="choose another --normaliser, or leave these hands out",
        )
    return sizes
