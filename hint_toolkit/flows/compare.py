"""Several methods on the same hands: who beats whom, by how much, and what could be seen with so many clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.flows.scored_hands import FACTS, ScoredHands, normaliser_text
from hint_toolkit.metrics.intervals import Method, macro, per_cluster
from hint_toolkit.metrics.paired import PERMUTATIONS, Difference, detectable, holm, paired_differences
from hint_toolkit.metrics.pck import subset_mask, within
from hint_toolkit.protocol import HAMER_V1, SUBSETS, measure_name

Floats = NDArray[np.float64]
LEVEL: Final = 0.05
POWER: Final = 0.8
_RERUN: Final = "score both against the same truth with the same options"


@dataclass(frozen=True)
class _Counts:
    """One source: hits of every method (K, M, C, 21), counts (M, C, 21) and hands (M,), measures in the order asked."""

    hits: Floats
    counts: Floats
    hands: list[int]


def compare(
    sides: Sequence[ScoredHands],
    *,
    thresholds: Sequence[float] | None = None,
    subsets: Sequence[str] = SUBSETS,
    seed: int = 0,
    resamples: int = 1000,
    interval: Method = "percentile",
) -> dict[str, Any]:
    """Every pair of methods on every source, subset and threshold; see docs/compare.md for what comes back.

    Hands are matched by id. A hand that one method does not have counts as wrong there.

    Args:
        sides: two or more, of the same truth.
        thresholds: of PCK; None takes the protocol's.
        subsets: which joints.
        seed: of intervals and p values.
        resamples: of intervals.
        interval: how they are cut.

    Raises:
        InputError: fewer than two, different truth or rules, or a rule that leaves missing joints out.
    """
    _check(sides)
    base, pixels = aligned(sides)
    names = labels(sides)
    wanted = tuple(thresholds or base.protocol.thresholds or HAMER_V1.thresholds)
    measures = [(subset, threshold) for subset in subsets for threshold in wanted]
    sources, pairs = sorted(set(base.source.tolist())), list(combinations(range(len(sides)), 2))
    comparisons = len(sources) * len(measures) * len(pairs)
    # Enough patterns that the control below can still be passed.
    permutations = max(PERMUTATIONS, int(4 * comparisons / LEVEL))
    rows: list[dict[str, Any]] = []
    for source in sources:
        counts = _counts(base, pixels, base.source == source, measures)
        for a, b in pairs:
            found = paired_differences(
                *(counts.hits[a], counts.hits[b], counts.counts),
                resamples=resamples,
                permutations=permutations,
                seed=seed,
                method=interval,
            )
            for m, one in enumerate(found):
                rows.append(_row(source, measures[m], (names[a], names[b]), (a, b), counts, m, one))
    _control(rows)
    return {
        "schema": "hint-compare/1",
        "methods": [{"name": n, "path": s.path.name, "hands": len(s)} for n, s in zip(names, sides, strict=True)],
        **{name.replace(" ", "_"): value for name, value in base.facts.items()},
        "normaliser_text": normaliser_text(base.facts["normaliser"]),
        "truth_kind": base.kind,
        "toolkit": __version__,
        "seed": seed,
        "resamples": resamples,
        "permutations": permutations,
        "interval_method": interval,
        "control": {"method": "holm", "level": LEVEL, "comparisons": sum(r["p"] is not None for r in rows)},
        "power": POWER,
        "differences": rows,
        "matrix": [{"source": source, "rows": _matrix(rows, source, names)} for source in sources],
        "notes": _notes(rows),
    }


def _check(sides: Sequence[ScoredHands]) -> None:
    if len(sides) < 2:
        raise InputError("a comparison needs two or more", next_step="name two prediction files or results folders")
    first = sides[0]
    for side in sides:
        for fact in FACTS:
            one, other = first.facts[fact], side.facts[fact]
            if one != other:
                what = f"has another {fact} than {first.path}: {other[:16] or 'none'} and {one[:16] or 'none'}"
                raise InputError(what, where=str(side.path), next_step=_RERUN)
        if side.facts["missing_rule"] == "drop":
            what = "was scored with --missing drop, which would compare different joints"
            raise InputError(what, where=str(side.path), next_step="score again with --missing miss")


def aligned(sides: Sequence[ScoredHands]) -> tuple[ScoredHands, list[Floats]]:
    """All hands that any side has, in the order of their ids, and the pixel distances of every side on them.

    Returns:
        the hands (N), with the predictions of no side in particular, and one (N, 21) a side: inf where it has no hand.
    """
    base = sides[0]
    for side in sides[1:]:
        base = base.joined(side.take(~np.isin(side.id.astype(str), base.id.astype(str))))
    base = base.take(np.argsort(base.id.astype(str), kind="stable"))
    place = {name: k for k, name in enumerate(base.id.tolist())}
    pixels = []
    for side in sides:
        mine = np.where(base.exists, np.inf, np.nan)
        mine[[place[name] for name in side.id.tolist()]] = side.pixels
        pixels.append(mine)
    return base, pixels


def labels(sides: Sequence[ScoredHands]) -> list[str]:
    """Names of the methods, told apart by file, then by number, where several have the same."""
    methods = [side.method for side in sides]
    names = [m if methods.count(m) == 1 else f"{m} ({side.path.stem})" for m, side in zip(methods, sides, strict=True)]
    return [n if names.count(n) == 1 else f"{n} {k + 1}" for k, n in enumerate(names)]


def _counts(
    base: ScoredHands, pixels: Sequence[Floats], here: NDArray[np.bool_], measures: Sequence[tuple[str, float]]
) -> _Counts:
    clips = np.unique(base.clip[here].astype(str), return_inverse=True)[1]
    number, sizes, border = int(clips.max()) + 1, base.sizes[here], base.protocol.border
    masks = {s: subset_mask(s, base.exists[here], base.occluded[here]) for s, _ in measures}
    near = {t: [within(p[here], sizes, t, border) for p in pixels] for _, t in measures}
    hits = [[per_cluster(near[t][k] & masks[s], clips, number) for s, t in measures] for k in range(len(pixels))]
    counts = {s: per_cluster(mask, clips, number) for s, mask in masks.items()}
    hands = [int(masks[s].any(axis=1).sum()) for s, _ in measures]
    return _Counts(np.array(hits), np.array([counts[s] for s, _ in measures]), hands)


def _row(
    source: str,
    measure: tuple[str, float],
    names: tuple[str, str],
    pair: tuple[int, int],
    counts: _Counts,
    m: int,
    one: Difference,
) -> dict[str, Any]:
    total = counts.counts[m].sum(axis=0)
    values = [float(macro(counts.hits[k, m].sum(axis=0), total)) for k in pair]
    return {
        "a": names[0],
        "b": names[1],
        "measure": measure_name(measure[1], measure[0]),
        "subset": measure[0],
        "threshold": measure[1],
        "source": source,
        "value_a": None if one.value is None else values[0],
        "value_b": None if one.value is None else values[1],
        "difference": one.value,
        "interval": list(one.interval) if one.interval else None,
        "standard_error": one.standard_error,
        "p": one.p,
        "smallest_p": one.smallest_p,
        "hands": counts.hands[m],
        "joints": int(total.sum()),
        "clips": one.clips,
    }


def _control(rows: list[dict[str, Any]]) -> None:
    """Add the adjusted p, the verdict on b against a, and what could have been detected."""
    adjusted = holm([row["p"] for row in rows])
    tests = sum(p is not None for p in adjusted)
    for row, p in zip(rows, adjusted, strict=True):
        found = p is not None and p < LEVEL
        ahead = "win" if (row["difference"] or 0) > 0 else "lose"
        row["p_holm"] = p
        row["verdict"] = None if p is None else ahead if found else "tie"
        row["detectable_alone"] = detectable(row["standard_error"], level=LEVEL, power=POWER)
        row["detectable"] = detectable(row["standard_error"], comparisons=max(tests, 1), level=LEVEL, power=POWER)


def _matrix(rows: Sequence[dict[str, Any]], source: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """How often the method of a row wins, ties and loses against each other one, over the measures of a source."""
    turned = {"win": "lose", "lose": "win", "tie": "tie"}
    counts = {(a, b): dict.fromkeys(turned, 0) for a in names for b in names if a != b}
    for row in rows:
        if row["source"] == source and row["verdict"]:
            counts[row["b"], row["a"]][row["verdict"]] += 1
            counts[row["a"], row["b"]][turned[row["verdict"]]] += 1
    return [{"method": a, "against": {b: counts[a, b] for b in names if b != a}} for a in names]


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Sources with so few clips that no verdict but a tie could come out."""
    tests = sum(row["p"] is not None for row in rows)
    blind: dict[str, int] = {}
    for row in rows:
        same = row["difference"] == 0 and row["standard_error"] == 0
        if row["p"] is None or (row["smallest_p"] * tests >= LEVEL and not same):
            blind[row["source"]] = max(blind.get(row["source"], 0), row["clips"])
    return [
        f"{source}: some or all measures cannot tell methods apart, too few clips differ ({clips} in all)"
        for source, clips in sorted(blind.items())
    ]
