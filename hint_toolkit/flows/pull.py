"""Label Studio -> annotations: what people decided comes back, and nothing of it is lost.

A pull asks for the tasks that changed since the last one. The server's JSON goes to the archive first, then every
revision of every answer to `answers.parquet`, then what stands now to `annotations.parquet`, and last the mark up to
where all is pulled: killed anywhere, the next pull does the same again and adds nothing twice.
"""

from dataclasses import dataclass, field

from hint_toolkit.errors import InputError
from hint_toolkit.flows.pull_project import Known, Progress, Pulled, pull_project
from hint_toolkit.io.answers import Answers, no_answers, read_answers, write_answers
from hint_toolkit.io.assignments import read_assignments
from hint_toolkit.io.collector import without_collector
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.raw_answers import RawAnswers
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient, Project
from hint_toolkit.labelstudio.history import current
from hint_toolkit.workspace import Workspace, fingerprint


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
        progress: called with the tasks read and the number of those to read, as far as that is known.

    Raises:
        InputError: no such project, or nothing sampled or pre-labelled.
        ServerError: the server is dead or refuses.
    """
    with workspace.lock(begins=False), without_collector():
        known = Known(
            {frame.id: frame for frame in workspace.read_frames()},
            {hand.id: hand for hand in workspace.read_prelabels()},
        )
        before = read_answers(workspace.answers_file) if workspace.answers_file.is_file() else no_answers()
        assignments = read_assignments(workspace.assignments_file)
        names = [title, *sorted({a.project for a in assignments if a.project.startswith(f"{title} (")})]
        answers, issues = before, Issues()
        done: list[tuple[Project, Pulled]] = []
        for name in names:
            project = client.find_project(name)
            if project is None:
                if name == title:
                    raise InputError(f"no project {title!r}", where=client.url, next_step="run: hint-build push")
                issues.warn(f"the project {name!r} is not on the server any more; its answers are kept")
                continue
            purposes = {a.hint_id: a.purpose for a in assignments if a.project == name}
            one = pull_project(
                client,
                project,
                _archive(workspace, name),
                answers,
                known,
                purposes=purposes,
                everything=everything,
                issues=issues,
                progress=_after(progress, sum(earlier.fetched for _, earlier in done)),
            )
            answers = one.answers
            done.append((project, one))
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


def _after(progress: Progress | None, before: int) -> Progress | None:
    """Progress of one project, after so many tasks of others."""
    return None if progress is None else lambda done, total: progress(before + done, before + total)


def _archive(workspace: Workspace, name: str) -> RawAnswers:
    return RawAnswers(workspace.raw_folder / _slug(name))


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
