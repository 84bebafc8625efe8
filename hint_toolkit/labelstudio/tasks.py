"""Hands -> tasks of Label Studio: one task a hand, shown in a crop, the pre-label as prediction.

Coordinates. Ours are pixels of the original image with the centre of the top-left pixel at (0, 0). Label
Studio's are percent of the picture as shown, a continuous rectangle whose top-left *corner* is 0; the centre
of its first pixel is half a pixel from there. The picture is a window of whole pixels, never resampled, so

    percent = (pixel - window.x + 0.5) / window.width * 100
    pixel   = percent / 100 * window.width + window.x - 0.5

Doubles travel through server and editor bit by bit, so a value that comes back equal was not touched, and its
pixels are the pushed ones exactly (see `results.py`). Points outside the window stay where they are: below 0
or above 100 percent, not visible, unchanged.

With `bones`, a finger whose four points are known is one region `<hint_id>-<finger>`, a chain of vertices with the ids
of its joints.

Regions carry our own ids, `<hint_id>-<joint>`. Points come first and the box last: the first region is on
top, and a box on top swallows every click.
"""

import math
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import Window, crop_window
from hint_toolkit.joints import FINGERS, JOINTS
from hint_toolkit.labelstudio.config import ABSENT, BOX, CHAINS, IMAGE, KEYPOINTS, OCCLUDED
from hint_toolkit.records import Hand
from hint_toolkit.workspace import fingerprint

CROP_FACTOR: Final = 2.2
"""Side of the crop in units of the box's longer side: room to move a point that the detector put wrong."""
DOT_PERCENT: Final = 0.6
"""Radius of a dot in percent of the crop's width; without a width the editor shows no point at all."""
NO_MODEL: Final = "unknown"
VIEWS: Final = ("crop", "frame")
"""What a task shows: the surroundings of its hand, or all of the frame."""


def to_percent(pixel: float, start: int, size: int) -> float:
    """Label Studio's percent of a pixel coordinate, in a window that starts at `start` and is `size` long."""
    return (float(pixel) - start + 0.5) / size * 100.0


def to_pixel(percent: float, start: int, size: int) -> float:
    """The pixel coordinate of Label Studio's percent."""
    return float(percent) / 100.0 * size + start - 0.5


def window_of(hand: Hand, view: str = "crop") -> Window:
    """The part of the frame that the task shows: a square around the box, or all of it where none is known.

    Args:
        hand: with its box in pixels.
        view: one of `VIEWS`; "frame" shows all of it in any case.
    """
    if view == "frame" or not np.isfinite(hand.box).all():
        return Window(0, 0, hand.width, hand.height)
    return crop_window(hand.box, hand.width, hand.height, CROP_FACTOR)


def image_url(path: str) -> str:
    """Address of a picture below the server's document root, for its local-files storage."""
    return f"/data/local-files/?d={quote(path)}"


def build_task(
    hand: Hand,
    window: Window,
    url: str,
    *,
    shown: bool = True,
    note: str = "",
    others: Sequence[tuple[str, Hand]] = (),
    others_url: str = "",
    bones: bool = False,
) -> dict[str, Any]:
    """The task of one pre-labelled hand, or of a frame in which the detector found none.

    Args:
        hand: state "prelabel" or "empty".
        window: what the picture at `url` shows of the frame.
        url: address of the picture as the server knows it.
        shown: whether the annotator sees the pre-label; a blind task has the picture only.
        note: a line above the picture.
        others: name and hand of further answers about the same hand, to decide between. Each is a prediction of that
            version, which the page's list of predictions shows; annotators start from the hand itself.
        others_url: address of a picture that shows them side by side.
        bones: fingers as chains, for a project with that configuration.

    Returns:
        `data`, and `predictions`: none, or the hand and the others. `data["key"]` changes whenever anything else does.
        Nothing in it tells why the task is there: annotators can read it.

    Raises:
        InputError: the hand cannot be shown; names hand and field.
    """
    for one in (hand, *(other for _, other in others)):
        if one.state != "empty":
            _check(one)
    shown = shown and hand.state != "empty"
    predictions = [_prediction(hand, window, bones)] if shown else []
    predictions += [{"model_version": name, "result": regions(other, window, hand.id)} for name, other in others]
    data: dict[str, Any] = {
        "image": url,
        "hint_id": hand.id,
        "frame_id": hand.frame_id,
        "window_x": window.x,
        "window_y": window.y,
        "window_width": window.width,
        "window_height": window.height,
        "original_width": hand.width,
        "original_height": hand.height,
        "detector": (hand.detector or NO_MODEL) if shown else "",
        "note": note,
    }
    if others_url:
        data["others"] = others_url
    key = fingerprint({"data": data, "predictions": predictions})
    return {"data": data | {"key": key}, "predictions": predictions}


def _check(hand: Hand) -> None:
    step = "pre-label again: hint-build prelabel"
    if hand.width < 1 or hand.height < 1:
        raise InputError("has no image size", where=f"{hand.id} > width", next_step=step)
    if not np.isfinite(hand.box).all() or not (hand.box[2:] > hand.box[:2]).all():
        raise InputError("is no box with an area", where=f"{hand.id} > box", next_step=step)
    lost = hand.exists & ~np.isfinite(hand.points).all(axis=1)
    if lost.any():
        joint = JOINTS[int(np.flatnonzero(lost)[0])]
        raise InputError("exists without coordinates", where=f"{hand.id} > points > {joint}", next_step=step)


def _prediction(hand: Hand, window: Window, bones: bool) -> dict[str, Any]:
    result = regions(hand, window, bones=bones)
    prediction: dict[str, Any] = {"model_version": hand.detector or NO_MODEL, "result": result}
    if np.isfinite(hand.presence):
        prediction["score"] = float(hand.presence)
    return prediction


