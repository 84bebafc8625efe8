"""Predictions and truth -> results: one number a measure and source, with counts, coverage and interval."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import SHOWN_IDS, InputError, shorten
from hint_toolkit.flows.match import Match, found_hands, match_predictions
from hint_toolkit.flows.rows import Draws, default_measures, measure_rows
from hint_toolkit.flows.scenes import Scene, scenes_of, truth_sizes
from hint_toolkit.geometry import finite
from hint_toolkit.io.arrow import to_arrow
from hint_toolkit.io.errata import lineage_of
from hint_toolkit.io.human import Human
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.measures import Measure
from hint_toolkit.metrics.intervals import Method
from hint_toolkit.metrics.pck import first_threshold, pck_curve, pixel_distances, tally, within
from hint_toolkit.protocol import HAMER_V1, MISSING_RULES, NORMALISERS, SUBSETS, MissingRule, Protocol
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
        sizes: (N,) pixels, what distances were divided by.
        missing: ids for which the predictions hold no record.
    """

    results: dict[str, Any]
    hands: Hands
    points: Floats
    distance: Floats
    sizes: Floats
    missing: list[str]


def score(
    truth: Truth,
    predictions: Predictions,
    *,
    protocol: Protocol = HAMER_V1,
    normaliser: str | None = None,
    thresholds: Sequence[float] | None = None,
    measures: Sequence[Measure] | None = None,
    missing: MissingRule | None = None,
    seed: int = 0,
    resamples: int = 1000,
    interval: Method = "percentile",
    ignore_unknown: bool = False,
    human: Human | None = None,
) -> Scored:
    """Score by a protocol. A hand or joint without prediction counts as wrong unless another rule is asked for.

    Args:
        truth: the hands.
        predictions: joined to them by id.
        protocol: the rules.
        normaliser: a key of `protocol.NORMALISERS`; None takes the npz's scale where the truth has one, else the
            protocol's own.
        thresholds: of PCK; None takes the protocol's. Not together with `measures`.
        measures: what to compute instead of the protocol's PCK rows.
        missing: a key of `protocol.MISSING_RULES`; None takes the protocol's.
        seed: of the intervals.
        resamples: of the intervals.
        interval: how they are cut, "percentile" or "bca".
        ignore_unknown: score even if some predictions are for hands that the truth does not have.
        human: how people agree, to stand beside the score; an OKS takes their sigmas.

    Raises:
        InputError: no hand in the truth, an unknown hand among the predictions (unless ignored), a truth that
            defines no size, a joint that exists without coordinates, or a missing joint under the rule "error".
    """
    if measures and thresholds:
        raise InputError("pass measures or thresholds, not both", next_step="write PCK@0.2[all] as a measure")
    rules = replace(protocol, missing=missing or protocol.missing)
    match = match_predictions(truth, predictions)
    check_match(truth, predictions, match, ignore_unknown)
    hands = truth.hands
    normaliser, sizes = truth_sizes(truth, normaliser, rules)
    pixels = pixel_distances(match.points, hands.points)
    if rules.missing == "error":
        _refuse_missing(hands, pixels)
    wanted = tuple(thresholds or rules.thresholds)
    asked = tuple(measures) if measures else default_measures(rules, wanted)
    said = _truth_notes(truth)
    if human is not None and any(measure.name.startswith("OKS") for measure in asked):
        rules = replace(rules, oks_sigmas=human.oks_sigmas())
        said.append(f"OKS takes the sigmas of people, {human.hands} hands in {human.file}")
    if measures:
        wanted = tuple(sorted({m.threshold for m in asked if m.threshold is not None}))
    scenes = scenes_of(hands, match, predictions, pixels, sizes)
    draws = Draws(seed, resamples, interval)
    rows = [row for scene in scenes for row in measure_rows(scene, asked, rules, normaliser, draws)]
    absent = hands.id[~match.recorded].tolist()
    results = {
        "schema": "hint-results/1",
        "method": predictions.method,
        "header": predictions.header,
        "protocol": rules.name,
        "protocol_source": rules.source,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "missing_rule": rules.missing,
        "missing_rule_text": MISSING_RULES[rules.missing],
        "thresholds": list(wanted),
        "truth": {"path": truth.path.name, "version": truth.version, "kind": truth_kind(hands, predictions)}
        | lineage_of(truth.path, truth.version),
        "predictions": {"sha256": predictions.sha256},
        "toolkit": __version__,
        "seed": seed,
        "resamples": resamples,
        "interval_method": interval,
        "rows": rows,
        "curves": [curve for scene in scenes for curve in _curves(scene, rules)],
        "per_joint": [row for scene in scenes for row in _per_joint(scene, rules, wanted)],
        "counts": {
            "hands": len(hands),
            "found": int(match.found.sum()),
            "missing": len(absent),
            "unknown": len(match.unknown),
            "annotators": dict(sorted(Counter(hands.annotator.tolist()).items())),
        },
        "missing": absent,
        "unknown": match.unknown,
        "notes": said,
    }
    if human is not None:
        results["human"] = _beside(human, [str(measure) for measure in asked], normaliser)
    return Scored(results, hands, match.points, np.asarray(pixels / sizes[:, None]), sizes, absent)


