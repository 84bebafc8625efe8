"""The human ceiling: two people's labels of the same hands, scored against each other by the measures of a method."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.pairs import (
    PAPER,
    PAPER_TEXT,
    WITHIN_PALM,
    clusters_of,
    distances_between,
    flag_pairs,
    sizes_of,
    within_palm,
)
from hint_toolkit.io.parquet import read_hands
from hint_toolkit.io.release import content_hash, read_truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.agreement import (
    Statistic,
    agreed,
    interval,
    kappas,
    tables,
    value,
)
from hint_toolkit.metrics.intervals import cluster_bootstrap
from hint_toolkit.metrics.pck import subset_mask, tally, within
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS, SUBSETS, measure_name
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EVERYWHERE = "all sources"


def score_ceiling(
    a: Path,
    b: Path | None = None,
    *,
    annotators: tuple[str, str] | None = None,
    normaliser: str = DEFAULT_NORMALISER,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Score person B against person A and A against B, and count how often their flags agree.

    Args:
        a: A's labels: a release, a Parquet file of hands, or HInt's folders.
        b: B's labels, likewise; None with `annotators`.
        annotators: two names in the `annotator` column of the one file `a`.
        normaliser: of the PCK; taken from the hand that is scored against.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        plain JSON, see docs/tracks.md; "incomplete" is null, or one line why the command exits with 3.

    Raises:
        InputError: neither or both of `b` and `annotators`, an unknown annotator, unreadable labels, no hand in
            both, or hands without a size.
    """
    first, second, names = _two(a, b, annotators)
    keys = [_keys(hands) for hands in (first, second)]
    places = [{key: i for i, key in enumerate(one)} for one in keys]
    common = sorted(set(places[0]) & set(places[1]))
    only = [[key for key in one if key not in other] for one, other in zip(keys, places[::-1], strict=True)]
    if not common:
        raise InputError(
            "no hand is in both",
            where=f"{names[0]}, {names[1]}",
            why=f"ids like {shorten(only[0], 1)} and {shorten(only[1], 1)}",
            next_step="pass two labellings of the same images",
        )
    pair = [
        hands.take(np.array([at[key] for key in common])) for hands, at in zip((first, second), places, strict=True)
    ]
    masks = {name: pair[0].source == name for name in sorted(set(pair[0].source.tolist()))}
    if len(masks) > 1:
        masks[EVERYWHERE] = np.ones(len(common), bool)
    rows, joints = [], []
    for source, mask in masks.items():
        here = (pair[0].take(mask), pair[1].take(mask))
        rows += _rows(source, here, normaliser, seed, resamples)
        joints += _joint_rows(source, here, normaliser)
    same_side = float((pair[0].side == pair[1].side).mean())
    return {
        "schema": "hint-ceiling/1",
        "toolkit": __version__,
        "a": {"name": names[0], "version": content_hash(first), "hands": len(first)},
        "b": {"name": names[1], "version": content_hash(second), "hands": len(second)},
        "protocol": HAMER_V1.name,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "seed": seed,
        "resamples": resamples,
        "paper": PAPER | {"source": PAPER_TEXT},
        "rows": rows,
        "per_joint": joints,
        "counts": {"both": len(common), "only_a": len(only[0]), "only_b": len(only[1]), "side_agreement": same_side},
        "only_a": only[0],
        "only_b": only[1],
        "incomplete": _incomplete(names, only),
    }


def _two(a: Path, b: Path | None, annotators: tuple[str, str] | None) -> tuple[Hands, Hands, tuple[str, str]]:
    if (b is None) == (annotators is None):
        raise InputError("wants a second person", next_step="pass --b LABELS, or --annotators NAME,NAME")
    if b is not None:
        hands = [_submitted(read_truth(path).hands) for path in (a, b)]
        return hands[0], hands[1], (a.name, b.name) if a.name != b.name else (str(a), str(b))
    assert annotators is not None
    table = read_hands(a) if a.is_file() else read_truth(a).hands
    people = sorted(set(table.annotator.tolist()))
    for name in annotators:
        if name not in people:
            raise InputError(f"nobody is called {name!r}", where=f"{a} > annotator", why=f"there are {shorten(people)}")
    hands = [_latest(table.take(table.annotator == name)) for name in annotators]
    return hands[0], hands[1], annotators


def _submitted(hands: Hands) -> Hands:
    return hands.take(hands.state == "submitted")


def _latest(hands: Hands) -> Hands:
    """The last answer to every task, in the order of the file; tasks skipped in the end are left out."""
    last = {hand_id: i for i, hand_id in enumerate(hands.id)}
    return _submitted(hands.take(np.array(sorted(last.values()), dtype=np.int64)))