def regions(hand: Hand, window: Window, hint_id: str = "", bones: bool = False) -> list[dict[str, Any]]:
    """The hand in Label Studio's form: points with coordinates, ticked joints, and the box last.

    Args:
        hand: in pixels of the frame.
        window: what the task shows of the frame.
        hint_id: of the task, when it is another than the hand's own id.
        bones: fingers whose four points are known as chains.
    """
    name, found = hint_id or hand.id, _points(hand, window, hint_id or hand.id)
    if bones:
        found = _chained(found, name)
    return [*found, *_ticks(hand, name), *_box(hand, window, name)]


def _common(hint_id: str, name: str, kind: str) -> dict[str, Any]:
    return {"id": f"{hint_id}-{name}", "to_name": IMAGE, "type": kind}


def _sizes(window: Window) -> dict[str, Any]:
    return {"original_width": window.width, "original_height": window.height, "image_rotation": 0}


def point_value(hand: Hand, joint: int, window: Window) -> tuple[float, float]:
    """A point in percent of the window."""
    x, y = hand.points[joint].tolist()
    return to_percent(x, window.x, window.width), to_percent(y, window.y, window.height)


def box_value(hand: Hand, window: Window) -> tuple[float, float, float, float]:
    """The box in percent of the window: x, y, width, height."""
    x1, y1, x2, y2 = (float(v) for v in hand.box)
    left, top = to_percent(x1, window.x, window.width), to_percent(y1, window.y, window.height)
    return left, top, (x2 - x1) / window.width * 100.0, (y2 - y1) / window.height * 100.0


def _points(hand: Hand, window: Window, hint_id: str) -> list[dict[str, Any]]:
    found, points, scores = [], hand.points.tolist(), hand.score.tolist()
    for joint, (pixel_x, pixel_y), score in zip(JOINTS, points, scores, strict=True):
        if not (math.isfinite(pixel_x) and math.isfinite(pixel_y)):
            continue
        x, y = to_percent(pixel_x, window.x, window.width), to_percent(pixel_y, window.y, window.height)
        value = {"x": x, "y": y, "width": DOT_PERCENT, "keypointlabels": [joint]}
        region = _common(hint_id, joint, "keypointlabels") | _sizes(window) | {"from_name": KEYPOINTS, "value": value}
        if math.isfinite(score):
            region["score"] = score
        found.append(region)
    return found


def _chained(points: Sequence[dict[str, Any]], hint_id: str) -> list[dict[str, Any]]:
    """The same points, four of one finger as one chain; a finger that lacks a point keeps its dots."""
    of = {str(region["value"]["keypointlabels"][0]): region for region in points}
    loose, chains = dict(of), []
    for finger in FINGERS:
        joints = [f"{finger}{k}" for k in range(1, 5)]
        if not all(joint in of for joint in joints):
            continue
        vertices: list[dict[str, Any]] = []
        for joint in joints:
            region = loose.pop(joint)
            before = {"prevPointId": vertices[-1]["id"]} if vertices else {}
            place = {name: region["value"][name] for name in ("x", "y")}
            vertices.append({"id": region["id"], **place, **before, "isBezier": False})
        value = {"vertices": vertices, "closed": False, "vectorlabels": [finger]}
        sizes = {name: of[joints[0]][name] for name in ("original_width", "original_height", "image_rotation")}
        chains.append(_common(hint_id, finger, "vectorlabels") | sizes | {"from_name": CHAINS, "value": value})
    return [*loose.values(), *chains]


def chain_points(value: Any, hint_id: str) -> list[tuple[str, float, float]]:
    """The joints of a chain: name, x and y in percent. By our ids, or in order where the editor gave others.

    Args:
        value: of the region.
        hint_id: of the task.

    Raises:
        ValueError: not four vertices in one line, or no finger; one without any is an empty list.
    """
    vertices = value["vertices"]
    if not vertices:  # what a click with a finger's label leaves
        return []
    (finger,) = value["vectorlabels"]
    if finger not in FINGERS or len(vertices) != 4:
        raise ValueError(f"{finger!r} has {len(vertices)} points, wanted are 4 of a finger")
    names = [str(vertex["id"]).removeprefix(f"{hint_id}-") for vertex in vertices]
    wanted = [f"{finger}{k}" for k in range(1, 5)]
    if sorted(names) != wanted:
        after = {vertex.get("prevPointId"): vertex for vertex in vertices}
        line: list[Any] = []
        while len(line) < 4:
            following = after.get(line[-1]["id"] if line else None)
            if following is None:
                raise ValueError(f"the points of {finger!r} are no line")
            line.append(following)
        vertices, names = line, wanted
    return [(name, float(v["x"]), float(v["y"])) for name, v in zip(names, vertices, strict=True)]


def _ticks(hand: Hand, hint_id: str) -> list[dict[str, Any]]:
    """The two grids; one without a tick is left out, as the editor leaves it out."""
    found = []
    for name, ticked in ((OCCLUDED, hand.occluded), (ABSENT, ~hand.exists)):
        if joints := [joint for joint, tick in zip(JOINTS, ticked, strict=True) if tick]:
            found.append(_common(hint_id, name, "choices") | {"from_name": name, "value": {"choices": joints}})
    return found


def _box(hand: Hand, window: Window, hint_id: str) -> list[dict[str, Any]]:
    if not np.isfinite(hand.box).all():
        return []
    x, y, width, height = box_value(hand, window)
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [hand.side]}
    return [_common(hint_id, "box", "rectanglelabels") | _sizes(window) | {"from_name": BOX, "value": value}]
