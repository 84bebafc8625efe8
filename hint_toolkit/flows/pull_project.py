"""The pull of one project: ask for what changed, archive it as it comes, and read it meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from hint_toolkit.io.answers import Answers
from hint_toolkit.io.raw_answers import PullState, RawAnswers
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient, Project
from hint_toolkit.labelstudio.history import joined
from hint_toolkit.labelstudio.results import ExportReader, Reading
from hint_toolkit.records import Frame, Hand

Progress = Callable[[int, int], None]
OVERLAP: Final = timedelta(seconds=5)
"""A change may become visible after one with a later time stamp; what is asked for twice is not taken twice."""

T = TypeVar("T")


@dataclass(frozen=True)
class Known:
    """What the workspace knows of its hands.

    Attributes:
        frames: by id.
        prelabels: by id.
    """

    frames: Mapping[str, Frame]
    prelabels: Mapping[str, Hand]


@dataclass
class Pulled:
    """One project's pull; nothing is written yet but the archive.

    Attributes:
        archive: where the server's own words lie.
        state: to be written there when the answers are.
        answers: of all projects.
        fetched: tasks that were fetched.
    """

    archive: RawAnswers
    state: PullState
    answers: Answers
    fetched: int


@dataclass
class _Seen:
    """The tasks that were fetched, by id, and those of them with an answer."""

    tasks: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)


def pull_project(
    client: LabelStudioClient,
    project: Project,
    archive: RawAnswers,
    answers: Answers,
    known: Known,
    *,
    purposes: Mapping[str, str],
    everything: bool,
    issues: Issues,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch what changed in a project, or all of it at the first time.

    Args:
        client: logged in.
        project: on the server.
        archive: of this project.
        answers: what was pulled before, of all projects.
        known: frames and pre-labels of the workspace.
        purposes: hand id -> why somebody was asked.
        everything: ask for all tasks.
        issues: what a person should know is added here.
        progress: called with the tasks read and the number of those to read.

    Raises:
        ServerError: the server is dead or refuses.
    """
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
    # Asked before anything is read. What changes while we read may be newer than what we read: the next pull must
    # begin here, not at the newest change that we happen to see.
    begun = client.newest_change(project.id)
    number = int(facts.get("task_number") or 0)
    changed, there = ([], set[int]()) if full else _changed(client, project.id, state, number)
    parts = client.export_all(project.id, number) if full else client.export_parts(project.id, changed)
    reader, seen = ExportReader(known.frames, known.prelabels), _Seen()
    for part, strict in _ahead((tasks, not client.odd_numbers) for tasks in parts):
        archive.keep(part, strict=strict)
        reader.take(part)
        seen.tasks |= {int(task["id"]) for task in part}
        seen.answered |= {int(task["id"]) for task in part if task.get("annotations")}
        if progress:
            progress(len(seen.tasks), number if full else len(changed))
    there = seen.tasks if full else there
    name = archive.seal(state, full=full)
    reading = reader.finish(name)
    issues.found += reading.issues.found
    gone = set(state.tasks) - there
    looked_at = seen.tasks | gone
    if gone:
        issues.warn(f"{len(gone)} tasks of {project.title!r} were deleted on the server; their answers are kept")
    if reading.made_by_action:
        issues.warn(
            f"{reading.made_by_action} annotations were made of predictions by the server's action, not by a person; "
            "they are only in the archive",
            file=name,
        )
    _move_on(state, begun, seen, reading, there, looked_at, issues)
    fresh = joined(answers, reading.rows, project=project.title, looked_at=looked_at, purposes=purposes)
    archive.finish()  # the original first, what we make of it after
    return Pulled(archive, state, fresh, len(seen.tasks))


def _changed(client: LabelStudioClient, project_id: int, state: PullState, number: int) -> tuple[list[int], set[int]]:
    """Ids of the tasks that changed since the last pull, ascending, and of all that are on the server."""
    changed = set(client.task_ids(project_id, changed_since=_earlier(state.until)))
    there = set(state.tasks) | changed
    if len(there) != number:  # some were deleted, or came without our seeing them
        there = set(client.task_ids(project_id))
        changed = (changed | (there - set(state.tasks))) & there
    return sorted(changed), there


def _ahead(parts: Iterator[T]) -> Iterator[T]:
    """The same parts; the next is being fetched while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="pull") as wire:
        pending = wire.submit(next, parts, None)
        while (part := pending.result()) is not None:
            pending = wire.submit(next, parts, None)
            yield part


def _earlier(until: str) -> str:
    return (datetime.fromisoformat(until.replace("Z", "+00:00")) - OVERLAP).isoformat().replace("+00:00", "Z")


def _move_on(
    state: PullState,
    begun: str,
    seen: _Seen,
    reading: Reading,
    there: set[int],
    looked_at: set[int],
    issues: Issues,
) -> None:
    """The state after this pull. What could not be read earlier, and did not change, is said again."""
    state.until = max(state.until, begun)
    state.tasks = sorted(there)
    state.annotated = sorted(((set(state.annotated) - looked_at) | seen.answered) & there)
    kept = {key: text for key, text in state.unreadable.items() if int(key.split("/")[0]) not in looked_at}
    for key, text in kept.items():
        issues.error(text, file=f"task {key.split('/')[0]}")
    state.unreadable = kept | {f"{task}/{annotation}": text for task, annotation, text in reading.unreadable}


def _renamed(answers: Answers, old: str, new: str) -> Answers:
    mine = answers.project == old
    project = answers.project.copy()
    project[mine] = new
    return replace(answers, project=project, standing=answers.standing & ~mine)