def _keys(hands: Hands) -> list[str]:
    """What a hand is found by. Our stems end in the side (`.._h0_l`), about which two people may disagree."""
    keys = []
    for hand_id in hands.id:
        head, _, tail = hand_id.rpartition("_")
        number = head.rpartition("_")[2]
        ours = tail in ("l", "r") and number[:1] == "h" and number[1:].isdigit()
        keys.append(head if ours else hand_id)
    return keys


def _rows(source: str, pair: tuple[Hands, Hands], normaliser: str, seed: int, resamples: int) -> list[dict[str, Any]]:
    """All measures of one source: both directions, then the flags."""
    rows: list[dict[str, Any]] = []
    clusters = clusters_of(pair[0])
    for direction, (truth, other) in {"b against a": pair, "a against b": pair[::-1]}.items():
        pixels, located = distances_between(truth, other)
        sizes = sizes_of(truth, normaliser)
        near = {t: within(pixels, sizes, t, HAMER_V1.border) for t in HAMER_V1.thresholds}
        scored = {s: subset_mask(s, truth.exists, truth.occluded) & located for s in SUBSETS}
        flags = [(measure_name(t, s), near[t], scored[s]) for s in SUBSETS for t in HAMER_V1.thresholds]
        for name, hit, counted in flags:
            counts = tally(hit, counted)
            bounds = cluster_bootstrap(hit & counted, counted, clusters, resamples=resamples, seed=seed)
            rows.append(_row(source, name, direction, counts.macro, counted, bounds, normaliser))
        hit, counted = within_palm(truth, other)
        table = tables(hit, np.ones_like(hit), counted, clusters)
        rows.append(_share(source, WITHIN_PALM, direction, agreed, table, counted, seed, resamples))
    for flag, (a, b, counted) in flag_pairs(pair).items():
        table = tables(a, b, counted, clusters)
        for name, statistic in {f"{flag} agreement": agreed, f"{flag} kappa": kappas}.items():
            rows.append(_share(source, name, "both", statistic, table, counted, seed, resamples))
    return rows


def _share(
    source: str,
    name: str,
    direction: str,
    statistic: Statistic,
    table: Floats,
    counted: Flags,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """A row of a measure that is made of 2 x 2 counts; it has no normaliser."""
    bounds = interval(statistic, table, resamples=resamples, seed=seed)
    return _row(source, name, direction, value(statistic, table), counted, bounds, None)


def _row(
    source: str,
    name: str,
    direction: str,
    number: float | None,
    counted: Flags,
    bounds: tuple[float, float] | None,
    normaliser: str | None,
) -> dict[str, Any]:
    return {
        "measure": name,
        "direction": direction,
        "source": source,
        "value": number,
        "hands": int(counted.any(axis=1).sum()),
        "joints": int(counted.sum()),
        "interval": list(bounds) if bounds else None,
        "normaliser": normaliser,
        "protocol": HAMER_V1.name if normaliser else None,
    }


def _joint_rows(source: str, pair: tuple[Hands, Hands], normaliser: str) -> list[dict[str, Any]]:
    """One row a joint, B against A: PCK at the first threshold, palm lengths, agreement and kappa of both flags."""
    a, b = pair
    pixels, located = distances_between(a, b)
    threshold = HAMER_V1.thresholds[0]
    near = within(pixels, sizes_of(a, normaliser), threshold, HAMER_V1.border)
    shares = {measure_name(threshold, s): tally(near, subset_mask(s, a.exists, a.occluded) & located) for s in SUBSETS}
    shares[WITHIN_PALM] = tally(*within_palm(a, b))
    one = np.zeros(len(a), np.int64)
    rows = []
    for j, joint in enumerate(JOINTS):
        row: dict[str, Any] = {"source": source, "joint": joint}
        row |= {name: float(t.per_joint[j]) if t.scored[j] else None for name, t in shares.items()}
        for flag, (first, second, counted) in flag_pairs(pair).items():
            table = tables(first[:, [j]], second[:, [j]], counted[:, [j]], one)
            row |= {f"{flag} agreement": value(agreed, table), f"{flag} kappa": value(kappas, table)}
        rows.append(row | {"joints": int(a.exists[:, j].sum())})
    return rows


def _incomplete(names: tuple[str, str], only: list[list[str]]) -> str | None:
    parts = [f"{len(ids)} only in {name}: {shorten(ids)}" for name, ids in zip(names, only, strict=True) if ids]
    return f"hands that one person has and the other has not are left out: {' | '.join(parts)}" if parts else None
