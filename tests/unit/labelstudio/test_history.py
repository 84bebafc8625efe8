"""Revisions, deletions and what stands: pure functions over what two pulls saw."""

import numpy as np
import pytest

from hint_toolkit.io.answers import no_answers, read_answers, write_answers
from hint_toolkit.labelstudio.history import current, joined
from hint_toolkit.labelstudio.results import Row
from hint_toolkit.records import Hand


def row(
    hint_id, annotation, *, x=5.0, at="2026-01-01T00:00:01", state="submitted", task=1, who="ann", made="2026-01-01"
):
    points = np.full((21, 2), x)
    facts = {"id": hint_id, "frame_id": "f", "box": np.array([0.0, 0, 9, 9]), "side": "left"}
    flags = {"exists": np.ones(21, bool), "occluded": np.zeros(21, bool)}
    hand = Hand(points=points, annotator=who, state=state, **facts, **flags)
    shown = Hand(points=points + 1, state="prelabel", detector="d", **facts, **flags)
    return Row(hand, shown, task, annotation, made, at)


def pull(old, rows, looked_at=(1, 2, 3), project="p", purposes=None):
    return joined(old, rows, project=project, looked_at=set(looked_at), purposes=purposes or {})


def test_the_same_answer_twice_is_one_revision_and_an_edited_one_two():
    once = pull(no_answers(), [row("a", 10)])
    again = pull(once, [row("a", 10)])
    assert again.revision.tolist() == [0]
    edited = pull(again, [row("a", 10, x=7.0, at="2026-01-01T00:00:09")])
    assert edited.revision.tolist() == [0, 1]
    assert edited.annotation_id.tolist() == [10, 10]
    assert edited.hands.points[:, 0, 0].tolist() == [5.0, 7.0]
    assert edited.started.points[:, 0, 0].tolist() == [6.0, 8.0]
    assert len(edited.newest()) == 1
    assert edited.newest().hands.points[0, 0, 0] == 7.0


@pytest.mark.parametrize("change", [{"x": 7.0}, {"at": "2026-01-01T00:00:02"}, {"state": "skipped"}])
def test_content_time_and_state_each_make_a_revision(change):
    assert len(pull(pull(no_answers(), [row("a", 10)]), [row("a", 10, **change)])) == 2


def test_a_deleted_answer_stays_and_stands_no_longer_and_comes_back():
    both = pull(no_answers(), [row("a", 10), row("a", 11, who="bob")])
    deleted = pull(both, [row("a", 11, who="bob")])
    assert len(deleted) == 2
    assert dict(zip(deleted.annotation_id.tolist(), deleted.standing.tolist(), strict=True)) == {10: False, 11: True}
    assert deleted.newest().hands.annotator.tolist() == ["bob"]
    back = pull(deleted, [row("a", 10), row("a", 11, who="bob")])
    assert back.standing.all()
    assert len(back) == 2


def test_a_task_that_was_not_looked_at_and_another_project_keep_what_they_have():
    first = pull(no_answers(), [row("a", 10, task=1), row("b", 20, task=2)])
    other = pull(first, [row("a", 10, task=1)], project="q")
    assert len(other) == 3  # the same number in another project is another annotation
    later = pull(other, [], looked_at=[2])
    alive = {(p, int(a)): bool(s) for p, a, s in zip(later.project, later.annotation_id, later.standing, strict=True)}
    assert alive == {("p", 10): True, ("p", 20): False, ("q", 10): True}


def test_decisions_come_last_and_purposes_are_kept(tmp_path):
    answers = pull(no_answers(), [row("a", 10, made="2026-03-01"), row("b", 30)], purposes={"b": "blind"})
    answers = pull(answers, [row("a", 5, made="2026-02-01", who="judge")], project="p (adjudicate)",
                   purposes={"a": "adjudicate"})  # fmt: skip
    assert current(answers).annotator.tolist() == ["ann", "judge", "ann"]
    assert current(answers).id.tolist() == ["a", "a", "b"]
    write_answers(tmp_path / "a.parquet", answers, {})
    back = read_answers(tmp_path / "a.parquet")
    assert back.purpose.tolist() == answers.purpose.tolist() == ["label", "blind", "adjudicate"]
    assert (back.hands.points == answers.hands.points).all()
    assert (back.started.points == answers.started.points).all()
    assert back.started.detector.tolist() == ["d"] * 3
    assert back.standing.dtype == bool


def test_nothing_stays_nothing():
    assert len(pull(no_answers(), [])) == len(current(no_answers())) == 0
