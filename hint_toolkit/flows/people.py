"""Who answered what: several people's submitted answers to the same hands, out of a workspace or a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.pairs import clusters_of
from hint_toolkit.io.parquet import read_hands
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.quality.consensus import Panel
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

INDEPENDENT: Final = ("label", "overlap", "blind", "gold")
"""Purposes whose answers were given without seeing anybody else's. Decisions between answers are no opinion of their
own."""


@dataclass(frozen=True)
class People:
    """The newest submitted answer of everybody to every hand.

    Attributes:
        names: (A,) who, sorted.
        ids: (N,) the hands, sorted.
        hands: all answers, in one table.
        rows: (A, N) position in `hands`, -1 where somebody gave no answer.
        clusters: (N,) number of the clip, 0..C-1.
        sources: (N,) of the hands.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    hands: Hands
    rows: Numbers
    clusters: Numbers
    sources: NDArray[np.object_]

    def pairs(self) -> Iterator[tuple[int, int, Numbers]]:
        """(a, b, positions of the hands that both answered) for every two people who share a hand."""
        for a in range(len(self.names)):
            for b in range(a + 1, len(self.names)):
                both = np.flatnonzero((self.rows[a] >= 0) & (self.rows[b] >= 0))
                if len(both):
                    yield a, b, both

    def of(self, person: int, which: Numbers) -> Hands:
        """A person's answers to the hands at these positions, all of which they answered."""
        return self.hands.take(self.rows[person, which])

    def shared(self) -> "People":
        """Only the hands that two or more answered, and only people who have one of these."""
        several = (self.rows >= 0).sum(axis=0) >= 2
        people = (self.rows[:, several] >= 0).sum(axis=1) > 0
        return _people(self.hands, self.rows[np.ix_(people, several)], _kept(self.names, people), self.ids, several)

    def panel(self, normaliser: str) -> Panel:
        """Everybody's answers as arrays; the size of a hand is the mean of those by its answers."""
        answered = self.rows >= 0
        at = np.maximum(self.rows, 0)
        sizes = hand_sizes(normaliser, self.hands.box, self.hands.points, self.hands.exists)
        total = np.where(answered, np.nan_to_num(sizes[at]), 0.0).sum(axis=0)
        n = (answered & (np.nan_to_num(sizes[at]) > 0)).sum(axis=0)
        mask = answered[:, :, None]
        return Panel(
            answered=answered,
            points=np.where(mask[..., None], self.hands.points[at], np.nan),
            exists=self.hands.exists[at] & mask,
            occluded=self.hands.occluded[at] & mask,
            sizes=np.where(n > 0, total / np.maximum(n, 1), np.nan),
        )

    def sides(self) -> list[NDArray[np.object_]]:
        """(N,) "left", "right" or "" of everybody."""
        words = self.hands.side
        return [np.where(rows >= 0, words[np.maximum(rows, 0)], "").astype(object) for rows in self.rows]


def people_of(hands: Hands) -> People:
    """Sort answers by person and hand; the last of several by one person to one hand counts, as in the table.

    Args:
        hands: rows of any state; only submitted ones with an annotator count. Rows must be in order of time.
    """
    said = hands.take((hands.state == "submitted") & (hands.annotator != ""))
    names = sorted(set(said.annotator.tolist()))
    ids = sorted(set(said.id.tolist()))
    number, place = {name: a for a, name in enumerate(names)}, {hand_id: i for i, hand_id in enumerate(ids)}
    rows = np.full((len(names), len(ids)), -1, np.int64)
    for k, (name, hand_id) in enumerate(zip(said.annotator, said.id, strict=True)):
        rows[number[name], place[hand_id]] = k
    return _people(said, rows, tuple(names), tuple(ids), np.ones(len(ids), bool))


def _people(
    hands: Hands, rows: Numbers, names: tuple[str, ...], ids: tuple[str, ...], chosen: NDArray[np.bool_]
) -> People:
    """With clips and sources looked up in anybody's answer."""
    anyone = rows.max(axis=0) if rows.size else np.zeros(rows.shape[1], np.int64)
    first = hands.take(anyone)
    return People(names, _kept(ids, chosen), hands, rows, clusters_of(first), first.source)


def _kept(words: tuple[str, ...], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(word for word, keep in zip(words, mask, strict=True) if keep)


def read_people(workspace: Workspace | None, file: Path | None) -> People:
    """The answers of a workspace, or of a Parquet file of hands with an `annotator` column.

    Raises:
        InputError: neither or both are given, or nobody submitted anything.
    """
    if file is not None:
        hands, where = read_hands(file), str(file)
    elif workspace is not None:
        answers = workspace.read_answers().newest()
        independent = np.isin(answers.purpose.astype(str), np.array(INDEPENDENT))
        order = np.argsort(answers.updated_at.astype(str), kind="stable")
        hands, where = answers.take(order[independent[order]]).hands, str(workspace.answers_file)
    else:
        raise InputError("no answers are named", next_step="pass --workspace or --answers")
    people = people_of(hands)
    if not people.ids:
        raise InputError("nobody has submitted anything", where=where, next_step="correct hands, then: hint-build pull")
    return people


def need_shared(people: People) -> People:
    """The hands that several people answered.

    Raises:
        InputError: there are none.
    """
    shared = people.shared()
    if not shared.ids:
        raise InputError(
            f"no hand has answers of two people: {len(people.ids)} hands by {shorten(people.names)}",
            next_step="ask several about the same hands: hint-build push --overlap 2",
        )
    return shared
