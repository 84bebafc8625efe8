"""The way back, on a real server: what changed is fetched, what was said stays, whatever somebody deletes."""

import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.io.assignments import Assignment, write_assignments
from hint_toolkit.io.raw_answers import RawAnswers, read_archive
from hint_toolkit.workspace import Workspace

pytestmark = pytest.mark.server


class Work:
    """A pushed project and a person who answers."""

    def __init__(self, service: Any, client: Any, make: Callable[..., Any], name: str, hands: tuple[int, ...]) -> None:
        self.client, self.title = client, name
        self.drawn = make(service.root / name, hands=hands)
        self.project = push(self.drawn.workspace, client, title=name, document_root=service.root).project_id
        self.refs = {ref.hint_id: ref.id for ref in client.list_tasks(self.project)}
        self.user = client.ensure_user("eva@example.org")

    def answer(self, hint_id: str, *, shift: float = 0.0, cancelled: bool = False, user: int | None = None) -> int:
        prediction = self.client.get_task(self.refs[hint_id])["predictions"][0]
        result = [dict(region) for region in prediction["result"]]
        if shift:
            result[0] = result[0] | {"value": result[0]["value"] | {"x": result[0]["value"]["x"] + shift}}
        return int(
            self.client.create_annotation(
                self.refs[hint_id],
                result,
                user_id=user or self.user,
                seconds=3.0,
                parent_prediction=prediction["id"],
                cancelled=cancelled,
            )
        )

    def edit(self, annotation: int, **fields: Any) -> None:
        self.client.request("edit", "PATCH", f"api/annotations/{annotation}", json_body=fields)

    def pull(self, workspace: Workspace | None = None, **options: Any) -> Any:
        return pull(workspace or self.drawn.workspace, self.client, title=self.title, **options)


@pytest.fixture
def work(service: Any, client: Any, drawn_workspace: Callable[..., Any], request: pytest.FixtureRequest) -> Work:
    name = f"pull-{zlib.crc32(request.node.name.encode()):08x}"
    return Work(service, client, drawn_workspace, name, (2, 2))


def tables(workspace: Workspace) -> list[bytes]:
    return [path.read_bytes() for path in (workspace.annotations_file, workspace.answers_file)]


