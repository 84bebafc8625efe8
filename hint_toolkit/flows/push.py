"""Pre-labels -> Label Studio.

Pushing is idempotent by `hint_id`: a task that is there is never imported again, one whose pre-label changed is
updated unless somebody has begun it, and one that was imported twice (a kill while the server was still busy
with our request) loses its untouched copy. So after any interruption the same command is run again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import Window
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient, Project, TaskRef
from hint_toolkit.labelstudio.config import label_config, vocabulary
from hint_toolkit.labelstudio.tasks import build_task, image_url, window_of
from hint_toolkit.records import Hand
from hint_toolkit.workspace import Workspace, fingerprint

Progress = Callable[[int, int], None]
BATCH = 250


@dataclass(frozen=True)
class PushReport:
    """What a push did.

    Attributes:
        project_id: on the server.
        new: tasks added.
        there: tasks that were there and stay as they are.
        updated: tasks whose pre-label had changed.
        begun: tasks whose pre-label had changed, left alone because somebody has begun or finished them.
        removed: untouched second copies that were deleted.
    """

    project_id: int
    new: int
    there: int
    updated: int
    begun: int
    removed: int


def push(
    workspace: Workspace,
    client: LabelStudioClient,
    *,
    title: str,
    batch: int = BATCH,
    document_root: Path | None = None,
    progress: Progress | None = None,
) -> PushReport:
    """Bring every pre-labelled hand, and every frame without one, to the server.

    Args:
        workspace: with frames and pre-labels.
        client: logged in.
        title: of the project, made if there is none.
        batch: tasks a request.
        document_root: the folder whose pictures the server shows, at or above `workspace.served_folder` (None: that).
        progress: called with the tasks done and their number.

    Raises:
        InputError: nothing pre-labelled, a frame's picture is gone, or the project is not ours.
        ServerError: the server is dead or refuses; what was finished stays.
    """
    with workspace.lock():
        hands = _pushable(workspace)
        crops = _Crops(workspace, document_root or workspace.served_folder)
        project = _ensure_project(workspace, client, title)
        tell = progress or (lambda done, total: None)
        tasks, removed = _sorted_out(client, project, list(hands))
        new = [hand for hand_id, hand in hands.items() if hand_id not in tasks]
        tell(len(hands) - len(new), len(hands))
        updated, begun = _update(crops, client, project, [(tasks[i], h) for i, h in hands.items() if i in tasks])
        for start in range(0, len(new), batch):
            portion = new[start : start + batch]
            client.import_tasks(project.id, [crops.written(hand) for hand in portion])
            tell(len(hands) - len(new) + start + len(portion), len(hands))
        if new:
            removed += _sorted_out(client, project, [hand.id for hand in new])[1]
        _choose_model(client, title, [hand for hand in hands.values() if hand.id not in begun])
    return PushReport(project.id, len(new), len(tasks) - updated - len(begun), updated, len(begun), removed)


def _pushable(workspace: Workspace) -> dict[str, Hand]:
    """Pre-labels by id.

    Raises:
        InputError: there are none, one stands there twice, or one is of an unknown frame.
    """
    known = {frame.id for frame in workspace.read_frames()}
    prelabels = workspace.read_prelabels()
    issues, hands = Issues(), {}
    for hand in prelabels:
        if hand.id in hands:
            issues.error("stands there more than once", file=workspace.prelabels_file.name, id=hand.id)
        if hand.frame_id not in known:
            issues.error("is of no sampled frame", file=workspace.prelabels_file.name, id=hand.id, field="frame_id")
        hands[hand.id] = hand
    issues.raise_errors("pre-label again: hint-build prelabel")
    if not hands:
        raise InputError("nothing to push", where=str(workspace.prelabels_file), next_step="sample frames first")
    return hands


def _ensure_project(workspace: Workspace, client: LabelStudioClient, title: str) -> Project:
    """Find or make the project, with our configuration and its pictures served."""
    wanted = label_config()
    project = client.find_project(title)
    if project is None:
        project = client.create_project(title, wanted)
    elif project.label_config.strip() != wanted.strip():
        if vocabulary(project.label_config) != vocabulary(wanted):
            raise InputError(
                f"the project {title!r} has another labelling configuration",
                where=client.url,
                next_step="choose another title with --project",
            )
        client.set_label_config(project.id, wanted)
    workspace.tasks_folder.mkdir(parents=True, exist_ok=True)
    client.ensure_storage(project.id, str(workspace.tasks_folder.resolve()))
    return project


def _sorted_out(client: LabelStudioClient, project: Project, hint_ids: Sequence[str]) -> tuple[dict[str, TaskRef], int]:
    """One task a hand, and how many surplus ones were deleted: the annotated one stays, else the oldest."""
    kept: dict[str, TaskRef] = {}
    removed = 0
    for task in client.find_tasks(project.id, hint_ids):
        other = kept.setdefault(task.hint_id, task)
        if other is task:
            continue
        loser = other if task.annotated and not other.annotated else task
        kept[task.hint_id] = task if loser is other else other
        if not loser.annotated and not client.get_task(loser.id)["draft_exists"]:
            client.delete_task(loser.id)
            removed += 1
    return kept, removed


def _update(
    crops: "_Crops", client: LabelStudioClient, project: Project, pairs: Iterable[tuple[TaskRef, Hand]]
) -> tuple[int, set[str]]:
    """Bring tasks whose pre-label changed up to date; how many, and the hands that somebody has begun."""
    updated, begun = 0, set()
    for ref, hand in pairs:
        if crops.task(hand)["data"]["key"] == ref.key:
            crops.written(hand)  # the folder may have been cleared
            continue
        task = client.get_task(ref.id)
        if ref.annotated or task["draft_exists"]:
            begun.add(hand.id)
            continue
        wanted = crops.written(hand)
        # The key goes last: killed before it, the next push does this again.
        client.set_predictions(project.id, task, wanted["predictions"])
        client.set_data(ref.id, wanted["data"])
        updated += 1
    return updated, begun


def _choose_model(client: LabelStudioClient, title: str, hands: Iterable[Hand]) -> None:
    """Annotators start from predictions of one version: the one that most of these hands have.

    All of them must be on the server, which refuses a version that it has no prediction of.
    """
    versions = [hand.detector for hand in hands if hand.state != "empty" and hand.detector]
    if not versions:
        return
    names, counts = np.unique(versions, return_counts=True)
    best, project = str(names[int(counts.argmax())]), client.find_project(title)
    if project is not None and project.model_version != best:
        client.set_model_version(project.id, best)


class _Crops:
    """The pictures of the tasks, and the tasks that show them."""

    def __init__(self, workspace: Workspace, document_root: Path) -> None:
        self._workspace = workspace
        folder, root = workspace.tasks_folder.resolve(), document_root.resolve()
        if not folder.is_relative_to(root):
            raise InputError("is not below the server's document root", where=str(folder), why=str(root))
        self._address = folder.relative_to(root).as_posix()

    def task(self, hand: Hand) -> dict[str, Any]:
        """The hand's task; nothing is written."""
        window = window_of(hand)
        return build_task(hand, window, image_url(f"{self._address}/{_crop_name(hand, window)}"))

    def written(self, hand: Hand) -> dict[str, Any]:
        """The hand's task; its part of the frame lies there as a JPEG of the same pixels."""
        task, window = self.task(hand), window_of(hand)
        path = self._workspace.tasks_folder / _crop_name(hand, window)
        if not path.is_file():
            source = self._workspace.root / hand.image
            image = read_image(source)
            if image.shape[:2] != (hand.height, hand.width):
                got, wanted = f"{image.shape[1]} x {image.shape[0]}", f"{hand.width} x {hand.height}"
                raise InputError(f"is a picture of {got}, not {wanted}", where=str(source), next_step="sample again")
            write_jpg(path, image[window.y : window.y + window.height, window.x : window.x + window.width])
        return task


def _crop_name(hand: Hand, window: Window) -> str:
    """File name of a crop. It changes with the window, so that no browser shows an old picture under new points."""
    return f"{hand.id}-{fingerprint(list(window))[:8]}.jpg"


def push_text(report: PushReport) -> str:
    """What a push did, in words."""
    parts = [f"{report.new} tasks new, {report.there} there already"]
    for count, what in (
        (report.updated, "updated"),
        (report.begun, "changed but already begun by a person, left alone"),
        (report.removed, "second copies removed"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return ", ".join(parts)
