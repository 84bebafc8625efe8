"""The visibility track: does a method know which joints can be seen, and does its confidence pay?

Prediction: one number a joint in 0..1, the probability that the joint is visible. Truth: exists and not
occluded. The rules and their reasons stand in docs/tracks.md.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import Match, match_predictions
from hint_toolkit.io.errata import lineage_of
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.calibration import brier, reliability, risk_coverage
from hint_toolkit.metrics.pck import pixel_distances, within
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.metrics.visibility import Measure, average_precision, f1, macro, micro, per_joint, roc_auc
from hint_toolkit.protocol import DEFAULT_NORMALISER, NORMALISERS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Use = Literal["visibility", "score"]
Absent = Literal["drop", "invisible"]

USES: Final[tuple[Use, ...]] = ("visibility", "score")
ABSENT: Final[dict[Absent, str]] = {
    "drop": "joints that do not exist do not take part",
    "invisible": "joints that do not exist count as not visible (as arXiv 2608.11574 counts them)",
}
UNKNOWN = 0.5
"""What a joint without a number counts as. A method could have written it itself to say "I do not know", so
leaving joints out never pays; dropping them would hide the hard ones."""
MISSING_TEXT: Final = f"a joint without a prediction of visibility counts as {UNKNOWN}"
EVERYWHERE = "all sources"

_RANKED: Final[dict[str, Measure]] = {"AP": average_precision, "ROC-AUC": roc_auc, "F1@0.5": f1}


@dataclass(frozen=True)
class _Part:
    """The hands of one source; arrays (N, 21) if nothing else is said.

    Attributes:
        visible: the truth.
        value: the prediction, `UNKNOWN` where there is none.
        given: where there is one.
        counted: joints that take part.
        near: joints that lie within the threshold.
        located: joints that exist and have true coordinates; for PCK.
        pointed: whether the method predicts any point of these hands at all.
    """

    visible: Flags
    value: Floats
    given: Flags
    counted: Flags
    near: Flags
    located: Flags
    pointed: bool


def score_visibility(
    truth: Truth,
    predictions: Predictions,
    *,
    use: Use = "visibility",
    absent: Absent = "drop",
    normaliser: str | None = None,
    threshold: float = 0.05,
    ignore_unknown: bool = False,
) -> dict[str, Any]:
    """AP, ROC-AUC, F1, calibration, and PCK against the share of joints kept, for every source.

    Args:
        truth: hands to score against.
        predictions: with `visibility` (or `score`) in 0..1.
        use: which of the two is the probability that a joint is visible.
        absent: what becomes of joints that do not exist, a key of `ABSENT`.
        normaliser: of the PCK; None is "npz" where the truth has a scale, else "bbox-max".
        threshold: of the PCK, in units of the normaliser.
        ignore_unknown: score although some predictions fit no hand of the truth.

    Returns:
        plain JSON, see docs/tracks.md; "incomplete" is null, or one line why the command exits with 3.

    Raises:
        InputError: no hand in the truth, unknown hands, numbers outside 0..1, or hands without a size.
    """
    match = match_predictions(truth, predictions)
    _check(truth, predictions, match, ignore_unknown)
    given = _values(truth, predictions, use)
    normaliser = normaliser or ("npz" if truth.scale is not None else DEFAULT_NORMALISER)
    whole = _whole(truth, match, given, absent, normaliser, threshold)
    hands = truth.hands
    sources = sorted(set(hands.source.tolist()))
    masks = {name: hands.source == name for name in sources}
    if len(sources) > 1:
        masks[EVERYWHERE] = np.ones(len(hands), bool)
    found = {name: _measure(name, _rows(whole, mask), threshold) for name, mask in masks.items()}
    without = hands.id[~np.isfinite(given).any(axis=1)].tolist()
    single = int((whole.counted & ~whole.given).sum())
    return {
        "schema": "hint-visibility/1",
        "method": predictions.method,
        "header": predictions.header,
        "toolkit": __version__,
        "truth": {"path": truth.path.name, "version": truth.version} | lineage_of(truth.path, truth.version),
        "predictions": {"sha256": predictions.sha256},
        "use": use,
        "absent": absent,
        "absent_text": ABSENT[absent],
        "missing_text": MISSING_TEXT,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "threshold": threshold,
        "rows": [row for part in found.values() for row in part["rows"]],
        "per_joint": [row for part in found.values() for row in part["per_joint"]],
        "reliability": [row for part in found.values() for row in part["reliability"]],
        "risk_coverage": [row for part in found.values() for row in part["risk_coverage"]],
        "counts": {
            "hands": len(hands),
            "hands_without": len(without),
            "joints": int(whole.counted.sum()),
            "joints_without": single,
            "unknown": len(match.unknown),
        },
        "without": without,
        "unknown": match.unknown,
        "incomplete": _incomplete(without, len(hands), use),
    }


def _check(truth: Truth, predictions: Predictions, match: Match, ignore_unknown: bool) -> None:
    if not len(truth.hands):
        raise InputError("holds no hands", where=str(truth.path), next_step="pass --gt RELEASE")
    if match.unknown and (not ignore_unknown or len(match.unknown) == len(predictions.ids)):
        raise InputError(
            f"{len(match.unknown)} of {len(predictions.ids)} predictions are for hands that the truth does not have: "
            f"{shorten(match.unknown)}",
            why=f"the truth has ids like {truth.hands.id[0]}",
            next_step="pass the right --gt, or --ignore-unknown to score the others",
        )


def _values(truth: Truth, predictions: Predictions, use: Use) -> Floats:
    """(N, 21) probabilities in the order of the truth, NaN where there is none.

    Raises:
        InputError: a number outside 0..1.
    """
    values: Floats = getattr(predictions, use)
    outside = np.asarray(((values < 0) | (values > 1)).any(axis=1))
    if outside.any():
        named = [hand for hand, bad in zip(predictions.ids, outside, strict=True) if bad]
        raise InputError(
            f"{len(named)} records have a {use} outside 0..1: {shorten(named)}",
            why="it is read as the probability that the joint is visible",
            next_step="map logits or heat-map peaks to 0..1 first",
        )
    # The join is by id and knows points only; a number a joint travels as its x.
    carried = replace(predictions, points=np.stack([values, np.zeros_like(values)], axis=2))
    return np.asarray(match_predictions(truth, carried).points[:, :, 0], dtype=np.float64)


def _whole(truth: Truth, match: Match, given: Floats, absent: Absent, normaliser: str, threshold: float) -> _Part:
    """Everything that is measured, for all hands.

    Raises:
        InputError: a hand with truth has no size, or the truth no scale.
    """
    hands = truth.hands
    if normaliser == "npz" and truth.scale is None:
        next_step = "choose another --normaliser, or pass HaMeR's evaluation npz as --gt"
        raise InputError("has no scale column", where=str(truth.path), next_step=next_step)
    sizes = hand_sizes(normaliser, hands.box, hands.points, hands.exists, scale=truth.scale)
    bad = ~(np.isfinite(sizes) & (sizes > 0)) & hands.exists.any(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} hands have no size by {normaliser}: {shorten(hands.id[bad])}",
            where=str(truth.path),
            next_step="choose another --normaliser, or leave these hands out",
        )
    pixels = pixel_distances(match.points, hands.points)
    return _Part(
        visible=hands.exists & ~hands.occluded,
        value=np.where(np.isfinite(given), given, UNKNOWN),
        given=np.isfinite(given),
        counted=hands.exists if absent == "drop" else np.ones_like(hands.exists),
        near=within(pixels, sizes, threshold),
        located=hands.exists & ~np.isnan(pixels),
        pointed=bool(match.found.any()),
    )


def _rows(part: _Part, mask: Flags) -> _Part:
    """The hands of a mask (N,)."""
    arrays = {name: getattr(part, name)[mask] for name in ("visible", "value", "given", "counted", "near", "located")}
    return _Part(**arrays, pointed=part.pointed)


def _measure(source: str, part: _Part, threshold: float) -> dict[str, list[dict[str, Any]]]:
    """All rows of one source. Without a single number from the method nothing is measured: None, not a score of 0.5."""
    truth, value, counted = part.visible, part.value, part.counted
    answered = bool((part.given & counted).any())
    if not answered:
        counted = np.zeros_like(counted)
    flat_truth, flat_value = truth[counted], value[counted]
    single = {name: per_joint(measure, truth, value, counted) for name, measure in _RANKED.items()}
    bins = reliability(flat_truth, flat_value)
    values: dict[str, tuple[float | None, list[str]]] = {}
    for name, measure in _RANKED.items():
        left_out = [JOINTS[j] for j, one in enumerate(single[name]) if one is None]
        values[f"{name}[macro]"] = (macro(single[name]), left_out)
        values[f"{name}[micro]"] = (micro(measure, truth, value, counted), [])
    values |= {"ECE": (bins.ece, []), "Brier": (brier(flat_truth, flat_value), [])}
    located = part.located & answered & part.pointed
    curve = risk_coverage(part.near[located], value[located])
    pck = f"@{threshold:g}"
    values[f"PCK{pck}[micro]"] = (1 - curve.aurc_random if curve else None, [])
    values[f"AURC{pck}"] = (curve.aurc if curve else None, [])
    values[f"AURC{pck}[best]"] = (curve.aurc_best if curve else None, [])
    values["share visible"] = (float(flat_truth.mean()) if len(flat_truth) else None, [])
    takes_part = part.counted
    common = {
        "source": source,
        "hands": int(takes_part.any(axis=1).sum()),
        "joints": int(takes_part.sum()),
        "coverage": float(part.given[takes_part].mean()) if takes_part.any() else None,
    }
    rows = [
        {"measure": name, "value": one, "joints_undefined": left_out} | common
        for name, (one, left_out) in values.items()
    ]
    joints = [_joint_row(source, j, part, counted, single) for j in range(len(JOINTS))]
    kept: list[dict[str, Any]] = []
    if curve:
        kept = [{"source": source, "kept": k, "pck": p} for k, p in zip(curve.kept, curve.pck, strict=True)]
    table = [{"source": source} | row for row in bins.rows()]
    return {"rows": rows, "per_joint": joints, "reliability": table, "risk_coverage": kept}


def _joint_row(
    source: str, joint: int, part: _Part, counted: Flags, single: dict[str, list[float | None]]
) -> dict[str, Any]:
    """All measures of one joint."""
    chosen = counted[:, joint]
    truth, value = part.visible[chosen, joint], part.value[chosen, joint]
    row: dict[str, Any] = {"source": source, "joint": JOINTS[joint]}
    row |= {name: values[joint] for name, values in single.items()}
    row |= {"ECE": reliability(truth, value).ece, "Brier": brier(truth, value)}
    share = float(truth.mean()) if len(truth) else None
    given = int((part.given & part.counted)[:, joint].sum())
    return row | {"share visible": share, "joints": int(part.counted[:, joint].sum()), "predicted": given}


def _incomplete(without: list[str], n: int, use: Use) -> str | None:
    if not without:
        return None
    if len(without) == n:
        return f'no hand has a "{use}": nothing to score; write 21 numbers in 0..1 into each record'
    return (
        f'{len(without)} of {n} hands have no "{use}", each of their joints counts as {UNKNOWN}: {shorten(without)}; '
        "write 21 numbers in 0..1 into each record"
    )
