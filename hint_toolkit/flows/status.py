"""What a workspace holds, read from its files."""

from dataclasses import dataclass
from typing import Any

from hint_toolkit.io.release import latest_release
from hint_toolkit.workspace import Workspace


@dataclass(frozen=True)
class StageStatus:
    """One stage of a workspace.

    Attributes:
        stage: name of the command.
        done: whether its table is there.
        detail: counts in words, or the command to run next.
    """

    stage: str
    done: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"stage": self.stage, "done": self.done, "detail": self.detail}


def status(workspace: Workspace) -> list[StageStatus]:
    """Every stage in order; damaged files raise as when a stage reads them.

    Raises:
        InputError: a table is damaged.
    """
    rows = []
    if workspace.frames_file.is_file():
        frames = workspace.read_frames()
        videos = len({frame.video_id for frame in frames})
        rows.append(StageStatus("sample", True, f"{len(frames)} frames of {videos} videos"))
    else:
        rows.append(StageStatus("sample", False, "hint-build sample --source folder --videos DIR"))
    if workspace.prelabels_file.is_file():
        hands = workspace.read_prelabels()
        empty = int((hands.state == "empty").sum())
        rows.append(StageStatus("prelabel", True, f"{len(hands) - empty} hands, {empty} frames without"))
    else:
        rows.append(StageStatus("prelabel", False, "hint-build prelabel --detector mediapipe"))
    if workspace.annotations_file.is_file():
        hands = workspace.read_annotations()
        skipped = int((hands.state == "skipped").sum())
        people = len(set(hands.annotator.tolist()))
        text = f"{len(hands) - skipped} submitted, {skipped} skipped, by {people} annotators"
        rows.append(StageStatus("pull", True, text))
    else:
        rows.append(StageStatus("pull", False, "hint-build server, push, correct in the browser, pull"))
    release = latest_release(workspace.releases_folder)
    rows.append(StageStatus("export", release is not None, str(release) if release else "hint-build export"))
    return rows