def test_only_what_changed_is_fetched_and_every_revision_stays(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint_toolkit.flows.pull_project.OVERLAP", timedelta(0))
    ids = [str(hand_id) for hand_id in work.drawn.prelabels.id]
    first = work.answer(ids[0])
    report = work.pull()
    assert (report.submitted, report.fetched, report.revisions, report.open_tasks) == (1, 4, 1, 3)
    prediction = work.client.get_task(work.refs[ids[0]])["predictions"][0]["result"]
    moved = [dict(region) for region in prediction]
    moved[3] = moved[3] | {"value": moved[3]["value"] | {"y": 50.0}}
    work.edit(first, result=moved, lead_time=9.0)
    work.answer(ids[1], cancelled=True)
    report = work.pull()
    assert report.fetched == 2
    assert (report.submitted, report.skipped, report.revisions, report.open_tasks) == (1, 1, 2, 2)
    answers = work.drawn.workspace.read_answers()
    mine = answers.take(answers.annotation_id == first)
    assert mine.revision.tolist() == [0, 1]
    assert mine.hands.seconds.tolist() == [3.0, 9.0]
    np.testing.assert_array_equal(mine.hands.points[0], work.drawn.prelabels[0].points)
    assert np.flatnonzero((mine.hands.points[1] != mine.hands.points[0]).any(axis=1)).tolist() == [3]
    for row in mine.started.points:
        np.testing.assert_array_equal(row, work.drawn.prelabels[0].points)

    # Nothing new: nothing changes, not a byte. All of it again: the same bytes.
    before = tables(work.drawn.workspace)
    work.pull()
    assert tables(work.drawn.workspace) == before
    assert work.pull(everything=True).revisions == 0
    assert tables(work.drawn.workspace) == before


@pytest.mark.parametrize("first", [True, False], ids=["first pull", "later pull"])
def test_an_answer_given_while_we_pull_comes_with_the_next(
    work: Work, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """One to a task that was read already, then one to a task that is read last: the later is the newest seen."""
    monkeypatch.setattr("hint_toolkit.flows.pull_project.OVERLAP", timedelta(0))
    monkeypatch.setattr("hint_toolkit.labelstudio.exports.PART", 2)
    ids = [str(hand_id) for hand_id in work.drawn.prelabels.id]
    if not first:
        work.pull()
        for hand_id in ids:
            work.answer(hand_id)
    plain, seen = work.client.export_parts, []

    def while_people_work(*arguments: Any) -> Any:
        for k, part in enumerate(plain(*arguments)):
            if k == 0:
                assert [task["id"] for task in part] == sorted(work.refs[hand_id] for hand_id in ids)[:2]
                work.answer(ids[0], shift=1.0)
                work.answer(ids[3], shift=1.0)
            yield part

    with monkeypatch.context() as patched:
        patched.setattr(work.client, "export_parts", while_people_work)
        before = work.pull(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4), (4, 4)]
    report = work.pull()
    answers = 2 if first else 6
    assert (before.submitted, report.submitted) == (answers - 1, answers)
    assert work.pull(everything=True).revisions == 0


def test_all_tasks_come_whether_their_ids_are_consecutive_or_not(
    work: Work, monkeypatch: pytest.MonkeyPatch, drawn_workspace: Callable[..., Any], service: Any
) -> None:
    """In parts when they are, at once when a project's tasks are a few among those of others."""
    monkeypatch.setattr("hint_toolkit.labelstudio.exports.PART", 3)
    ids = sorted(work.refs.values())
    assert ids == list(range(ids[0], ids[0] + 4))
    parts = [[task["id"] for task in part] for part in work.client.export_all(work.project, 4)]
    assert parts == [ids[:3], ids[3:]]
    work.client.delete_task(ids[1])  # a gap
    parts = [[task["id"] for task in part] for part in work.client.export_all(work.project, 3)]
    assert parts == [[ids[0], ids[2]], ids[3:]]
    task = {"data": work.client.get_task(ids[0])["data"]}
    second = work.client.create_project(f"{work.title} second", work.client.find_project(work.title).label_config)
    assert list(work.client.export_all(second.id, 0)) == []
    work.client.import_tasks(second.id, [task] * 9)
    work.client.import_tasks(work.project, [task])  # three ids between each of ours, and more
    whole = [[task["id"] for task in part] for part in work.client.export_all(work.project, 4)]
    assert whole == [work.client.task_ids(work.project)]
    assert len(whole[0]) == 4


def test_a_fresh_full_pull_gives_what_the_steps_gave(work: Work, tmp_path: Path) -> None:
    for hand in work.drawn.prelabels:
        work.answer(hand.id, shift=1.0)
        work.pull()
    other = Workspace(tmp_path / "other")
    for name in ("frames_file", "prelabels_file"):
        target = getattr(other, name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(getattr(work.drawn.workspace, name).read_bytes())
    work.pull(other)
    assert tables(other) == tables(work.drawn.workspace)


def test_what_somebody_deletes_is_kept_and_counts_no_more(work: Work) -> None:
    ids = [str(hand_id) for hand_id in work.drawn.prelabels.id]
    gone, stays, lost = (work.answer(ids[k], shift=k) for k in range(3))
    work.pull()
    work.client.request("delete", "DELETE", f"api/annotations/{gone}")
    report = work.pull()
    assert (report.submitted, report.deleted, report.open_tasks) == (2, 1, 2)
    work.client.delete_task(work.refs[ids[2]])  # in the UI, with its answer
    report = work.pull()
    assert (report.submitted, report.deleted, report.open_tasks) == (1, 1, 2)
    assert "1 tasks of" in str(next(iter(report.issues)))
    answers = work.drawn.workspace.read_answers()
    assert dict(zip(answers.annotation_id.tolist(), answers.standing.tolist(), strict=True)) == {
        gone: False, stays: True, lost: False,
    }  # fmt: skip
    assert list(work.drawn.workspace.read_annotations().id) == [ids[1]]


def test_a_project_made_anew_is_another_one(work: Work, service: Any) -> None:
    work.answer(str(work.drawn.prelabels.id[0]))
    work.pull()
    work.client.request("delete the project", "DELETE", f"api/projects/{work.project}")
    push(work.drawn.workspace, work.client, title=work.title, document_root=service.root)
    report = work.pull()
    assert (report.submitted, report.open_tasks, report.deleted) == (0, 4, 1)
    assert "another one" in str(next(iter(report.issues)))
    answers = work.drawn.workspace.read_answers()
    assert answers.project.tolist() == [f"{work.title} [project {work.project}, gone]"]


def test_a_label_that_is_not_ours_is_named_every_time_and_archived(work: Work) -> None:
    """Somebody edited the configuration in the UI: the answer cannot be read, and is not lost."""
    ids = [str(hand_id) for hand_id in work.drawn.prelabels.id]
    bad = work.answer(ids[0])
    prediction = work.client.get_task(work.refs[ids[0]])["predictions"][0]["result"]
    strange = [dict(region) for region in prediction]
    strange[0] = strange[0] | {"id": "x", "value": strange[0]["value"] | {"keypointlabels": ["elbow"]}}
    work.edit(bad, result=strange)
    work.answer(ids[1])
    for _ in range(2):
        report = work.pull()
        assert (report.submitted, report.left_out) == (1, 1)
        (issue,) = report.issues.errors
        assert "elbow" in str(issue)
    archive = RawAnswers(work.drawn.workspace.raw_folder / work.title)
    name = archive.read_state().archives[0]["name"]
    kept = {a["id"]: a for task in read_archive(archive.folder / name) for a in task["annotations"]}
    assert kept[bad]["result"][0]["value"]["keypointlabels"] == ["elbow"]
    work.edit(bad, result=prediction)  # put right: the error goes away
    report = work.pull()
    assert (report.submitted, report.left_out, list(report.issues.errors)) == (2, 0, [])


def test_what_the_servers_action_made_is_no_answer(work: Work) -> None:
    work.answer(str(work.drawn.prelabels.id[0]))
    work.client.request(
        "create annotations from predictions",
        "POST",
        "api/dm/actions",
        params={"id": "predictions_to_annotations", "project": work.project},
        json_body={"selectedItems": {"all": True, "excluded": []}, "model_version": None, "ordering": []},
    )
    report = work.pull()
    assert report.submitted == 1
    assert "made of predictions" in str(next(iter(report.issues)))


def test_a_draft_that_was_loaded_again_still_says_what_it_started_from(work: Work) -> None:
    """After a reload the editor submits without `parent_prediction`; the frozen copy is still there."""
    hand = work.drawn.prelabels[0]
    prediction = work.client.get_task(work.refs[hand.id])["predictions"][0]
    work.client.create_annotation(
        work.refs[hand.id], prediction["result"][1:], user_id=work.user, seconds=2.0, parent_prediction=None
    )
    work.pull()
    answers = work.drawn.workspace.read_answers()
    np.testing.assert_array_equal(answers.started.points[0], hand.points)
    assert answers.started.detector.tolist() == ["drawn-1"]
    assert not answers.hands.exists[0, 0]


def test_projects_that_belong_together_are_pulled_together(work: Work, service: Any) -> None:
    ids = [str(hand_id) for hand_id in work.drawn.prelabels.id]
    second = f"{work.title} (overlap)"
    other = push(work.drawn.workspace, work.client, title=second, document_root=service.root).project_id
    rows = [Assignment(hand_id, second, "overlap", 2) for hand_id in ids[:2]]
    write_assignments(work.drawn.workspace.assignments_file, rows)
    work.answer(ids[3])
    task = next(ref for ref in work.client.list_tasks(other) if ref.hint_id == ids[0])
    shown = work.client.get_task(task.id)["predictions"][0]
    for email in ("a@example.org", "b@example.org"):
        user = work.client.ensure_user(email)
        work.client.create_annotation(
            task.id, shown["result"], user_id=user, seconds=1.0, parent_prediction=shown["id"]
        )
    report = work.pull()
    assert report.submitted == 3
    answers = work.drawn.workspace.read_answers()
    assert sorted(zip(answers.purpose, answers.hands.annotator, strict=True)) == [
        ("label", "eva@example.org"), ("overlap", "a@example.org"), ("overlap", "b@example.org"),
    ]  # fmt: skip
