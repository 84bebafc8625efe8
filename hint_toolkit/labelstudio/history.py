"""What was pulled before and what is pulled now -> every revision of every answer. Pure functions."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.answers import Answers
from hint_toolkit.io.truth import hand_digests
from hint_toolkit.labelstudio.results import Row
from hint_toolkit.records import Hands


def joined(
    old: Answers,
    rows: Sequence[Row],
    *,
    project: str,
    looked_at: set[int],
    purposes: Mapping[str, str],
) -> Answers:
    """Add what is new, and mark what is gone.

    A revision is added when the annotation was not known, or when the server's time of change, the state or the
    content is not that of its last revision. An annotation of a task that was looked at and does not have it any more
    was deleted: its revisions stay, and stand no longer.

    Args:
        old: what was pulled before, of all projects.
        rows: annotations of the tasks that were looked at now.
        project: their title.
        looked_at: ids of all those tasks, and of known tasks that are not on the server any more.
        purposes: hand id -> purpose; "label" for a hand that is not in it.

    Returns:
        all answers, ordered by project, hand id, annotation id and revision.
    """
    last = {int(a): i for i, (a, p) in enumerate(zip(old.annotation_id, old.project, strict=True)) if p == project}
    here = {row.annotation_id for row in rows}
    standing = old.standing.copy()
    of_project = (old.project == project) & np.isin(old.task_id, np.array(sorted(looked_at), dtype=np.int64))
    standing[of_project] = np.isin(old.annotation_id[of_project], np.array(sorted(here), dtype=np.int64))
    digests = hand_digests(old.hands)
    fresh, numbers = [], []
    for row, digest in zip(rows, hand_digests(Hands.of(row.hand for row in rows)), strict=True):
        i = last.get(row.annotation_id)
        if i is None:
            fresh.append(row)
            numbers.append(0)
        elif (digests[i], old.updated_at[i], old.hands.state[i]) != (digest, row.updated_at, row.hand.state):
            fresh.append(row)
            numbers.append(int(old.revision[i]) + 1)
    new = _answers(fresh, numbers, project, purposes)
    return _ordered(_both(_replace_standing(old, standing), new))


def current(answers: Answers) -> Hands:
    """What stands now, one row an annotation: by hand, decisions between answers last, then by time."""
    newest = answers.newest()
    decided = np.array([purpose in ("adjudicate", "review") for purpose in newest.purpose], bool)
    keys = (newest.annotation_id, newest.created_at.astype(str), decided, newest.hands.id.astype(str))
    return newest.hands.take(np.lexsort(keys))


def _answers(rows: Sequence[Row], numbers: Sequence[int], project: str, purposes: Mapping[str, str]) -> Answers:
    n = len(rows)
    return Answers(
        hands=Hands.of(row.hand for row in rows),
        started=Hands.of(row.started for row in rows),
        task_id=np.array([row.task_id for row in rows], dtype=np.int64),
        annotation_id=np.array([row.annotation_id for row in rows], dtype=np.int64),
        revision=np.array(numbers, dtype=np.int64),
        created_at=np.array([row.created_at for row in rows], dtype=object),
        updated_at=np.array([row.updated_at for row in rows], dtype=object),
        purpose=np.array([purposes.get(row.hand.id, "label") for row in rows], dtype=object),
        project=np.array([project] * n, dtype=object),
        standing=np.ones(n, bool),
    )


def _replace_standing(answers: Answers, standing: NDArray[np.bool_]) -> Answers:
    return Answers(
        **{name: getattr(answers, name) for name in answers.__dataclass_fields__ if name != "standing"},
        standing=standing,
    )


def _both(one: Answers, other: Answers) -> Answers:
    arrays = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in Answers.__dataclass_fields__
        if name not in ("hands", "started")
    }
    return Answers(
        hands=Hands.concat([one.hands, other.hands]), started=Hands.concat([one.started, other.started]), **arrays
    )


def _ordered(answers: Answers) -> Answers:
    keys = (answers.revision, answers.annotation_id, answers.hands.id.astype(str), answers.project.astype(str))
    return answers.take(np.lexsort(keys))
