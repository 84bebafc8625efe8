"""The regions of one annotation or prediction -> points, flags and box in pixels."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Window
from hint_toolkit.joints import INDEX, JOINTS, N_JOINTS, SIDES
from hint_toolkit.labelstudio.config import ABSENT, BOX, CHAINS, KEYPOINTS, OCCLUDED
from hint_toolkit.labelstudio.tasks import box_value, chain_points, point_value, to_pixel
from hint_toolkit.records import Hand

_SAME: Final = 1e-9
"""Percent: what the editor's arithmetic may change of a point of a chain that nobody touched (seen: 4e-15)."""


class Unreadable(ValueError):
    """What makes an annotation unusable: the field, and the reason. `results` turns it into an issue."""

    def __init__(self, field: str, text: str) -> None:
        """Keep both parts."""
        self.field, self.text = field, text
        super().__init__(f"{field}: {text}")


@dataclass(frozen=True)
class Decoded:
    """What the regions say.

    Attributes:
        points: (21, 2) pixels of the original image, NaN where there is no point.
        exists: (21,) there is a point and it is not ticked as absent.
        occluded: (21,) ticked as occluded, and exists.
        box: (4,) pixels, NaN when there is none.
        side: label of the box, "" when there is none.
        contradictions: what a person should look at.
    """

    points: NDArray[np.float64]
    exists: NDArray[np.bool_]
    occluded: NDArray[np.bool_]
    box: NDArray[np.float64]
    side: str
    contradictions: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """No point and no box: "there is no hand"."""
        return bool(np.isnan(self.points).all() and np.isnan(self.box).all())


def blank() -> Decoded:
    """What an empty result says."""
    no = np.zeros(N_JOINTS, bool)
    return Decoded(np.full((N_JOINTS, 2), np.nan), no, no, np.full(4, np.nan), "")


def window_of_task(data: Mapping[str, Any]) -> Window:
    """The part of the frame that a task shows.

    Raises:
        Unreadable: a number is missing or no whole number.
    """
    for name in Window._fields:
        if not isinstance(data.get(f"window_{name}"), int):
            raise Unreadable(f"data.window_{name}", f"must be a whole number, got {data.get(f'window_{name}')!r}")
    return Window(*(int(data[f"window_{name}"]) for name in Window._fields))


def decode(result: Any, window: Window, hint_id: str, prelabel: Hand | None) -> Decoded:
    """Read the regions of an annotation or a prediction.

    Args:
        result: list of regions.
        window: what the task shows of the frame.
        hint_id: of the task; ids of our regions start with it.
        prelabel: what was pushed. A value that equals the pushed one was not touched and gives its pixels.

    Raises:
        Unreadable: names field and reason.
    """
    if not isinstance(result, list):
        raise Unreadable("result", f"must be a list, got {type(result).__name__}")
    decoder = _Decoder(window, hint_id, prelabel)
    for region in result:
        try:
            decoder.take(region)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise Unreadable("result", f"has a region that cannot be read: {error!r}") from error
        except ValueError as error:
            raise error if isinstance(error, Unreadable) else Unreadable("result", str(error)) from error
    return decoder.finish()


