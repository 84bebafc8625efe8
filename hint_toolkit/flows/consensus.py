"""Several answers to a hand -> one row: what they support, or what somebody decided between them.

`consensus.parquet` holds every hand that anybody submitted. A hand with one answer keeps it; one with several gets
their consensus, with its uncertainty beside it; one that was decided in adjudication or review gets the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.people import People, read_people
from hint_toolkit.io.answers import Answers
from hint_toolkit.io.arrow import to_arrow
from hint_toolkit.io.parquet import hands_to_table, read_hands_and_facts, write_table
from hint_toolkit.io.release import content_hash
from hint_toolkit.protocol import DEFAULT_NORMALISER
from hint_toolkit.quality.consensus import Consensus, Disagreement, Panel, agree_on, disagreements
from hint_toolkit.records import Hand, Hands
from hint_toolkit.workspace import Workspace

NAME: Final = "consensus"
DECIDING: Final = ("adjudicate", "review")
ORIGINS: Final = ("one answer", "consensus", "decision")


@dataclass(frozen=True)
class Dispute:
    """A hand that somebody should decide: see `quality.consensus.Disagreement`."""

    hint_id: str
    facts: Disagreement


@dataclass(frozen=True)
class ConsensusReport:
    """What the answers came to.

    Attributes:
        hands: rows written.
        origins: how many of each of `ORIGINS`.
        error: median standard error of a fused point, of the hand's size; None without any.
        unsure: fused joints whose existence or occlusion is less than 90 % sure.
        sigma: scatter of every annotator, of the hand's size; None for who shares no hand.
        disputes: open ones, the worst first.
    """

    hands: int
    origins: dict[str, int]
    error: float | None
    unsure: int
    sigma: dict[str, float | None]
    disputes: list[Dispute]


def make_consensus(
    workspace: Workspace, *, normaliser: str = DEFAULT_NORMALISER, far: float = 0.1, flags: int = 4
) -> ConsensusReport:
    """Write `consensus.parquet`, and list what people should decide.

    Args:
        workspace: with pulled answers.
        normaliser: size of a hand.
        far: two answers to a joint are in dispute beyond this distance, of the hand's size.
        flags: a hand is in dispute from so many joints with differing flags on.

    Raises:
        InputError: nothing pulled, or nobody submitted anything.
    """
    with workspace.lock(begins=False):
        people = read_people(workspace, None)
        answers = workspace.read_answers()
        decided = decisions(answers)
        panel = people.panel(normaliser)
        found = agree_on(panel)
        rows, facts = _rows(people, panel, found, decided)
        hands = Hands.of(rows)
        table = hands_to_table(hands)
        for name, values in facts.items():
            table = table.append_column(name, to_arrow(values))
        write_table(workspace.consensus_file, table, {"answers": content_hash(answers.hands), "normaliser": normaliser})
    disputes = [one for one in _disputes(people, panel, far, flags) if one.hint_id not in decided]
    origin, errors = facts["origin"], facts["error"]
    fused = origin == NAME
    relative = errors[fused] / panel.sizes[np.isin(np.array(people.ids, object), hands.id[fused])][:, None]
    relative = relative[np.isfinite(relative)]
    doubt = (np.minimum(facts["exists_sure"], 1 - facts["exists_sure"]) > 0.1) | (
        hands.exists & (np.minimum(facts["occluded_sure"], 1 - facts["occluded_sure"]) > 0.1)
    )
    sigma = {name: None if np.isnan(s) else float(s) for name, s in zip(people.names, found.sigma, strict=True)}
    return ConsensusReport(
        hands=len(hands),
        origins={name: int((origin == name).sum()) for name in ORIGINS},
        error=float(np.median(relative)) if len(relative) else None,
        unsure=int(doubt[fused].sum()),
        sigma=sigma,
        disputes=disputes,
    )


def read_consensus(workspace: Workspace) -> Hands:
    """The consensus of a workspace, made from the answers that are there now.

    Raises:
        InputError: there is none, or answers came after it was made.
    """
    path = workspace.consensus_file
    if not path.is_file():
        raise InputError("no consensus has been made", where=str(workspace.root), next_step="run: hint-build consensus")
    hands, facts = read_hands_and_facts(path)
    if facts.get("answers") != content_hash(workspace.read_answers().hands):
        raise InputError(
            "was made from other answers than are there now", where=str(path), next_step="run: hint-build consensus"
        )
    return hands


def open_disputes(
    workspace: Workspace, *, normaliser: str = DEFAULT_NORMALISER, far: float = 0.1, flags: int = 4
) -> list[Dispute]:
    """Hands whose answers lie too far apart and that nobody has decided, the worst first."""
    people = read_people(workspace, None)
    decided = decisions(workspace.read_answers())
    found = _disputes(people, people.panel(normaliser), far, flags)
    return [one for one in found if one.hint_id not in decided]


def decisions(answers: Answers) -> dict[str, Hand]:
    """The newest submitted decision about every hand that has one."""
    newest = answers.newest()
    deciding = np.isin(newest.purpose.astype(str), np.array(DECIDING)) & (newest.hands.state == "submitted")
    chosen = newest.take(deciding)
    order = np.argsort(chosen.updated_at.astype(str), kind="stable")
    return {str(chosen.hands.id[i]): chosen.hands[int(i)] for i in order}


def _disputes(people: People, panel: Panel, far: float, flags: int) -> list[Dispute]:
    return [Dispute(people.ids[one.row], one) for one in disagreements(panel, people.sides(), far=far, flags=flags)]


def _rows(
    people: People, panel: Panel, found: Consensus, decided: dict[str, Hand]
) -> tuple[list[Hand], dict[str, NDArray[Any]]]:
    """One row a hand, and the columns that stand beside them."""
    n = len(people.ids)
    several = panel.answered.sum(axis=0)
    origin = np.where(several >= 2, ORIGINS[1], ORIGINS[0]).astype(object)
    rows = []
    for i, hand_id in enumerate(people.ids):
        given = people.hands.take(people.rows[:, i][people.rows[:, i] >= 0])
        if hand_id in decided:
            origin[i] = ORIGINS[2]
            rows.append(decided[hand_id])
        elif several[i] == 1:
            rows.append(given[0])
        else:
            rows.append(_fused(i, given, found, _side(given, found.sigma[panel.answered[:, i]])))
    facts = {
        "origin": origin,
        "answers": several.astype(np.int64),
        "error": np.where((origin == NAME)[:, None], found.errors, np.full((n, 21), np.nan)),
        "exists_sure": found.exists_sure,
        "occluded_sure": found.occluded_sure,
    }
    only = [hand_id for hand_id in decided if hand_id not in set(people.ids)]
    rows += [decided[hand_id] for hand_id in only]
    return _with_decided_only(rows, facts, len(only))


def _with_decided_only(
    rows: list[Hand], facts: dict[str, NDArray[Any]], more: int
) -> tuple[list[Hand], dict[str, NDArray[Any]]]:
    """Rows for hands that were decided, but that nobody labelled by themselves: there is no doubt to state."""
    if not more:
        return rows, facts
    unknown = np.full((more, 21), np.nan)
    exists = np.stack([hand.exists for hand in rows[-more:]]).astype(np.float64)
    occluded = np.stack([hand.occluded for hand in rows[-more:]]).astype(np.float64)
    added: dict[str, NDArray[Any]] = {
        "origin": np.array([ORIGINS[2]] * more, object),
        "answers": np.zeros(more, np.int64),
        "error": unknown,
        "exists_sure": exists,
        "occluded_sure": occluded,
    }
    return rows, {name: np.concatenate([values, added[name]]) for name, values in facts.items()}


def _fused(i: int, given: Hands, found: Consensus, side: str) -> Hand:
    """The consensus as a row; what is not fused comes from the newest answer."""
    seconds = given.seconds[np.isfinite(given.seconds)]
    boxes = given.box[np.isfinite(given.box).all(axis=1)]
    return replace(
        given[len(given) - 1],
        points=found.points[i],
        exists=found.exists[i],
        occluded=found.occluded[i],
        box=np.median(boxes, axis=0) if len(boxes) else np.full(4, np.nan),
        side=side,
        annotator=NAME,
        seconds=float(seconds.sum()) if len(seconds) else float("nan"),
    )


def _side(given: Hands, sigma: Sequence[float] | NDArray[np.float64]) -> str:
    """What most say; a tie goes to the side whose people scatter less, and is a dispute in any case."""
    weight: dict[str, tuple[int, float]] = {}
    for word, scatter in zip(given.side, sigma, strict=True):
        n, least = weight.get(str(word), (0, np.inf))
        weight[str(word)] = (n + 1, min(least, float(np.nan_to_num(scatter, nan=np.inf))))
    return max(sorted(weight), key=lambda word: (weight[word][0], -weight[word][1]))
