"""Who is asked what: hands and shares -> assignments. Pure; a seed chooses the same hands, whatever else is there.

Every choice about a hand is a number in 0..1 that comes from seed, question and hand id, compared with a share. So it
does not depend on the other hands, and a hand that was assigned once keeps what it got.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.assignments import Assignment
from hint_toolkit.records import Hand

TITLE_CHARACTERS: Final = (3, 50)
"""What Label Studio takes as a project's title."""
SUFFIXES: Final = ("overlap", "adjudicate", "review")
"""Purposes with a project of their own; the others share the main one, where annotators cannot tell them apart."""


@dataclass(frozen=True)
class Shares:
    """What is wanted of the hands.

    Attributes:
        seed: of every choice.
        overlap: different people who shall answer a hand of the overlap sample; 0 asks for no such sample.
        overlap_share: 0..1 of the hands that are shown with their pre-label and are no gold.
        blind_share: 0..1 of the detected hands: their tasks show no pre-label.
        gold: ids of hands whose truth is known.
        gold_share: 0..1 of them that are slipped in as gold tasks.
    """

    seed: int = 0
    overlap: int = 0
    overlap_share: float = 0.1
    blind_share: float = 0.0
    gold: frozenset[str] = field(default_factory=frozenset)
    gold_share: float = 1.0


def project_title(title: str, purpose: str) -> str:
    """The project that holds the tasks of a purpose.

    Raises:
        InputError: Label Studio would not take the title.
    """
    full = f"{title} ({purpose})" if purpose in SUFFIXES else title
    least, most = TITLE_CHARACTERS
    if not least <= len(full) <= most:
        raise InputError(
            f"the title {full!r} has {len(full)} characters",
            why=f"Label Studio takes {least} to {most}",
            next_step="choose another title with --project",
        )
    return full


def drawn(seed: int, question: str, hand_id: str, share: float) -> bool:
    """Whether the seed chooses a hand for a share."""
    digest = hashlib.sha256(f"{seed}\0{question}\0{hand_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def planned(
    hands: Iterable[Hand],
    title: str,
    earlier: Sequence[Assignment],
    shares: Shares,
    ranks: Mapping[str, int] | None = None,
) -> list[Assignment]:
    """Assignments of all hands, and everything that was assigned before.

    Args:
        hands: pre-labels.
        title: of the main project.
        earlier: from the last push; none of its choices is taken back.
        shares: what is wanted.
        ranks: places in the order of work, by hand id; None leaves the earlier ones.

    Raises:
        InputError: a title that Label Studio would not take.
    """
    main, second = project_title(title, "label"), ""
    if shares.overlap:
        second = project_title(title, "overlap")
    rows = {(one.project, one.hint_id): one for one in earlier}
    for hand in hands:
        row = rows.get((main, hand.id)) or _first(hand, main, shares)
        if row.purpose != "blind":  # a frame in which nothing was found may have a hand now
            row = replace(row, shown=hand.state != "empty")
        rows[main, hand.id] = row
        plain = row.purpose == "label" and hand.state != "empty"
        if second and plain and drawn(shares.seed, "overlap", hand.id, shares.overlap_share):
            rows.setdefault((second, hand.id), Assignment(hand.id, second, "overlap"))
    if second:  # how many people answer is a setting of the whole project
        rows |= {key: replace(one, wanted=shares.overlap) for key, one in rows.items() if key[0] == second}
    if ranks is not None:
        mine = {main, f"{title} (overlap)"}
        rows |= {key: replace(one, rank=ranks.get(key[1], -1)) for key, one in rows.items() if key[0] in mine}
    return list(rows.values())


def _first(hand: Hand, main: str, shares: Shares) -> Assignment:
    """What a hand is for in the main project."""
    if hand.state == "empty":
        return Assignment(hand.id, main, shown=False)
    if hand.id in shares.gold and drawn(shares.seed, "gold", hand.id, shares.gold_share):
        return Assignment(hand.id, main, "gold")
    if drawn(shares.seed, "blind", hand.id, shares.blind_share):
        return Assignment(hand.id, main, "blind", shown=False)
    return Assignment(hand.id, main)


def ranked(hands: Sequence[Hand], rows: Mapping[str, Assignment]) -> list[Hand]:
    """Hands in the order of their ranks; those without one last, as they came."""
    last = len(hands) + max((one.rank for one in rows.values()), default=0) + 1
    places = [rows[hand.id].rank if hand.id in rows and rows[hand.id].rank >= 0 else last for hand in hands]
    return [hands[i] for i in sorted(range(len(hands)), key=lambda i: places[i])]
