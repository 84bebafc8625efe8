"""How far people agree about the same hands: every pair, everybody together, every joint, each with an interval.

Numbers that stand for a method's (PCK, the paper's share within 0.25 palm lengths) take each of a pair as the truth
once and count both directions, so that they do not depend on who is named first. `flows/ceiling.py` shows the two
directions of one pair one by one.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.flows.agreement_sums import SIGMA, Sums, alpha_sums, pair_sums
from hint_toolkit.flows.pairs import PAPER, PAPER_TEXT
from hint_toolkit.flows.people import People, need_shared
from hint_toolkit.geometry import finite
from hint_toolkit.io.release import content_hash
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.agreement import Statistic, interval, value
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS
from hint_toolkit.quality.scatter import scatters

Floats = NDArray[np.float64]
SCHEMA: Final = "hint-agreement/1"
EVERYBODY: Final = "everybody"


def agreement(
    people: People, *, normaliser: str = DEFAULT_NORMALISER, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Measure how far people agree.

    Args:
        people: their answers; hands that only one person answered are left out.
        normaliser: of PCK and distances.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        plain JSON, see docs/agreement.md.

    Raises:
        InputError: no hand has answers of two people, or a hand has no size.
    """
    shared = need_shared(people)
    n = int(shared.clusters.max()) + 1
    total: dict[str, Sums] = {}
    rows: list[dict[str, Any]] = []
    options = {"seed": seed, "resamples": resamples}
    pairs = list(shared.pairs())
    for a, b, both in pairs:
        pair = (shared.of(a, both), shared.of(b, both))
        measures = pair_sums(pair, shared.clusters[both], n, normaliser)
        if len(pairs) > 1:
            rows += _rows(f"{shared.names[a]}, {shared.names[b]}", measures, len(both), options)
        for name, sums in measures.items():
            total[name] = total[name] + sums if name in total else sums
    if len(shared.names) > 2:  # Cohen's kappa is of two people; alpha of any number
        total = {name: sums for name, sums in total.items() if not name.endswith("kappa")}
    rows = _rows(EVERYBODY, total | alpha_sums(shared, n), len(shared.ids), options) + rows
    return {
        "schema": SCHEMA,
        "toolkit": __version__,
        "version": content_hash(shared.hands),
        "hands": len(shared.ids),
        "clips": n,
        "normaliser": normaliser,
        "normaliser_text": NORMALISERS[normaliser],
        "protocol": HAMER_V1.name,
        **options,
        "paper": PAPER | {"source": PAPER_TEXT},
        "people": _people_rows(people, shared, normaliser),
        "rows": rows,
        "sigmas": dict(zip(JOINTS, total[SIGMA].by_joint(), strict=True)),
    }


def _rows(who: str, measures: Mapping[str, Sums], hands: int, options: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for every measure of all joints, then for every joint."""
    rows = []
    for name, sums in measures.items():
        rows.append(_row(who, name, None, sums.pooled, sums.together(), sums.comparisons().sum(), hands, options))
    for j, joint in enumerate(JOINTS):
        for name, sums in measures.items():
            if sums.joints:
                counts = sums.comparisons()[j]
                rows.append(_row(who, name, joint, sums.statistic, sums.parts[:, j], counts, hands, options))
    return rows


def _row(
    who: str,
    name: str,
    joint: str | None,
    statistic: Statistic,
    sums: Floats,
    comparisons: float,
    hands: int,
    options: Mapping[str, int],
) -> dict[str, Any]:
    bounds = interval(statistic, sums, **options)
    number = value(statistic, sums)
    return {
        "who": who,
        "measure": name,
        "joint": joint,
        "value": number,
        "interval": list(bounds) if bounds and number is not None else None,
        "hands": hands,
        "comparisons": round(comparisons),
    }


def _people_rows(people: People, shared: People, normaliser: str) -> list[dict[str, Any]]:
    """What everybody did, and how far their points scatter."""
    panel = shared.panel(normaliser)
    said = panel.exists & finite(panel.points)
    sigma = dict(zip(shared.names, scatters(panel.points, said, panel.sizes), strict=True))
    rows = []
    for a, name in enumerate(people.names):
        mine = people.hands.take(people.rows[a][people.rows[a] >= 0])
        seconds = mine.seconds[np.isfinite(mine.seconds)]
        known = sigma.get(name, np.nan)
        rows.append(
            {
                "name": name,
                "hands": len(mine),
                "shared": int((shared.rows[shared.names.index(name)] >= 0).sum()) if name in shared.names else 0,
                "sigma": None if np.isnan(known) else float(known),
                "occluded_share": float(mine.occluded[mine.exists].mean()) if mine.exists.any() else None,
                "median_seconds": float(np.median(seconds)) if len(seconds) else None,
            }
        )
    return rows
