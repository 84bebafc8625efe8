"""Measures of one source: the numbers, their counts, coverage and intervals, as rows of results.json."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.flows.scenes import Scene
from hint_toolkit.joints import JOINTS
from hint_toolkit.measures import Measure, parse_measures
from hint_toolkit.metrics.epe import Means, curve_share, means
from hint_toolkit.metrics.intervals import ByCluster, Method, bootstrap_many, pair
from hint_toolkit.metrics.oks import average_precision, hand_oks
from hint_toolkit.metrics.pck import Tally, tally, within
from hint_toolkit.protocol import SUBSETS, Protocol

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_GRAIN = 1e9  # intervals add whole numbers exactly; what is no count becomes whole in units of 1e-9


@dataclass(frozen=True)
class Draws:
    """How intervals are drawn: as in `metrics.intervals.bootstrap_many`."""

    seed: int = 0
    resamples: int = 1000
    method: Method = "percentile"


@dataclass(frozen=True)
class _Taken:
    """A measure on a scene: which joints it has and which count (N, 21), a value for each of them, and the sums."""

    measure: Measure
    has: Flags
    counts: Flags
    values: Any
    pooled: Tally | Means


def default_measures(protocol: Protocol, thresholds: Sequence[float]) -> tuple[Measure, ...]:
    """PCK of every subset at every threshold, then what else the protocol has."""
    pck = [Measure("PCK", subset, threshold) for subset in SUBSETS for threshold in thresholds]
    return (*pck, *parse_measures(protocol.measures))


def measure_rows(
    scene: Scene, measures: Sequence[Measure], protocol: Protocol, normaliser: str, draws: Draws
) -> list[dict[str, Any]]:
    """One row of results.json for each measure, in their order; see docs/results.md."""
    taken = {m: _take(m, scene, protocol) for m in measures if m.kind != "OKS-AP"}
    intervals = _intervals(list(taken.values()), scene, protocol, draws)
    rows: list[dict[str, Any]] = []
    facts: dict[Any, dict[str, Any]] = {}  # the same for every threshold, and the slow part of a row
    for m in measures:
        if m.kind == "OKS-AP":
            has, counts = scene.counted(m.subset, protocol.missing, m.joints)
            numbers = _oks(has, counts, scene, protocol)
        else:
            one = taken[m]
            has, counts = one.has, one.counts
            numbers = {
                "value": one.pooled.macro if protocol.pooling == "macro" else one.pooled.micro,
                "macro": one.pooled.macro,
                "micro": one.pooled.micro,
                "pooling": protocol.pooling,
                "interval": intervals[m],
                "normaliser": "none" if m.kind == "EPE" else normaliser,
            }
        key = (m.subset, m.joints, m.kind == "EPE")
        facts[key] = facts.get(key) or _facts(m, scene, has, counts)
        rows.append(_head(m, scene) | numbers | facts[key])
        rows[-1] |= {"missing_rule": protocol.missing, "protocol": protocol.name}
    return rows


def _head(measure: Measure, scene: Scene) -> dict[str, Any]:
    return {
        "measure": str(measure),
        "name": measure.name,
        "subset": measure.subset,
        "joint": measure.joint,
        "finger": measure.finger,
        "threshold": measure.threshold,
        "source": scene.source,
        "unit": "px" if measure.kind == "EPE" else "share",
    }


def _facts(measure: Measure, scene: Scene, has: Flags, counts: Flags) -> dict[str, Any]:
    """What a number stands on: how much counts, and how much of it was predicted."""
    with_truth, in_mean = np.asarray(has.any(axis=0)), np.asarray(counts.any(axis=0))
    with_joint, scored_hands = np.asarray(has.any(axis=1)), np.asarray(counts.any(axis=1))
    defined = bool(with_joint.any())
    return {
        "hands": int(scored_hands.sum()),
        "joints": int(counts.sum()),
        "joints_without_truth": [JOINTS[j] for j in measure.joints if not with_truth[j]],
        "joints_left_out": [JOINTS[j] for j in measure.joints if with_truth[j] and not in_mean[j]],
        "clips": len(np.unique(scene.clusters[scored_hands])),
        "coverage": float(scene.found[with_joint].mean()) if defined else None,
        "joint_coverage": float(np.isfinite(scene.pixels[has]).mean()) if defined else None,
    }


def _take(measure: Measure, scene: Scene, protocol: Protocol) -> _Taken:
    """PCK, AUC and EPE: a value a joint, and its sums."""
    has, counts = scene.counted(measure.subset, protocol.missing, measure.joints)
    if measure.threshold is not None:
        correct = within(scene.pixels, scene.sizes, measure.threshold, protocol.border) & counts
        return _Taken(measure, has, counts, correct, tally(correct, counts))
    if measure.span is not None:
        values = np.where(counts, curve_share(scene.distance, measure.span), 0.0)
    else:
        counts = has & np.isfinite(scene.pixels)  # an error has no upper end: what is missing cannot count as wrong
        values = np.where(counts, scene.pixels, 0.0)
    return _Taken(measure, has, counts, values, means(values, counts))


def _intervals(
    taken: Sequence[_Taken], scene: Scene, protocol: Protocol, draws: Draws
) -> dict[Measure, list[float] | None]:
    """The interval of every measure; those of one grid of subsets and thresholds from one set of draws."""
    clips = ByCluster(scene.clusters)

    def sums(values: Any) -> Floats:
        wide = values.sum(axis=1, keepdims=True) if protocol.pooling == "micro" else values
        return clips.sums(wide)

    def draw(hits: Floats, counts: Floats) -> Floats:
        return bootstrap_many(hits, counts, seed=draws.seed, resamples=draws.resamples, method=draws.method)

    found: dict[Measure, list[float] | None] = {}
    groups: dict[Any, list[_Taken]] = {}
    for one in taken:
        if one.measure.kind == "PCK":
            groups.setdefault((one.measure.subset, one.measure.joints), []).append(one)
        else:
            whole = draw(np.round(sums(one.values) * _GRAIN), sums(one.counts))
            found[one.measure] = _plain(whole / _GRAIN)
    for same in _even(list(groups.values())):
        hits = np.stack([np.stack([sums(one.values) for one in group]) for group in same])
        counts = np.stack([sums(group[0].counts)[None] for group in same])
        for group, pairs in zip(same, draw(hits, counts), strict=True):
            found |= {one.measure: _plain(ends) for one, ends in zip(group, pairs, strict=True)}
    return found


def _even(groups: list[list[_Taken]]) -> list[list[list[_Taken]]]:
    """Groups of one length together, so that their sums stack."""
    lengths = sorted({len(group) for group in groups})
    return [[group for group in groups if len(group) == length] for length in lengths]


def _plain(ends: Floats) -> list[float] | None:
    both = pair(ends)
    return list(both) if both else None


def _oks(has: Flags, counts: Flags, scene: Scene, protocol: Protocol) -> dict[str, Any]:
    """AP over the protocol's similarities. With the rule "drop" an undetected hand is no miss either."""
    similar = hand_oks(scene.pixels, counts, scene.areas * protocol.oks_area, protocol.oks_sigmas)
    found = (has & np.isfinite(scene.pixels)).any(axis=1)
    by_id = np.argsort(scene.ranks)  # so that the order of the truth's file decides nothing
    each = average_precision(similar[by_id], found[by_id], scene.scores[by_id], protocol.oks_thresholds)
    defined = bool(np.isfinite(each).all())
    return {
        "value": float(each.mean()) if defined else None,
        "macro": None,
        "micro": None,
        "pooling": "hands",
        "interval": None,
        "normaliser": "bbox-area",
        "by_similarity": dict(zip(map(str, protocol.oks_thresholds), each.tolist(), strict=True)) if defined else {},
    }
