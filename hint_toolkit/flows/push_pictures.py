"""What a task shows: the hand's part of its frame, and answers to decide between, side by side; as files to bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import Window
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.labelstudio.pictures import Pictures
from hint_toolkit.labelstudio.tasks import build_task, window_of
from hint_toolkit.overlay import contact_sheet, crop, draw_hand
from hint_toolkit.records import Hand
from hint_toolkit.workspace import Workspace, fingerprint

_TILE: Final = 360
_COLUMNS: Final = 6
_FACTOR: Final = 1.5


@dataclass(frozen=True)
class Work:
    """A hand that goes to a project.

    Attributes:
        hand: what annotators start from.
        shown: whether they see it.
        note: a line above the picture.
        others: name and hand of answers to decide between; the names are shown.
    """

    hand: Hand
    shown: bool = True
    note: str = ""
    others: tuple[tuple[str, Hand], ...] = ()


class Crops:
    """The pictures of the tasks, and the tasks that show them."""

    def __init__(self, workspace: Workspace, pictures: Pictures, view: str = "crop") -> None:
        """Keep files in the workspace's `tasks_folder`; `pictures` brings them to the server."""
        self._workspace, self._pictures, self._view = workspace, pictures, view

    def task(self, work: Work, bones: bool = False) -> dict[str, Any]:
        """The hand's task; its pictures must have been brought. `bones`: see `labelstudio.tasks.regions`."""
        window = window_of(work.hand, self._view)
        return build_task(
            work.hand,
            window,
            self._pictures.url(_crop_name(work.hand, window)),
            shown=work.shown,
            note=work.note,
            others=work.others,
            others_url=self._pictures.url(_sheet_name(work)) if work.others else "",
            bones=bones,
        )

    def bring(self, works: Sequence[Work]) -> None:
        """See to it that the pictures of these tasks are where the server finds them.

        Raises:
            InputError: a frame's picture is gone or has another size.
            ServerError: the server or the bucket refuses.
        """
        wanted: dict[str, tuple[Work, Window | None]] = {}
        for work in works:
            window = window_of(work.hand, self._view)
            wanted[_crop_name(work.hand, window)] = (work, window)
            if work.others:
                wanted[_sheet_name(work)] = (work, None)
        absent = self._pictures.absent(list(wanted))
        for name in absent:
            self._write(self._workspace.tasks_folder / name, *wanted[name])
        if absent:
            self._pictures.bring([self._workspace.tasks_folder / name for name in absent])

    def _write(self, path: Path, work: Work, window: Window | None) -> None:
        """The file of a picture: a part of the frame with the same pixels, or the answers side by side."""
        if path.is_file():
            return
        hand, source = work.hand, self._workspace.root / work.hand.image
        image = read_image(source)
        if image.shape[:2] != (hand.height, hand.width):
            got, wanted = f"{image.shape[1]} x {image.shape[0]}", f"{hand.width} x {hand.height}"
            raise InputError(f"is a picture of {got}, not {wanted}", where=str(source), next_step="sample again")
        if window is None:
            write_jpg(path, side_by_side(image, work))
        else:
            write_jpg(path, image[window.y : window.y + window.height, window.x : window.x + window.width])


def _crop_name(hand: Hand, window: Window) -> str:
    """File name of a crop. It changes with the window, so that no browser shows an old picture under new points.

    Hands of one frame share the picture of all of it.
    """
    whole = window == Window(0, 0, hand.width, hand.height)
    return f"{hand.frame_id if whole else hand.id}-{fingerprint(list(window))[:8]}.jpg"


def _sheet_name(work: Work) -> str:
    """File name of the answers side by side; it changes with every one of them."""
    drawn = [
        [name, one.points.tobytes().hex(), one.exists.tolist(), one.occluded.tolist(), one.side]
        for name, one in work.others
    ]
    return f"{work.hand.id}-others-{fingerprint(drawn)[:12]}.jpg"


def side_by_side(image: NDArray[np.uint8], work: Work) -> NDArray[np.uint8]:
    """The hand without anything, then with each of the answers, named in its corner.

    Args:
        image: (H, W, 3) the frame.
        work: whose `others` are drawn, in a square around all of their boxes.

    Returns:
        RGB tiles in rows of six: the page fits them to its width, and the hand itself must stay in sight below.
    """
    boxes = np.stack([one.box for one in (work.hand, *(other for _, other in work.others))])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    cut = crop(image, box, _FACTOR, _TILE)
    tiles = [_named(cut.image, "picture")]
    for name, one in work.others:
        drawn = draw_hand(cut.image, cut.points(one.points), one.exists, one.occluded)
        tiles.append(_named(drawn, f"{name}: {one.side}"))
    return contact_sheet(tiles, _COLUMNS)


def _named(tile: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """A tile with a name in its top-left corner."""
    import cv2

    canvas = tile.copy()
    for color, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(canvas, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, color, width, cv2.LINE_AA)
    return canvas