class _Decoder:
    """Collects the regions of one result."""

    def __init__(self, window: Window, hint_id: str, prelabel: Hand | None) -> None:
        self._window, self._hint_id, self._prelabel = window, hint_id, prelabel
        self._points = np.full((N_JOINTS, 2), np.nan)
        self._box: NDArray[np.float64] = np.full(4, np.nan)
        self._joints: set[str] = set()
        self._side = ""
        self._ticked: dict[str, set[str]] = {OCCLUDED: set(), ABSENT: set()}

    def take(self, region: Mapping[str, Any]) -> None:
        """One region; relations that somebody drew between regions mean nothing to us."""
        if region["type"] == "relation":
            return
        name, value = region["from_name"], region["value"]
        if name in self._ticked:
            self._take_ticks(name, value["choices"])
        elif name == KEYPOINTS:
            self._check_sizes(region)
            own_id = str(region.get("id")).removeprefix(f"{self._hint_id}-")
            joint = _label(value.get("keypointlabels") or [own_id], JOINTS, KEYPOINTS)
            self._take_point(joint, float(value["x"]), float(value["y"]))
        elif name == CHAINS:
            self._check_sizes(region)
            for joint, x, y in chain_points(value, self._hint_id):
                self._take_point(joint, x, y, _SAME)
        elif name == BOX:
            self._check_sizes(region)
            self._take_box(value)
        else:
            raise Unreadable("result.from_name", f"{name!r} is no part of our labelling configuration")

    def _check_sizes(self, region: Mapping[str, Any]) -> None:
        """Percents are of the picture that was shown: it must be the one that we pushed, upright."""
        got, pushed = (region.get("original_width"), region.get("original_height")), self._window[2:]
        if got != pushed:
            text = f"the editor showed a picture of {got[0]} x {got[1]}, pushed was {pushed[0]} x {pushed[1]}"
            raise Unreadable("original_width", text)
        if region.get("image_rotation"):
            raise Unreadable("image_rotation", f"must be 0, got {region['image_rotation']}")

    def _take_ticks(self, name: str, choices: Any) -> None:
        for choice in choices:
            self._ticked[name].add(_label([choice], JOINTS, name))

    def _take_point(self, joint: str, x: float, y: float, same: float = 0.0) -> None:
        index, window = INDEX[joint], self._window
        if joint in self._joints:
            raise Unreadable(f"{KEYPOINTS} > {joint}", "has two regions")
        self._joints.add(joint)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise Unreadable(f"{KEYPOINTS} > {joint}", f"must be numbers, got {x}, {y}")
        self._points[index] = to_pixel(x, window.x, window.width), to_pixel(y, window.y, window.height)
        if self._prelabel is not None:
            pushed_x, pushed_y = point_value(self._prelabel, index, window)
            if abs(x - pushed_x) <= same and abs(y - pushed_y) <= same:
                self._points[index] = self._prelabel.points[index]

    def _take_box(self, value: Mapping[str, Any]) -> None:
        if self._side:
            raise Unreadable(BOX, "has two regions")
        self._side, window = _label(value["rectanglelabels"], SIDES, BOX), self._window
        left, top, width, height = numbers = tuple(float(value[name]) for name in ("x", "y", "width", "height"))
        if not np.isfinite(numbers).all() or min(width, height) <= 0 or value.get("rotation"):
            raise Unreadable(BOX, f"must be an upright box with an area, got {dict(value)}")
        if self._prelabel is not None and numbers == box_value(self._prelabel, window):
            self._box = self._prelabel.box.copy()
            return
        x1, y1 = to_pixel(left, window.x, window.width), to_pixel(top, window.y, window.height)
        self._box = np.array([x1, y1, x1 + width / 100.0 * window.width, y1 + height / 100.0 * window.height])

    def finish(self) -> Decoded:
        """Apply the ticks: absent wins over occluded, and a point that was deleted is absent."""
        absent, occluded = (np.array([j in self._ticked[name] for j in JOINTS]) for name in (ABSENT, OCCLUDED))
        exists = np.isfinite(self._points).all(axis=1) & ~absent
        found = Decoded(self._points, exists, occluded & exists, self._box, self._side)
        if found.nothing:
            return found
        texts = [
            f"{JOINTS[j]} is ticked as occluded and is {'absent' if absent[j] else 'deleted'}; taken as absent"
            for j in np.flatnonzero(occluded & ~exists)
        ]
        return replace(found, contradictions=tuple(texts))


def _label(labels: Any, known: Iterable[str], field: str) -> str:
    """The one label of a region."""
    if len(labels) != 1 or labels[0] not in known:
        raise Unreadable(field, f"unknown label {labels[0] if len(labels) == 1 else labels!r}")
    return str(labels[0])
