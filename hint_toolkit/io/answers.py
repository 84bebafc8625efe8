"""Every answer that a person ever gave, with every revision: the table that agreement and audits read.

`annotations.parquet` holds what stands now; this table holds how it came to be. One row a revision of an
annotation: the answer as a hand, and beside it the pre-label that the person started from, as it was shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import from_arrow, to_arrow
from hint_toolkit.io.parquet import hands_to_table, read_table, table_to_hands, write_table
from hint_toolkit.records import Hands

PURPOSES: Final = ("label", "overlap", "blind", "gold", "adjudicate", "review")
"""Why somebody was asked: plain labelling, a hand that several people get, a task without pre-label, a hand whose
answer is known, a decision between answers, a second look at a suspicious label. Kept in the workspace, never
shown to annotators."""
_START: Final = ("points", "exists", "occluded", "box", "side", "score", "presence", "detector", "state")
_FACTS: Final = ("task_id", "annotation_id", "revision", "created_at", "updated_at", "purpose", "project", "standing")


@dataclass(frozen=True)
class Answers:
    """Answers as columns, first axis N: one row a revision, ordered by hand id, annotation id, revision.

    Attributes:
        hands: (N) what the person said; `id` is the task's hand, `annotator`, `seconds` and `state` are of this
            revision ("submitted", "skipped", "empty"), `detector` names the version of the pre-label.
        started: (N) what the person was shown, under the same id: state "prelabel", or "empty" with NaN points
            for a task without pre-label (a blind one, or a frame in which nothing was found).
        task_id: (N,) on the server.
        annotation_id: (N,) on the server; stays the same from revision to revision.
        revision: (N,) from 0.
        created_at: (N,) ISO time of the annotation's first submission, as the server writes it.
        updated_at: (N,) ISO time of this revision.
        purpose: (N,) one of `PURPOSES`.
        project: (N,) title of the project.
        standing: (N,) whether the annotation was still on the server when it was last looked for. What somebody
            deleted there stays here, but counts nowhere.
    """

    hands: Hands
    started: Hands
    task_id: NDArray[np.int64]
    annotation_id: NDArray[np.int64]
    revision: NDArray[np.int64]
    created_at: NDArray[np.object_]
    updated_at: NDArray[np.object_]
    purpose: NDArray[np.object_]
    project: NDArray[np.object_]
    standing: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many revisions there are."""
        return len(self.hands)

    def take(self, chosen: NDArray[Any]) -> "Answers":
        """The rows at the given positions, or where a boolean mask is true."""
        return Answers(
            self.hands.take(chosen), self.started.take(chosen), *(getattr(self, name)[chosen] for name in _FACTS)
        )

    def newest(self) -> "Answers":
        """The last revision of every annotation that was not deleted: what stands now."""
        last = {key: i for i, key in enumerate(zip(self.project, self.annotation_id, strict=True))}
        return self.take(np.array([i for i in sorted(last.values()) if self.standing[i]], dtype=np.int64))


def no_answers() -> Answers:
    """A table without a row."""
    ints, texts = np.zeros(0, np.int64), np.zeros(0, object)
    nobody = Hands.of([])
    return Answers(nobody, nobody, ints, ints, ints, texts, texts, texts, texts, np.zeros(0, bool))


def write_answers(path: Path, answers: Answers, metadata: dict[str, Any]) -> None:
    """Write the table: the columns of hands, the same with `start_` before them, and the facts."""
    table, start = hands_to_table(answers.hands), hands_to_table(answers.started)
    for name in _START:
        table = table.append_column(f"start_{name}", start.column(name))
    for name in _FACTS:
        table = table.append_column(name, to_arrow(getattr(answers, name)))
    write_table(path, table, metadata)


def read_answers(path: Path) -> Answers:
    """Read the table.

    Raises:
        InputError: no such file, or a column is missing.
    """
    table, _ = read_table(path)
    missing = [name for name in (*(f"start_{n}" for n in _START), *_FACTS) if name not in table.column_names]
    if missing:
        raise InputError(f"no column {', '.join(missing)}", where=str(path), next_step="run: hint-build pull")
    hands = table_to_hands(table, str(path))
    columns = {name: from_arrow(table.column(f"start_{name}").combine_chunks()) for name in _START}
    started = hands.replace(**columns, annotator=[""] * len(hands), seconds=np.full(len(hands), np.nan))
    facts = (from_arrow(table.column(name).combine_chunks()) for name in _FACTS)
    return Answers(hands, started, *facts)
