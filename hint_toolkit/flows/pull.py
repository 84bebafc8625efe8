"""Label Studio -> annotations: what people decided comes back, and nothing of it is lost.

A pull asks for the tasks that changed since the last one. The server's JSON goes to the archive first, then every
revision of every answer to `answers.parquet`, then what stands now to `annotations.parquet`, and last the mark up to
where all is pulled: killed anywhere, the next pull does the same again and adds nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.answers import Answers, no_answers, read_answers, write_answers
from hint_toolkit.io.assignments import read_assignments
from hint_toolkit.io.collector import without_collector
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.raw_answers import PullState, RawAnswers
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient, Project
from hint_toolkit.labelstudio.history import current, joined
from hint_toolkit.labelstudio.results import Reading, read_export
from hint_toolkit.records import Frame, Hand
from hint_toolkit.workspace import Workspace, fingerprint

Progress = Callable[[int, int], None]
OVERLAP: Final = timedelta(seconds=5)
"""A change may become visible after one with a later time stamp; what is asked for twice is not taken twice."""


@dataclass(frozen=True)
class PullReport:
    """What stands after a pull, in all projects of the title.

    Attributes:
        project_id: on the server.
        submitted: rows of hands.
        skipped: rows of tasks that a person skipped.
        empty: rows that say "there is no hand".
        open_tasks: tasks not yet done.
        left_out: annotations that cannot be read; only the archive has them.
        issues: why, and what a person should look at.
        fetched: tasks that were fetched now.
        revisions: revisions of answers that are new.
        deleted: answers that somebody deleted on the server since the last pull; kept, but they count no longer.
    """

    project_id: int
    submitted: int
    skipped: int
    empty: int
    open_tasks: int
    left_out: int
    issues: Issues = field(default_factory=Issues)
    fetched: int = 0
    revisions: int = 0
    deleted: int = 0


@dataclass
class _Pulled:
    """One project's pull, before anything but the archive was written."""

    archive: RawAnswers
    state: PullState
    answers: Answers
    fetched: int


@dataclass(frozen=True)
class _Known:
    """What the workspace knows of its hands."""

    frames: Mapping[str, Frame]
    prelabels: Mapping[str, Hand]


def pull(
    workspace: Workspace,
    client: LabelStudioClient,
    *,
    title: str,
    everything: bool = False,
    progress: Progress | None = None,
) -> PullReport:
    """Fetch what changed in the project, and in those for overlap, decisions and reviews that belong to it.

    Args:
        workspace: whose hands were pushed.
        client: logged in.
        title: of the project.
        everything: ask for all tasks, not only for those that changed since the last pull.
        progress: called with the projects read and their number.

    Raises:
        InputError: no such project, or nothing sampled or pre-labelled.
        ServerError: the server is dead or refuses.
    """
    with workspace.lock(), without_collector():
        known = _Known(
            {frame.id: frame for frame in workspace.read_frames()},
            {hand.id: hand for hand in workspace.read_prelabels()},
        )
        before = read_answers(workspace.answers_file) if workspace.answers_file.is_file() else no_answers()
        assignments = read_assignments(workspace.assignments_file)
        names = [title, *sorted({a.project for a in assignments if a.project.startswith(f"{title} (")})]
        answers, issues, done = before, Issues(), []
        for k, name in enumerate(names):
            project = client.find_project(name)
            if project is None:
                if name == title:
                    raise InputError(f"no project {title!r}", where=client.url, next_step="run: hint-build push")
                issues.warn(f"the project {name!r} is not on the server any more; its answers are kept")
                continue
            purposes = {a.hint_id: a.purpose for a in assignments if a.project == name}
            one = _pull_project(
                client, project, _archive(workspace, name), answers, known, purposes, everything, issues
            )
            answers = one.answers
            done.append((project, one))
            if progress:
                progress(k + 1, len(names))
        write_answers(workspace.answers_file, answers, {"project": title})
        standing = current(answers)
        write_table(workspace.annotations_file, hands_to_table(standing), {"project": title})
        for _, one in done:
            one.archive.write_state(one.state)
    states = [one.state for _, one in done]
    return PullReport(
        done[0][0].id,
        submitted=int((standing.state == "submitted").sum()),
        skipped=int((standing.state == "skipped").sum()),
        empty=int((standing.state == "empty").sum()),
        open_tasks=sum(len(set(state.tasks) - set(state.annotated)) for state in states),
        left_out=sum(len(state.unreadable) for state in states),
        issues=issues,
        fetched=sum(one.fetched for _, one in done),
        revisions=len(answers) - len(before),
        deleted=_deleted(before, answers),
    )


def _archive(workspace: Workspace, name: str) -> RawAnswers:
    return RawAnswers(workspace.raw_folder / _slug(name))


