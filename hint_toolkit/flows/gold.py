"""Gold hands: tasks whose answer is known, slipped in among the others, and how each annotator did on them."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.pairs import clusters_of, distances_between, flag_pairs, sizes_of
from hint_toolkit.flows.people import People, people_of
from hint_toolkit.io.release import read_truth
from hint_toolkit.metrics.agreement import Statistic, agreed, cluster_sums, interval, kappas, macros, means, value
from hint_toolkit.metrics.pck import subset_mask, within
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS, SUBSETS, measure_name
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace

Floats = NDArray[np.float64]
SCHEMA: Final = "hint-gold/1"
DISTANCE: Final = "distance / hand size"


def score_gold(
    workspace: Workspace, truth: Path, *, normaliser: str = DEFAULT_NORMALISER, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Score everybody's answers to gold hands against their truth.

    Args:
        workspace: with pulled answers.
        truth: the file or folder that the gold hands were pushed from, with the same ids.
        normaliser: of PCK and distances, by the truth.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        plain JSON: a row a person and measure; "unknown" are gold hands that the truth does not have.

    Raises:
        InputError: nothing pulled, no gold hand was answered, or none of them is in the truth.
    """
    answers = workspace.read_answers().newest()
    gold = answers.take(answers.purpose == "gold")
    order = np.argsort(gold.updated_at.astype(str), kind="stable")
    given = gold.take(order).hands
    people = people_of(given)
    if not people.ids:
        raise InputError(
            "nobody has answered a gold hand",
            where=str(workspace.answers_file),
            next_step="hint-build push --gold FILE",
        )
    right = read_truth(truth).hands
    place = {hand_id: i for i, hand_id in enumerate(right.id)}
    unknown = [hand_id for hand_id in people.ids if hand_id not in place]
    if len(unknown) == len(people.ids):
        raise InputError("none of the gold hands is in it", where=str(truth), why=f"e.g. {shorten(unknown, 2)}")
    rows = []
    for a, name in enumerate(people.names):
        skipped = int(((given.annotator == name) & (given.state == "skipped")).sum())
        rows += _person(name, skipped, *_matched(people, a, right, place), normaliser, seed, resamples)
    return {
        "schema": SCHEMA,
        "toolkit": __version__,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "hands": len(people.ids) - len(unknown),
        "unknown": unknown,
        "seed": seed,
        "resamples": resamples,
        "rows": rows,
    }


def below(result: dict[str, Any], least: float) -> list[tuple[str, float | None]]:
    """Who is below a PCK of all joints, or has none, and what they have."""
    wanted = measure_name(HAMER_V1.thresholds[0], "all")
    rows = [row for row in result["rows"] if row["measure"] == wanted]
    return [(row["name"], row["value"]) for row in rows if row["value"] is None or row["value"] < least]


def _matched(people: People, a: int, right: Hands, place: dict[str, int]) -> tuple[Hands, Hands]:
    """The truth of the hands that a person answered, and the answers, row by row."""
    mine = [i for i, hand_id in enumerate(people.ids) if people.rows[a, i] >= 0 and hand_id in place]
    truth = right.take(np.array([place[people.ids[i]] for i in mine], dtype=np.int64))
    return truth, people.of(a, np.array(mine, dtype=np.int64))


def _person(
    name: str, skipped: int, truth: Hands, answer: Hands, normaliser: str, seed: int, resamples: int
) -> list[dict[str, Any]]:
    rows = []
    for measure, (statistic, sums) in _measures(truth, answer, normaliser).items():
        number = value(statistic, sums)
        bounds = interval(statistic, sums, seed=seed, resamples=resamples)
        rows.append(
            {
                "name": name,
                "hands": len(truth),
                "skipped": skipped,
                "measure": measure,
                "value": number,
                "interval": list(bounds) if bounds and number is not None else None,
            }
        )
    return rows


def _measures(truth: Hands, answer: Hands, normaliser: str) -> dict[str, tuple[Statistic, Floats]]:
    """Statistic and sums a clip of every measure, the truth taken as the truth."""
    clusters = clusters_of(truth)
    n = int(clusters.max()) + 1 if len(clusters) else 1
    pixels, located = distances_between(truth, answer)
    sizes = sizes_of(truth, normaliser)
    found: dict[str, tuple[Statistic, Floats]] = {}
    for subset in SUBSETS:
        counted = subset_mask(subset, truth.exists, truth.occluded) & located
        near = within(pixels, sizes, HAMER_V1.thresholds[0], HAMER_V1.border) & counted
        parts = cluster_sums(np.stack([near, counted], axis=-1).astype(np.float64), clusters, n)
        found[measure_name(HAMER_V1.thresholds[0], subset)] = (macros, parts.reshape(n, -1))
    both = truth.exists & located & np.isfinite(pixels)
    shares = np.where(both, pixels, 0.0) / np.where(sizes > 0, sizes, 1.0)[:, None]
    parts = cluster_sums(np.stack([shares, both], axis=-1).astype(np.float64), clusters, n)
    found[DISTANCE] = (means, parts.sum(axis=1))
    for flag, (a, b, asked) in flag_pairs((truth, answer)).items():
        cells = np.stack([a & b, a & ~b, ~a & b, ~a & ~b], axis=-1) & asked[..., None]
        parts = cluster_sums(cells.astype(np.float64), clusters, n).sum(axis=1)
        found[f"{flag} agreement"] = (agreed, parts)
        found[f"{flag} kappa"] = (kappas, parts)
    same = np.stack([truth.side == answer.side, np.ones(len(truth), bool)], axis=-1).astype(np.float64)
    found["side agreement"] = (means, cluster_sums(same, clusters, n))
    return found
