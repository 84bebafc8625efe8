"""Predictions and truth -> results: one number a measure and source, with counts, coverage and interval."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import Match, found_hands, match_predictions
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.intervals import cluster_bootstrap
from hint_toolkit.metrics.pck import distances, pck_tally, subset_mask
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS, SUBSETS, Protocol, measure_name
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
CURVE = tuple(round(0.005 * k, 3) for k in range(61))
"""Thresholds of the curve, 0 to 0.3."""


@dataclass(frozen=True)
class Scored:
    """What scoring gives: plain JSON for `results.json`, and the arrays behind it.

    Attributes:
        results: see docs/results.md.
        hands: the truth, N hands.
        points: predictions in its order, (N, 21, 2) pixels, NaN where missing.
        distance: (N, 21) in units of the normaliser; inf where missing, NaN where there is no truth.
        missing: ids for which the predictions hold no record.
    """

    results: dict[str, Any]
    hands: Hands
    points: Floats
    distance: Floats
    missing: list[str]


def score(
    truth: Truth,
    predictions: Predictions,
    *,
    protocol: Protocol = HAMER_V1,
    normaliser: str = DEFAULT_NORMALISER,
    thresholds: Sequence[float] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    ignore_unknown: bool = False,
) -> Scored:
    """Score by a protocol. A hand or joint without prediction counts as wrong.

    Raises:
        InputError: no hand in the truth, an unknown hand among the predictions (unless ignored), a truth that
            defines no size, or a joint that exists without coordinates.
    """
    match = match_predictions(truth, predictions)
    _check(truth, predictions, match, ignore_unknown)
    hands = truth.hands
    sizes = hand_sizes(normaliser, hands.box, hands.points, hands.exists)
    bad = ~(np.isfinite(sizes) & (sizes > 0)) & hands.exists.any(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} hands have no size by {normaliser}: {shorten(hands.id[bad])}",
            where=str(truth.path),
            next_step="choose another --normaliser, or leave these hands out",
        )
    distance = distances(match.points, hands.points, np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0))
    wanted = tuple(thresholds or protocol.thresholds)
    rows, curves, per_joint = _measure(hands, match, distance, wanted, protocol, normaliser, seed, resamples)
    missing = hands.id[~match.recorded].tolist()
    results = {
        "schema": "hint-results/1",
        "method": predictions.method,
        "header": predictions.header,
        "protocol": protocol.name,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "thresholds": list(wanted),
        "truth": {"path": truth.path.name, "version": truth.version, "kind": truth_kind(hands, predictions)},
        "predictions": {"sha256": predictions.sha256},
        "toolkit": __version__,
        "seed": seed,
        "resamples": resamples,
        "rows": rows,
        "curves": curves,
        "per_joint": per_joint,
        "counts": {
            "hands": len(hands),
            "found": int(match.found.sum()),
            "missing": len(missing),
            "unknown": len(match.unknown),
            "annotators": dict(sorted(Counter(hands.annotator.tolist()).items())),
        },
        "missing": missing,
        "unknown": match.unknown,
        "notes": [],
    }
    return Scored(results, hands, match.points, distance, missing)


def _check(truth: Truth, predictions: Predictions, match: Match, ignore_unknown: bool) -> None:
    hands = truth.hands
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path), next_step="pass --gt RELEASE")
    blind = (hands.exists & ~np.isfinite(hands.points).all(axis=2)).any(axis=1)
    if blind.any():
        raise InputError(
            f"{int(blind.sum())} hands have a joint that exists without coordinates: {shorten(hands.id[blind])}",
            where=str(truth.path),
            next_step="mend the truth, or mark the joint as not existing",
        )
    if match.unknown and (not ignore_unknown or len(match.unknown) == len(predictions.ids)):
        some = f"{len(match.unknown)} of {len(predictions.ids)} predictions are for hands that the truth does not have"
        raise InputError(
            f"{some}: {shorten(match.unknown)}",
            why=f"the truth has ids like {hands.id[0]}",
            next_step="pass the right --gt, or --ignore-unknown to score the others",
        )


def _measure(
    hands: Hands,
    match: Match,
    distance: Floats,
    thresholds: Sequence[float],
    protocol: Protocol,
    normaliser: str,
    seed: int,
    resamples: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows, curves and values per joint, for every source and subset."""
    rows, curves, per_joint = [], [], []
    for source in sorted(set(hands.source.tolist())):
        here = hands.source == source
        part, near = hands.take(here), distance[here]
        clusters = np.unique(_clusters(part), return_inverse=True)[1]
        for subset in SUBSETS:
            mask = subset_mask(subset, part.exists, part.occluded)
            scored_hands = mask.any(axis=1)
            coverage = float(match.found[here][scored_hands].mean()) if scored_hands.any() else None
            for threshold in thresholds:
                tally = pck_tally(near, mask, threshold)
                hit = (near <= threshold) & mask
                interval = cluster_bootstrap(hit, mask, clusters, resamples=resamples, seed=seed)
                rows.append(
                    {
                        "measure": measure_name(threshold, subset),
                        "subset": subset,
                        "threshold": threshold,
                        "source": source,
                        "value": tally.macro,
                        "hands": tally.hands,
                        "joints": tally.joints,
                        "joints_without_truth": [JOINTS[j] for j in np.flatnonzero(tally.scored == 0)],
                        "clips": len(np.unique(clusters[scored_hands])),
                        "coverage": coverage,
                        "interval": list(interval) if interval else None,
                        "normaliser": normaliser,
                        "protocol": protocol.name,
                    }
                )
                for j, share in enumerate(tally.per_joint):
                    value = None if np.isnan(share) else float(share)
                    what = {"source": source, "subset": subset, "joint": JOINTS[j], "threshold": threshold}
                    per_joint.append(what | {"value": value, "scored": int(tally.scored[j])})
            values = [pck_tally(near, mask, threshold).macro for threshold in CURVE]
            curves.append({"source": source, "subset": subset, "thresholds": list(CURVE), "values": values})
    return rows, curves, per_joint