def _pull_project(
    client: LabelStudioClient,
    project: Project,
    archive: RawAnswers,
    answers: Answers,
    known: _Known,
    purposes: Mapping[str, str],
    everything: bool,
    issues: Issues,
) -> _Pulled:
    state = archive.read_state()
    facts = client.project_facts(project.id)
    made_at = str(facts.get("created_at") or "")
    if state.until and (state.project_id, state.made_at) != (project.id, made_at):
        # Deleted and made anew, or another server: the old answers stay under a name of their own.
        answers = _renamed(answers, project.title, f"{project.title} [project {state.project_id}, gone]")
        issues.warn(f"the project {project.title!r} is another one than at the last pull; the earlier answers are kept")
        state = PullState(archives=state.archives)
    state = replace(state, project_id=project.id, made_at=made_at)
    full = everything or not state.until
    tasks, there = _fetch(client, project.id, state, full, int(facts.get("task_number") or 0))
    name = archive.keep(tasks, state, full=full, strict=not client.odd_numbers) if tasks else ""
    reading = read_export(tasks, known.frames, known.prelabels, name)
    issues.found += reading.issues.found
    seen = {int(task["id"]) for task in tasks}
    gone = set(state.tasks) - there
    looked_at = seen | gone
    if gone:
        issues.warn(f"{len(gone)} tasks of {project.title!r} were deleted on the server; their answers are kept")
    if reading.made_by_action:
        issues.warn(
            f"{reading.made_by_action} annotations were made of predictions by the server's action, not by a person; "
            "they are only in the archive",
            file=name,
        )
    _move_on(state, tasks, reading, there, looked_at, issues)
    fresh = joined(answers, reading.rows, project=project.title, looked_at=looked_at, purposes=purposes)
    archive.finish()  # the original first, what we make of it after
    return _Pulled(archive, state, fresh, len(tasks))


def _fetch(
    client: LabelStudioClient, project_id: int, state: PullState, full: bool, number: int
) -> tuple[list[dict[str, Any]], set[int]]:
    """The tasks to read now, and the ids of all that are on the server."""
    if full:
        tasks = client.export(project_id)
        return tasks, {int(task["id"]) for task in tasks}
    changed = set(client.task_ids(project_id, changed_since=_earlier(state.until)))
    there = set(state.tasks) | changed
    if len(there) != number:  # some were deleted, or came without our seeing them
        there = set(client.task_ids(project_id))
        changed = (changed | (there - set(state.tasks))) & there
    return (client.export(project_id, sorted(changed)) if changed else []), there


def _earlier(until: str) -> str:
    return (datetime.fromisoformat(until.replace("Z", "+00:00")) - OVERLAP).isoformat().replace("+00:00", "Z")


def _move_on(
    state: PullState,
    tasks: Sequence[Mapping[str, Any]],
    reading: Reading,
    there: set[int],
    looked_at: set[int],
    issues: Issues,
) -> None:
    """The state after this pull. What could not be read earlier, and did not change, is said again."""
    state.until = max([state.until, *(str(task.get("updated_at") or "") for task in tasks)])
    state.tasks = sorted(there)
    with_answers = {int(task["id"]) for task in tasks if task.get("annotations")}
    state.annotated = sorted(((set(state.annotated) - looked_at) | with_answers) & there)
    kept = {key: text for key, text in state.unreadable.items() if int(key.split("/")[0]) not in looked_at}
    for key, text in kept.items():
        issues.error(text, file=f"task {key.split('/')[0]}")
    state.unreadable = kept | {f"{task}/{annotation}": text for task, annotation, text in reading.unreadable}


def _renamed(answers: Answers, old: str, new: str) -> Answers:
    mine = answers.project == old
    project = answers.project.copy()
    project[mine] = new
    return replace(answers, project=project, standing=answers.standing & ~mine)


def _deleted(before: Answers, after: Answers) -> int:
    """Answers that stood before and do not now."""
    stood, stands = (
        set(zip(one.project, one.annotation_id.tolist(), strict=True)) for one in (before.newest(), after.newest())
    )
    return len(stood - stands)


def _slug(title: str) -> str:
    """The title as a folder's name; different titles stay different."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in title).strip(".-")[:60]
    return safe if safe == title else f"{safe}-{fingerprint(title)[:6]}".lstrip("-")


def pull_text(report: PullReport) -> str:
    """What a pull brought, in words."""
    text = f"{report.submitted} hands submitted, {report.skipped} skipped, {report.open_tasks} tasks still open"
    if report.empty:
        text += f", {report.empty} frames without a hand"
    if report.left_out:
        text += f", {report.left_out} annotations unreadable"
    if report.deleted:
        text += f", {report.deleted} answers deleted on the server since the last pull (kept, not counted)"
    return f"{text}\n{report.revisions} new answers or revisions in {report.fetched} changed tasks"
