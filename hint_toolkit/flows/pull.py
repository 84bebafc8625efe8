"""Label Studio -> annotations: what people decided comes back, and nothing of it is lost."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.results import read_export
from hint_toolkit.records import Frame
from hint_toolkit.workspace import Workspace, fingerprint

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PullReport:
    """What a pull brought.

    Attributes:
        project_id: on the server.
        submitted: rows of hands.
        skipped: rows of tasks that a person skipped.
        empty: rows that say "there is no hand".
        open_tasks: tasks not yet done.
        left_out: annotations that cannot be read; only the archive has them.
        issues: why, and what a person should look at.
    """

    project_id: int
    submitted: int
    skipped: int
    empty: int
    open_tasks: int
    left_out: int
    issues: Issues = field(default_factory=Issues)


def pull(
    workspace: Workspace, client: LabelStudioClient, *, title: str, progress: Progress | None = None
) -> PullReport:
    """Fetch every annotation of the project: the raw export to the archive, its rows to annotations.parquet.

    Each of the two files is replaced at once or not at all; a server that dies leaves what was pulled before.

    Args:
        workspace: whose hands were pushed.
        client: logged in.
        title: of the project.
        progress: called with the tasks read and their number.

    Raises:
        InputError: no such project, or nothing sampled or pre-labelled.
        ServerError: the server is dead or refuses.
    """
    with workspace.lock():
        frames: dict[str, Frame] = {frame.id: frame for frame in workspace.read_frames()}
        prelabels = {hand.id: hand for hand in workspace.read_prelabels()}
        project = client.find_project(title)
        if project is None:
            raise InputError(f"no project {title!r}", where=client.url, next_step="run: hint-build push")
        tasks = client.export(project.id)
        archive = workspace.raw_folder / f"{_slug(title)}-annotations.json"
        # Not io.atomic.write_json: whatever the server sent is archived, even a number that JSON has no name for.
        write_text(archive, json.dumps(tasks, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        reading = read_export(tasks, frames, prelabels, archive.name)
        write_table(workspace.annotations_file, hands_to_table(reading.hands), {"project": title})
        if progress:
            progress(len(tasks), len(tasks))
    return PullReport(
        project.id,
        submitted=reading.count("submitted"),
        skipped=reading.count("skipped"),
        empty=reading.count("empty"),
        open_tasks=reading.open_tasks,
        left_out=reading.left_out,
        issues=reading.issues,
    )


def _slug(title: str) -> str:
    """The title as a file name; different titles stay different."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in title).strip(".-")[:60]
    return safe if safe == title else f"{safe}-{fingerprint(title)[:6]}".lstrip("-")


def pull_text(report: PullReport) -> str:
    """What a pull brought, in words."""
    text = f"{report.submitted} hands submitted, {report.skipped} skipped, {report.open_tasks} tasks still open"
    if report.empty:
        text += f", {report.empty} frames without a hand"
    return text + (f", {report.left_out} annotations unreadable" if report.left_out else "")
