"""One method's score in parts: by joint, occlusion, size, side, border, sharpness; and why joints are wrong."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.flows.scored_hands import ScoredHands, normaliser_text
from hint_toolkit.geometry import crop_window
from hint_toolkit.metrics.failures import CAUSES, Failures, find_failures
from hint_toolkit.metrics.intervals import Method
from hint_toolkit.metrics.pck import subset_mask, tally, within
from hint_toolkit.metrics.slices import (
    Slice,
    border_distance,
    border_slices,
    category_slices,
    joint_slices,
    occlusion_slices,
    score_slices,
    tercile_slices,
)
from hint_toolkit.protocol import measure_name

Floats = NDArray[np.float64]
BREAKDOWN_FILE: Final = "breakdown.csv"
SHARE_WRONG: Final = "share of wrong joints"
_COLUMNS: Final = ("measure", "attribute", "slice", "value", "low", "high", "hands", "joints", "clips", "small")
_CROP: Final = 128  # pixels, side of the crop in which sharpness is measured


def breakdown(
    side: ScoredHands,
    *,
    threshold: float = 0.05,
    subset: str = "all",
    source: str | None = None,
    sharpness: bool = True,
    seed: int = 0,
    resamples: int = 1000,
    interval: Method = "percentile",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """PCK in slices with intervals, and the causes of wrong joints; see docs/compare.md for what comes back.

    Args:
        side: the scored hands.
        threshold: of PCK.
        subset: which joints.
        source: only its hands; None takes all sources together (the score itself never pools them).
        sharpness: whether to measure the pictures' sharpness, where they can be read.
        seed: of intervals.
        resamples: of intervals.
        interval: how they are cut.
        progress: told how many pictures are read.

    Raises:
        InputError: no hands, or none of this source.
    """
    known = sorted(set(side.source.tolist()))
    if source is not None:
        side = side.take(side.source == source)
    if not len(side):
        what = f"holds no hands of the source {source}" if source else "holds no hands"
        raise InputError(what, where=str(side.path), why=f"its sources are {', '.join(known) or 'none'}")
    pixels = side.pixels
    scored = subset_mask(subset, side.exists, side.occluded)
    if side.facts["missing_rule"] == "drop":
        scored = scored & np.isfinite(pixels)
    correct = within(pixels, side.sizes, threshold, side.protocol.border) & scored
    notes, slices = [], list(_slices(side))
    if sharpness:
        values, why = measure_sharpness(side, progress)
        slices += [] if values is None else tercile_slices("sharpness", values, "")
        notes += [f"no slices by sharpness: {why}"] if why else []
    # Two sources may use one name for different clips.
    clips = np.unique(np.stack([side.source, side.clip]).astype(str), axis=1, return_inverse=True)[1]
    found = score_slices(slices, correct, scored, clips, resamples=resamples, seed=seed, method=interval)
    return {
        "schema": "hint-breakdown/1",
        "method": side.method,
        **{name.replace(" ", "_"): value for name, value in side.facts.items()},
        "normaliser_text": normaliser_text(side.facts["normaliser"]),
        "truth_kind": side.kind,
        "toolkit": __version__,
        "seed": seed,
        "resamples": resamples,
        "interval_method": interval,
        "measure": measure_name(threshold, subset),
        "source": source or "all sources together",
        "value": tally(correct, scored).macro,
        "hands": int(scored.any(axis=1).sum()),
        "joints": int(scored.sum()),
        "slices": [asdict(one) | {"interval": list(one.interval) if one.interval else None} for one in found],
        "failures": _failure_summary(hand_failures(side, threshold), scored & ~correct),
        "notes": notes,
    }


def hand_failures(side: ScoredHands, threshold: float) -> Failures:
    """The cause of every wrong joint and hand, with the other annotated hands of each frame in view."""
    frames = np.unique(side.frame.astype(str), return_inverse=True)[1]
    frames = np.where(side.frame.astype(str) == "", -1, frames)
    arrays = (side.points, side.truth, side.exists, side.sizes)
    return find_failures(*arrays, threshold, frames, side.protocol.border)


def _slices(side: ScoredHands) -> Iterator[Slice]:
    yield from joint_slices(len(side))
    yield from occlusion_slices(side.exists, side.occluded)
    yield from tercile_slices("hand size", np.where(side.exists.any(axis=1), side.sizes, np.nan), "px")
    yield from category_slices("side", side.side)
    yield from category_slices("source", side.source)
    width, height = side.width.astype(float), side.height.astype(float)
    yield from border_slices(border_distance(side.truth, side.exists, side.sizes, width, height))


def _failure_summary(failures: Failures, wrong: NDArray[np.bool_]) -> dict[str, Any]:
    """Counts and shares of the wrong joints `wrong` (N, 21), and which fingers are taken for which."""
    joints, total = failures.counts(wrong), int(wrong.sum())
    hands = {name: int(((failures.joints == k) & wrong).any(axis=1).sum()) for k, name in enumerate(CAUSES)}
    texts, counts = np.unique(failures.details[failures.details != ""].astype(str), return_counts=True)
    order = np.lexsort((texts, -counts))
    return {
        "wrong_joints": total,
        "wrong_hands": int(wrong.any(axis=1).sum()),
        "causes": [
            {"cause": name, "joints": n, "hands": hands[name], "share": n / total if total else None}
            for name, n in joints.items()
        ],
        "swaps": [{"fingers": str(texts[k]), "hands": int(counts[k])} for k in order],
    }


def measure_sharpness(
    side: ScoredHands, progress: Callable[[int, int], None] | None = None
) -> tuple[Floats | None, str]:
    """Variance of the Laplacian of each hand's grey crop (box grown by a quarter, resized to 128 x 128 pixels).

    A blurred picture has little of it (J. Pech-Pacheco et al., Diatom Autofocusing in Brightfield Microscopy, ICPR
    2000), and so has a small hand that was enlarged: it says what a network of that input size has left to see.

    Args:
        side: the hands and where their pictures are.
        progress: told how many pictures are read.

    Returns:
        (N,) NaN where a picture cannot be read, and ""; or None and why it could not be measured at all.
    """
    root, named = side.image_root, np.flatnonzero(side.image.astype(str) != "")
    if root is None or not len(named):
        return None, "no pictures are at hand"
    try:
        import cv2
    except ImportError:
        return None, str(MissingExtra("OpenCV", "report"))
    from hint_toolkit.io.images import read_image

    values: Floats = np.full(len(side), np.nan)
    named = named[np.argsort(side.image[named].astype(str), kind="stable")]
    last, grey = "", None
    for done, row in enumerate(named.tolist()):
        if side.image[row] != last:
            last, grey = side.image[row], None
            try:
                grey = cv2.cvtColor(read_image(root / last), cv2.COLOR_RGB2GRAY)
            except InputError:
                continue  # the hand stays "unknown"
            finally:
                if progress:
                    progress(done + 1, len(named))
        if grey is not None and np.isfinite(side.box[row]).all():
            x, y, width, height = crop_window(side.box[row], grey.shape[1], grey.shape[0], 1.25)
            crop = cv2.resize(grey[y : y + height, x : x + width], (_CROP, _CROP), interpolation=cv2.INTER_AREA)
            values[row] = float(cv2.Laplacian(crop, cv2.CV_64F).var())
    return (values, "") if np.isfinite(values).any() else (None, f"none of the pictures in {root} could be read")


def breakdown_csv(result: dict[str, Any]) -> str:
    """Slices and causes as one table; an empty cell where a value is not defined."""
    rows = [
        {
            "measure": result["measure"],
            "attribute": one["attribute"],
            "slice": one["name"],
            "low": one["interval"][0] if one["interval"] else None,
            "high": one["interval"][1] if one["interval"] else None,
            **{name: one[name] for name in ("value", "hands", "joints", "clips", "small")},
        }
        for one in result["slices"]
    ]
    rows += [
        {"measure": SHARE_WRONG, "attribute": "cause", "slice": one["cause"], "value": one["share"]}
        | {name: one[name] for name in ("hands", "joints")}
        for one in result["failures"]["causes"]
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
