"""What the pre-labels did: to the labels, and to the score of the detector that made them.

Two sources, and neither needs a truth. What people were shown and what they submitted tells who corrected what. A
share of tasks without a pre-label, drawn by chance, tells what the same people say about the same kind of hands when
nothing is suggested: the difference of the detector's score on the two is what its own pre-labels gave it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.flows.pairs import clusters_of
from hint_toolkit.flows.people import INDEPENDENT
from hint_toolkit.geometry import finite
from hint_toolkit.io.answers import Answers
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.agreement import cluster_sums, interval, macros, value
from hint_toolkit.metrics.pck import pixel_distances, subset_mask, within
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS, SUBSETS, measure_name
from hint_toolkit.quality.anchoring import BIN_NAMES, NUDGE, acceptances, binned, moved
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SCHEMA: Final = "hint-anchoring/1"
EVERYBODY: Final = "everybody"
PLAINLY_WRONG: Final = 0.1
"""Of the hand's size: farther than careful people scatter at a visible joint, so nobody is accused of agreeing."""


def anchoring(
    workspace: Workspace, *, normaliser: str = DEFAULT_NORMALISER, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Audit the answers of a workspace.

    Args:
        workspace: with pulled answers, and the pre-labels that they started from.
        normaliser: of distances and PCK.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        plain JSON, see docs/anchoring.md.

    Raises:
        InputError: nothing pulled, or no task that was shown with a pre-label has been submitted.
    """
    answers = workspace.read_answers().newest()
    answers = answers.take((answers.hands.state == "submitted") & np.isin(answers.purpose.astype(str), INDEPENDENT))
    prelabels = workspace.read_prelabels()
    return audit(answers, prelabels, normaliser=normaliser, seed=seed, resamples=resamples)


def audit(
    answers: Answers, prelabels: Hands, *, normaliser: str = DEFAULT_NORMALISER, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """`anchoring` of submitted answers and the detector's hands by the same ids."""
    shown = answers.started.state == "prelabel"
    if not shown.any():
        raise InputError(
            "nothing that was shown with a pre-label has been submitted",
            next_step="correct hands, then: hint-build pull",
        )
    seen = answers.take(shown)
    sizes = _sizes(seen.hands, normaliser)
    pixels = _moved(seen)
    blind, detected = _blind(answers.take(~shown), prelabels)
    names = sorted(set(seen.hands.annotator.tolist()))
    people = np.searchsorted(np.array(names), seen.hands.annotator.astype(str))
    clusters = clusters_of(seen.hands)
    accepted = _accepted(seen, pixels, sizes)
    needed = _needed(blind, detected, normaliser)
    found = acceptances(names, people, accepted, clusters, needed)
    return {
        "schema": SCHEMA,
        "toolkit": __version__,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "hands": {"shown": len(seen), "blind": len(blind)},
        "needs_correction": needed,
        "people": [_person(one) for one in found],
        "named": [one.name for one in found if one.named],
        "moves": _moves(seen, pixels, sizes, names, people),
        "flags": _flags(seen, names, people),
        "effect": _effect(seen, blind, detected, normaliser, seed, resamples),
        "seed": seed,
        "resamples": resamples,
    }


def _sizes(hands: Hands, normaliser: str) -> Floats:
    sizes = hand_sizes(normaliser, hands.box, hands.points, hands.exists)
    return np.asarray(np.where(np.isfinite(sizes) & (sizes > 0), sizes, 0.0), np.float64)


def _moved(answers: Answers) -> Floats:
    """(N, 21) pixels; NaN unless the joint was shown and is in the answer."""
    start = np.where(answers.started.exists[..., None], answers.started.points, np.nan)
    return moved(start, np.where(answers.hands.exists[..., None], answers.hands.points, np.nan))


def _accepted(answers: Answers, pixels: Floats, sizes: Floats) -> Flags:
    """(N,) no point moved farther than a nudge, no flag changed, the same side."""
    still = (np.nan_to_num(pixels) <= NUDGE * sizes[:, None]).all(axis=1)
    hands, started = answers.hands, answers.started
    same = (hands.exists == started.exists).all(axis=1) & (hands.occluded == started.occluded).all(axis=1)
    return np.asarray(still & same & (hands.side == started.side))


def _blind(answers: Answers, prelabels: Hands) -> tuple[Answers, Hands]:
    """Answers to hands that the detector has and that were shown without its points, and these points, row by row."""
    place = {hand_id: i for i, hand_id in enumerate(prelabels.id) if prelabels.state[i] == "prelabel"}
    kept = np.array([i for i, hand_id in enumerate(answers.hands.id) if hand_id in place], dtype=np.int64)
    blind = answers.take(kept)
    return blind, prelabels.take(np.array([place[hand_id] for hand_id in blind.hands.id], dtype=np.int64))


def _needed(blind: Answers, detected: Hands, normaliser: str) -> float | None:
    """Share of hands in which a visible joint of the detector is plainly wrong, by labels given without seeing it."""
    if not len(blind):
        return None
    sizes = _sizes(blind.hands, normaliser)
    pixels, located = _errors(detected, blind.hands)
    far = (located & ~blind.hands.occluded & (pixels > PLAINLY_WRONG * sizes[:, None])).any(axis=1)
    return float(far.mean())


def _errors(detected: Hands, labels: Hands) -> tuple[Floats, Flags]:
    """Pixels from the detector's points to the labels, inf where it has none; and which joints have a label."""
    points = np.where(detected.exists[..., None], detected.points, np.nan)
    pixels = pixel_distances(points, labels.points)
    return pixels, labels.exists & finite(labels.points)


def _moves(
    answers: Answers, pixels: Floats, sizes: Floats, names: list[str], people: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Counts of every bin: everybody and each person by subset, everybody by joint and subset."""
    rows = []
    for k, who in enumerate([EVERYBODY, *names]):
        mine = np.ones(len(people), bool) if k == 0 else people == k - 1
        for subset in SUBSETS:
            mask = subset_mask(subset, answers.hands.exists, answers.hands.occluded) & mine[:, None]
            counts = binned(pixels, sizes, mask)
            rows.append(_bins(who, None, subset, counts.sum(axis=1)))
            if k == 0:
                rows += [_bins(who, joint, subset, counts[:, j]) for j, joint in enumerate(JOINTS)]
    return rows


def _bins(who: str, joint: str | None, subset: str, counts: NDArray[np.int64]) -> dict[str, Any]:
    total = int(counts.sum())
    shares = {name: float(n / total) if total else None for name, n in zip(BIN_NAMES, counts, strict=True)}
    return {"who": who, "joint": joint, "subset": subset, "joints": total, "shares": shares}


def _flags(answers: Answers, names: list[str], people: NDArray[np.int64]) -> list[dict[str, Any]]:
    """How many joints and sides were changed, by person."""
    hands, started = answers.hands, answers.started
    changes = {
        "added": hands.exists & ~started.exists,
        "removed": started.exists & ~hands.exists,
        "ticked occluded": hands.occluded & ~started.occluded,
        "ticked visible": started.occluded & ~hands.occluded & hands.exists,
        "side": (hands.side != started.side)[:, None],
    }
    rows = []
    for k, who in enumerate([EVERYBODY, *names]):
        mine = np.ones(len(people), bool) if k == 0 else people == k - 1
        counts = {name: int(flags[mine].sum()) for name, flags in changes.items()}
        rows.append({"who": who, "hands": int(mine.sum()), **counts})
    return rows


def _person(one: Any) -> dict[str, Any]:
    def number(x: float) -> float | None:
        return None if np.isnan(x) else float(x)

    return {
        "name": one.name,
        "hands": one.hands,
        "accepted": one.accepted,
        "share": one.accepted / one.hands if one.hands else None,
        "expected": number(one.expected),
        "chance": number(one.chance),
        "named": one.named,
    }


def _effect(
    seen: Answers, blind: Answers, detected: Hands, normaliser: str, seed: int, resamples: int
) -> list[dict[str, Any]]:
    """The detector's PCK against labels that started from it, against blind ones, and the difference."""
    if not len(blind):
        return []
    both = Hands.concat([seen.hands, blind.hands])
    clusters = clusters_of(both)
    n = int(clusters.max()) + 1
    rows = []
    for subset in SUBSETS:
        for threshold in HAMER_V1.thresholds:
            groups = [
                _tallies(detector, labels, threshold, subset, normaliser)
                for detector, labels in ((seen.started, seen.hands), (detected, blind.hands))
            ]
            sums = [
                cluster_sums(values, part, n)
                for values, part in zip(groups, (clusters[: len(seen)], clusters[len(seen) :]), strict=True)
            ]
            together = np.concatenate([part.reshape(n, -1) for part in sums], axis=1)
            row: dict[str, Any] = {"measure": measure_name(threshold, subset)}
            for name, statistic in {"shown": _first, "blind": _second, "difference": _difference}.items():
                bounds = interval(statistic, together, seed=seed, resamples=resamples)
                number = value(statistic, together)
                row[name] = number
                row[f"{name}_interval"] = list(bounds) if bounds and number is not None else None
            rows.append(row)
    return rows


def _tallies(detector: Hands, labels: Hands, threshold: float, subset: str, normaliser: str) -> Floats:
    """(N, 21, 2) hits and counts."""
    pixels, located = _errors(detector, labels)
    sizes = _sizes(labels, normaliser)
    counted = subset_mask(subset, labels.exists, labels.occluded) & located & (sizes > 0)[:, None]
    near = within(pixels, sizes, threshold, HAMER_V1.border) & counted
    return np.stack([near, counted], axis=-1).astype(np.float64)


def _first(sums: Floats) -> Floats:
    return macros(sums[..., : sums.shape[-1] // 2])


def _second(sums: Floats) -> Floats:
    return macros(sums[..., sums.shape[-1] // 2 :])


def _difference(sums: Floats) -> Floats:
    return np.asarray(_first(sums) - _second(sums), np.float64)
