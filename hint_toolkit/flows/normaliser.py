"""Which size do the `scale` and `center` of HaMeR's evaluation npz hold? Decided by comparing them with HInt's json.

No public text says it (geopavlakos/hamer#107 asks, without an answer), and PCK@0.05 moves by about ten points with it.
Every hand that both have gives a ratio scale / candidate; the right candidate has the same ratio for all hands. The
mean growth g = max(h, 4w/3) / max(w, h) of the boxes is the cheapest check, it needs no npz: if HaMeR divides by the
plain longer side, published and re-measured numbers together want about 1.17 on VISOR and 1.27 on New Days.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.release import Truth
from hint_toolkit.metrics.sizes import extent_boxes, hand_sizes, longer_side, longer_side_34
from hint_toolkit.protocol import NORMALISERS
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
CANDIDATES: Final = tuple(name for name in NORMALISERS if name != "npz")
WANTED_GROWTH: Final = {"visor": 1.165, "newdays": 1.266}
"""g that follows if the normaliser is bbox-max (log-linear between two measured points: rough)."""
NEAR: Final = 0.01
ENOUGH: Final = 0.99
"""A candidate fits when this share of the hands is within `NEAR` of one constant factor."""


def growth(hands: Hands) -> Floats:
    """(N,) how much the longer side grows when the annotated box is grown to 3:4; in 1..4/3, NaN without a box."""
    plain = longer_side(hands.box)
    result: Floats = np.full(len(plain), np.nan)
    np.divide(longer_side_34(hands.box), plain, out=result, where=plain > 0)
    return result


def compare_normalisers(truth: Truth, npz: Truth | None) -> dict[str, Any]:
    """The decisive checks.

    Args:
        truth: HInt's json, or a release made of it.
        npz: HaMeR's evaluation npz, read as truth; None makes the check of the growth alone.

    Returns:
        plain JSON: `growth` a source, `candidates` and `centers` over all matched hands and a source, `verdict`.

    Raises:
        InputError: an npz without scale, or no hand that both have.
    """
    result: dict[str, Any] = {"schema": "hint-normaliser/1", "growth": _growth_rows(truth.hands)}
    if npz is None:
        return result | {"candidates": [], "centers": [], "verdict": _growth_verdict(result["growth"])}
    if npz.scale is None:
        raise InputError(
            "has no scale column", where=str(npz.path), next_step="pass the folder of TEST_..._img_{all,vis,occ}.npz"
        )
    ours, theirs = _joined(truth, npz)
    hands, scale = truth.hands.take(ours), npz.scale[theirs]
    center = (npz.hands.box[theirs, :2] + npz.hands.box[theirs, 2:]) / 2
    groups = {"": np.ones(len(ours), bool)} | {
        name: hands.source == name for name in sorted(set(hands.source.tolist()))
    }
    candidates, centers = [], []
    for source, here in groups.items():
        part = hands.take(here)
        candidates += [_candidate(name, source, part, scale[here]) for name in CANDIDATES]
        centers += _centers(source, part, center[here], scale[here])
    counts = {"matched": len(ours), "json_only": len(truth.hands) - len(ours), "npz_only": len(npz.hands) - len(ours)}
    verdict = _verdict([row for row in candidates if not row["source"]], [row for row in centers if not row["source"]])
    return result | {"counts": counts, "candidates": candidates, "centers": centers, "verdict": verdict}


def _joined(truth: Truth, npz: Truth) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the hands that both have: by full id, else by stem where only one hand has it."""
    place = {hand_id: i for i, hand_id in enumerate(truth.hands.id)}
    stems: dict[str, list[int]] = {}
    for i, hand_id in enumerate(truth.hands.id):
        stems.setdefault(hand_id.rsplit("/", 1)[-1], []).append(i)
    pairs = []
    for k, hand_id in enumerate(npz.hands.id):
        same_stem = stems.get(hand_id.rsplit("/", 1)[-1], [])
        found = place.get(hand_id, same_stem[0] if len(same_stem) == 1 else None)
        if found is not None:
            pairs.append((found, k))
    if not pairs:
        raise InputError(
            "no hand of the npz is in the json",
            where=str(npz.path),
            why=f"json has ids like {truth.hands.id[0]}, the npz like {npz.hands.id[0]}",
            next_step="pass the HInt folder that the npz were made of as --gt",
        )
    table = np.array(pairs, dtype=np.int64)
    return table[:, 0], table[:, 1]