def _clusters(hands: Hands) -> NDArray[np.str_]:
    """The clip of each hand; its frame where the clip is unknown."""
    return np.where(hands.video_id == "", hands.frame_id, hands.video_id).astype(str)


def truth_kind(hands: Hands, predictions: Predictions) -> str:
    """One sentence on what the truth is, so that nobody takes the score for more than it says."""
    if set(hands.annotator.tolist()) == {"generator"}:
        return "exact truth of the synthetic generator"
    people = "a scripted annotator (simulated)" if set(hands.annotator.tolist()) == {"simulated"} else "annotators"
    started = {name for name in hands.detector.tolist() if name}
    if predictions.header.get("detector") in started:
        return (
            f"labels that {people} corrected from this detector's own guesses: not an independent truth, "
            "the score says how much was corrected"
        )
    return f"labels by {people}" + (f", starting from pre-labels of {', '.join(sorted(started))}" if started else "")


def per_hand_table(scored: Scored) -> Any:
    """One row a hand for the report and the viewer: truth, prediction, distances and the hand's error.

    `error` is the mean over the existing joints of min(distance, 1); a missing joint counts 1.
    """
    import pyarrow as pa

    from hint_toolkit.io.parquet import nested_array

    hands = scored.hands
    capped = np.where(hands.exists, np.minimum(np.nan_to_num(scored.distance, nan=0.0, posinf=1.0), 1.0), 0.0)
    n = hands.exists.sum(axis=1)
    error = np.divide(capped.sum(axis=1), n, out=np.zeros(len(hands)), where=n > 0)
    found = found_hands(scored.points)
    names = ("id", "source", "video_id", "side", "image")
    texts = {name: pa.array(getattr(hands, name), pa.string()) for name in names}
    arrays = {"box": hands.box, "truth": hands.points, "pred": scored.points, "exists": hands.exists}
    arrays |= {"occluded": hands.occluded, "distance": scored.distance}
    columns = texts | {"width": pa.array(hands.width), "height": pa.array(hands.height)}
    columns |= {name: nested_array(value) for name, value in arrays.items()}
    columns |= {"error": pa.array(error), "found": pa.array(found), "annotator": pa.array(hands.annotator, pa.string())}
    return pa.table(columns)


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