def _beside(human: Human, measures: Sequence[str], normaliser: str) -> dict[str, Any]:
    """What people reach by the same measures; nothing where the hand's size was another."""
    same = human.normaliser == normaliser
    rows = [human.rows[name] for name in measures if same and name in human.rows]
    facts = {"file": human.file, "version": human.version, "hands": human.hands, "normaliser": human.normaliser}
    return facts | {"rows": [dict(row) for row in rows]}


def _truth_notes(truth: Truth) -> list[str]:
    """What reading the truth had to assume, or found contradictory."""
    said = [str(issue) for issue in truth.issues]
    return said if len(said) <= SHOWN_IDS else [*said[:SHOWN_IDS], f"and {len(said) - SHOWN_IDS} more of the truth"]


def _refuse_missing(hands: Hands, pixels: Floats) -> None:
    short = (hands.exists & ~np.isfinite(pixels)).any(axis=1)
    if short.any():
        raise InputError(
            f"{int(short.sum())} of {len(hands)} hands have a joint without prediction: {shorten(hands.id[short])}",
            next_step="predict them, or pass --missing miss to count them as wrong",
        )


def check_match(truth: Truth, predictions: Predictions, match: Match, ignore_unknown: bool) -> None:
    """Refuse what cannot be scored.

    Raises:
        InputError: no hand, a joint that exists without coordinates, or predictions for unknown hands (unless ignored).
    """
    hands = truth.hands
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path), next_step="pass --gt RELEASE")
    blind = (hands.exists & ~finite(hands.points)).any(axis=1)
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


def _curves(scene: Scene, protocol: Protocol) -> list[dict[str, Any]]:
    """PCK against the threshold, a subset each."""
    curves = []
    first = first_threshold(scene.distance, np.array(CURVE), protocol.border)
    for subset in SUBSETS:
        counts = scene.counted(subset, protocol.missing)[1]
        tallies = pck_curve(first, counts, len(CURVE))
        values = [one.macro if protocol.pooling == "macro" else one.micro for one in tallies]
        curves.append({"source": scene.source, "subset": subset, "thresholds": list(CURVE), "values": values})
    return curves


def _per_joint(scene: Scene, protocol: Protocol, thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """Share of correct hands of every joint, subset and threshold."""
    rows = []
    for subset in SUBSETS:
        counts = scene.counted(subset, protocol.missing)[1]
        for threshold in thresholds:
            one = tally(within(scene.pixels, scene.sizes, threshold, protocol.border), counts)
            for j, share in enumerate(one.per_joint.tolist()):
                what = {"source": scene.source, "subset": subset, "joint": JOINTS[j], "threshold": threshold}
                rows.append(what | {"value": None if share != share else share, "scored": int(one.scored[j])})
    return rows


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

    hands = scored.hands
    capped = np.where(hands.exists, np.minimum(np.nan_to_num(scored.distance, nan=0.0, posinf=1.0), 1.0), 0.0)
    n = hands.exists.sum(axis=1)
    error = np.divide(capped.sum(axis=1), n, out=np.zeros(len(hands)), where=n > 0)
    found = found_hands(scored.points)
    names = ("id", "frame_id", "source", "video_id", "side", "image")
    columns: dict[str, Any] = {name: getattr(hands, name) for name in names}
    columns |= {"width": hands.width, "height": hands.height, "size": scored.sizes, "box": hands.box}
    columns |= {"truth": hands.points, "pred": scored.points, "exists": hands.exists, "occluded": hands.occluded}
    columns |= {"distance": scored.distance, "error": error, "found": found, "annotator": hands.annotator}
    return pa.table({name: to_arrow(values) for name, values in columns.items()})
