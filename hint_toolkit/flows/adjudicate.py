"""Disputes go to somebody who decides: the answers side by side, the consensus to start from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.flows.consensus import NAME, Dispute, make_consensus, read_consensus
from hint_toolkit.flows.people import People, read_people
from hint_toolkit.flows.push import PushReport, push_hands
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.protocol import DEFAULT_NORMALISER
from hint_toolkit.records import Hand
from hint_toolkit.workspace import Workspace

PURPOSE: Final = "adjudicate"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class AdjudicateReport:
    """What went to the server.

    Attributes:
        disputes: all that are open.
        pushed: of them sent, with the ones that were there.
        push: of the project "<title> (adjudicate)"; None when there is nothing to decide.
    """

    disputes: list[Dispute]
    pushed: int
    push: PushReport | None


def adjudicate(
    workspace: Workspace,
    client: LabelStudioClient,
    *,
    title: str,
    normaliser: str = DEFAULT_NORMALISER,
    far: float = 0.1,
    flags: int = 4,
    most: int | None = None,
    document_root: Path | None = None,
    pictures: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> AdjudicateReport:
    """Push the hands in dispute; their decision comes back with the next pull and then stands.

    The answers are named A, B, .. in an order that hangs on their content: who decides shall not know who said what.

    Args:
        workspace: with pulled answers.
        client: logged in.
        title: of the main project.
        normaliser: size of a hand.
        far: as in `make_consensus`.
        flags: as in `make_consensus`.
        most: only so many, the worst first.
        document_root: as in `push`.
        pictures: as in `push`.
        progress: called with the tasks done and their number.

    Raises:
        InputError: nothing pulled.
        ServerError: the server is dead or refuses; run again, nothing is done twice.
    """
    disputes = make_consensus(workspace, normaliser=normaliser, far=far, flags=flags).disputes
    chosen = disputes if most is None else disputes[:most]
    if not chosen:
        return AdjudicateReport(disputes, 0, None)
    people = read_people(workspace, None)
    fused = {hand.id: hand for hand in read_consensus(workspace)}
    hands = [_start(fused[one.hint_id]) for one in chosen]
    report = push_hands(
        workspace,
        client,
        hands,
        title,
        PURPOSE,
        others={hand.id: _answers(people, hand.id) for hand in hands},
        notes={one.hint_id: _note(one) for one in chosen},
        pictures=pictures,
        document_root=document_root,
        progress=progress,
    )
    return AdjudicateReport(disputes, len(chosen), report)


def _start(hand: Hand) -> Hand:
    """What the decision starts from: the consensus, as nobody's answer."""
    nobody: dict[str, Any] = {"annotator": "", "seconds": float("nan"), "prelabel_id": "", "score": np.full(21, np.nan)}
    return replace(hand, state="prelabel", detector=NAME, **nobody)


def _answers(people: People, hand_id: str) -> list[tuple[str, Hand]]:
    """Everybody's answer under a letter; the order hangs on the answers, not on the names."""
    i = people.ids.index(hand_id)
    given = [people.hands[int(row)] for row in people.rows[:, i] if row >= 0]
    given.sort(key=lambda hand: np.nan_to_num(hand.points).tobytes())
    names = [_LETTERS[k] if k < len(_LETTERS) else str(k + 1) for k in range(len(given))]
    return [(f"answer {name}", replace(hand, annotator="")) for name, hand in zip(names, given, strict=True)]


def _note(dispute: Dispute) -> str:
    """What is in dispute, for the line above the picture."""
    parts = []
    if dispute.facts.side:
        parts.append("left or right")
    if dispute.facts.joints:
        parts.append(f"where {dispute.facts.joints} joints are")
    if dispute.facts.flags:
        parts.append(f"{dispute.facts.flags} flags")
    return f"Please decide: {', '.join(parts)}."