def _candidate(name: str, source: str, hands: Hands, scale: Floats) -> dict[str, Any]:
    sizes = hand_sizes(name, hands.box, hands.points, hands.exists)
    good = np.isfinite(sizes) & (sizes > 0)
    ratio = scale[good] / sizes[good]
    row: dict[str, Any] = {"candidate": name, "source": source, "hands": int(good.sum())}
    if not len(ratio):
        return row | {"median": None, "spread": None, "within_1": None, "within_1_of_median": None}
    median = float(np.median(ratio))
    low, high = np.percentile(ratio, [5, 95])
    return row | {
        "median": median,
        "spread": float((high - low) / median),
        "within_1": float((np.abs(ratio - 1) <= NEAR).mean()),
        "within_1_of_median": float((np.abs(ratio / median - 1) <= NEAR).mean()),
    }


def _centers(source: str, hands: Hands, center: Floats, scale: Floats) -> list[dict[str, Any]]:
    """How far `center` is from the middle of the annotated box and of the keypoints' box, in units of scale."""
    rows = []
    for name, boxes in (("bbox", hands.box), ("kp-extent", extent_boxes(hands.points, hands.exists))):
        offset = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - center, axis=1) / scale
        offset = offset[np.isfinite(offset)]
        median = float(np.median(offset)) if len(offset) else None
        near = float((offset <= NEAR).mean()) if len(offset) else None
        rows.append({"candidate": name, "source": source, "hands": len(offset), "median": median, "within_1": near})
    return rows


def _growth_rows(hands: Hands) -> list[dict[str, Any]]:
    rows = []
    each = growth(hands)
    for source in sorted(set(hands.source.tolist())):
        values = each[(hands.source == source) & np.isfinite(each)]
        mean = float(values.mean()) if len(values) else None
        rows.append({"source": source, "hands": len(values), "mean": mean, "wanted": WANTED_GROWTH.get(source)})
    return rows


def _growth_verdict(rows: list[dict[str, Any]]) -> str:
    known = [row for row in rows if row["wanted"] and row["mean"]]
    if not known:
        return "undecided: the growth has a known value for newdays and visor only, and no npz was given"
    off = max(abs(row["mean"] - row["wanted"]) for row in known)
    shown = ", ".join(f"{row['source']} {row['mean']:.3f} (wanted {row['wanted']:.3f})" for row in known)
    said = "agrees with" if off <= 0.05 else "speaks against"
    return f"growth {said} bbox-max: {shown}; only the npz can decide"


def _verdict(candidates: list[dict[str, Any]], centers: list[dict[str, Any]]) -> str:
    fits = [row for row in candidates if (row["within_1_of_median"] or 0) >= ENOUGH]
    middle = [row["candidate"] for row in centers if (row["within_1"] or 0) >= ENOUGH]
    place = f"; center is the middle of {' and of '.join(middle)}" if middle else "; center fits neither box"
    if not fits:
        best = max(candidates, key=lambda row: row["within_1_of_median"] or 0)
        share = 100 * (best["within_1_of_median"] or 0)
        return f"none fits: the nearest is {best['candidate']} with {share:.1f} % of the hands within 1 %{place}"
    said = " and ".join(f"{row['median']:.4g} x {row['candidate']}" for row in fits)
    alike = " (alike on these hands)" if len(fits) > 1 else ""
    share = 100 * min(row["within_1_of_median"] for row in fits)
    return f"scale is {said}{alike}: {share:.1f} % of the hands within 1 %{place}"
