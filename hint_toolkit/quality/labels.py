"""Contradictions within and between labelled hands: arrays in, findings out; no files.

Coordinates are pixels of the original image, the centre of the top-left pixel is (0, 0). A hand's point counts as
unknown when a coordinate is not finite, or when it is exactly (0, 0), which HInt's json writes for want of NaN.
"""

import json
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Floats, box_iou, finite
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.joints import JOINTS
from hint_toolkit.records import Hands

Bools = NDArray[np.bool_]
FAR = 0.5
"""A joint this many longer sides of the box outside of it is far outside."""
CUT = 0.02
"""And a visible joint more than this share (and a pixel) outside is cut by the box."""
SAME_BOX = 0.8
"""IoU from which two boxes of one frame and side are one hand."""
SAME_POINTS = 0.02
"""Mean distance of two hands' joints, in longer sides of the box, below which they are one labelling."""
ENOUGH_JOINTS = 5
LOOKED_AT = ("prelabel", "submitted")
"""States of rows that hold a hand."""


class Found(NamedTuple):
    """One contradiction: its code (`quality.codes.KINDS`), position of the hand, field or joint, and what it is."""

    code: str
    row: int
    field: str
    text: str


class Placed(NamedTuple):
    """Where joints lie, (N, 21) each.

    Attributes:
        known: the joint exists and has a point.
        outside: known, and outside the image.
        far: known, inside the image, and far outside the box.
    """

    known: Bools
    outside: Bools
    far: Bools

    @property
    def usable(self) -> Bools:
        """Joints whose place raises no doubt."""
        return np.asarray(self.known & ~self.outside & ~self.far)


def place(hands: Hands, size: NDArray[np.int64]) -> Placed:
    """Which joints lie where.

    Args:
        hands: N of them.
        size: (N, 2) width and height of the pictures, 0 where unknown.
    """
    points = hands.points
    known = hands.exists & has_point(points)
    # One pixel more than the image: some tools measure from the image's corner, not from a pixel's centre.
    low, high = points < -1.0, points > size[:, None, :].astype(float)
    sized = np.asarray((size > 0).all(axis=1))[:, None]
    outside = known & (low | high).any(axis=2) & sized
    side, over = _over(hands)
    return Placed(known, outside, known & ~outside & (over > FAR * side))


def has_point(points: Floats) -> Bools:
    """(..., 2) points -> which of them are known."""
    return np.asarray(finite(points) & (points != 0).any(axis=-1))


def _over(hands: Hands) -> tuple[Floats, Floats]:
    """(N, 1) longer side of each box, infinite for a box without area; (N, 21) how far each joint lies outside."""
    extent = hands.box[:, 2:] - hands.box[:, :2]
    good = np.isfinite(hands.box).all(axis=1) & (extent > 0).all(axis=1)
    side = np.where(good, extent.max(axis=1), np.inf)[:, None]
    gap = np.maximum(hands.box[:, None, :2] - hands.points, hands.points - hands.box[:, None, 2:])
    return side, np.where(np.isfinite(gap).all(axis=2), gap.max(axis=2), 0.0)


def check_labels(hands: Hands, size: NDArray[np.int64], placed: Placed) -> list[Found]:
    """What contradicts itself within each hand.

    Args:
        hands: N of them; rows that hold no hand (`state`) are passed over.
        size: (N, 2) width and height of the pictures, 0 where unknown.
        placed: from `place`.
    """
    rows = np.isin(hands.state.astype(str), LOOKED_AT)
    found = [*_points(hands, placed), *_boxes(hands, size, placed), *_same(hands, placed), *check_names(hands)]
    return [one for one in found if rows[one.row]]


def _points(hands: Hands, placed: Placed) -> Iterator[Found]:
    for i, j in np.argwhere(hands.exists & ~placed.known):
        yield Found("missing-point", int(i), JOINTS[j], f"exists, but its point is {_xy(hands.points[i, j])}")
    for i, j in np.argwhere(~hands.exists & has_point(hands.points)):
        yield Found("absent-with-point", int(i), JOINTS[j], f"does not exist, but has the point {_at(hands, i, j)}")
    for i, j in np.argwhere(placed.outside):
        yield Found("outside-image", int(i), JOINTS[j], f"exists, but lies at {_at(hands, i, j)}, outside the image")
    for i, j in np.argwhere(placed.far):
        text = f"lies at {_at(hands, i, j)}, more than {FAR:.0%} of the box outside of it"
        yield Found("far-outside-box", int(i), JOINTS[j], text)
    for i in np.flatnonzero(~hands.exists.any(axis=1)):
        yield Found("all-absent", int(i), "existence", "no joint exists")


def _at(hands: Hands, i: int, j: int) -> str:
    return _xy(hands.points[i, j])


def _xy(point: Floats) -> str:
    return f"({point[0]:.1f}, {point[1]:.1f})" if np.isfinite(point).all() else "no number"


def _boxes(hands: Hands, size: NDArray[np.int64], placed: Placed) -> Iterator[Found]:
    box = hands.box
    known = np.isfinite(box).all(axis=1)
    with np.errstate(invalid="ignore"):  # infinity minus infinity, of boxes that are named as missing
        extent = box[:, 2:] - box[:, :2]
    inverted = known & (extent < 0).any(axis=1)
    empty = known & ~inverted & (extent == 0).any(axis=1)
    sized = (size > 0).all(axis=1)
    beyond = (box[:, :2] > size).any(axis=1) | (box[:, 2:] < -1).any(axis=1)
    masks = {
        "box-missing": (~known, "has a coordinate that is no number"),
        "box-inverted": (inverted, "ends before it begins"),
        "box-empty": (empty, "has no area"),
        "box-outside-image": (known & ~inverted & ~empty & sized & beyond, "lies wholly outside the image"),
    }
    for code, (mask, text) in masks.items():
        for i in np.flatnonzero(mask):
            yield Found(code, int(i), "box", f"{text}: {', '.join(f'{v:g}' for v in box[i])}")
    side, over = _over(hands)
    visible = placed.usable & ~hands.occluded
    cut = visible & (over > CUT * side + 1) & np.isfinite(side) & ~masks["box-outside-image"][0][:, None]
    for i in np.flatnonzero(cut.any(axis=1)):
        worst = int(np.argmax(np.where(cut[i], over[i], 0)))
        text = f"leaves out {int(cut[i].sum())} visible joints, {JOINTS[worst]} by {over[i, worst]:.1f} pixels"
        yield Found("box-cuts-points", int(i), "box", text)


def _same(hands: Hands, placed: Placed) -> Iterator[Found]:
    """Joints on one point. Sorted, equal points are neighbours."""
    for i in np.flatnonzero(_any_same(hands.points, placed.known)):
        joints = np.flatnonzero(placed.known[i])
        where: dict[tuple[float, float], int] = {}
        pairs = []
        for j in joints:
            point = (float(hands.points[i, j, 0]), float(hands.points[i, j, 1]))
            if point in where:
                pairs.append((where[point], int(j)))
            where.setdefault(point, int(j))
        if len(where) == 1:
            text = f"all {len(joints)} existing joints lie at {_at(hands, i, joints[0])}"
            yield Found("all-points-same", int(i), "keypoints", text)
            continue
        for first, second in pairs:
            text = f"lies exactly where {JOINTS[first]} lies, at {_at(hands, i, second)}"
            yield Found("joints-same", int(i), JOINTS[second], text)


def _any_same(points: Floats, known: Bools) -> Bools:
    """(N,) whether two known joints of a hand have equal coordinates."""
    joints = np.arange(points.shape[1])
    plane = np.where(known, points[..., 0] + 1j * points[..., 1], -(1e9 + joints) * (1 + 1j))
    plane = np.sort(plane, axis=1)
    return np.asarray((plane[:, 1:] == plane[:, :-1]).any(axis=1))


def check_names(hands: Hands) -> Iterator[Found]:
    """Ids that say another side, split, source or subset than the row, and ids that cannot be printed."""
    columns = zip(hands.id, hands.side, hands.split, hands.source, hands.subset, strict=True)
    for i, (name, side, *said) in enumerate(columns):
        if not printable(name):
            yield Found("bad-name", i, "id", "holds a line break, a control character or half a character")
        folder, _, stem = name.rpartition("/")
        folder = folder.rpartition("/")[2]
        parsed, told = parse_folder(folder), parse_stem(stem)
        if told.side and told.side != side and (parsed or told.frame_index >= 0):
            yield Found("side-name", i, "side", f"is {side}, but the name ends in _{stem[-1]}")
        if parsed and parsed != tuple(said):
            text = f"split, source and subset are {', '.join(said)}, but the id lies in {folder}"
            yield Found("folder-columns", i, "id", text)


def printable(name: str) -> bool:
    """Whether a name holds no control character, line break or half a character (a lone surrogate)."""
    return name.isprintable() or not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or _breaks(c) for c in name)


def _breaks(character: str) -> bool:
    return character in "\u2028\u2029" or 0xD800 <= ord(character) <= 0xDFFF


def check_flags(hands: Hands) -> Iterator[Found]:
    """HInt's own flags as they stood in the json: `Hand.original` keeps those that the columns cannot say."""
    for i, original in enumerate(hands.original):
        if "absent_occluded" not in original and "spelled" not in original:
            continue
        try:
            code = json.loads(original)
            absent = [int(j) for j in code.get("absent_occluded", ())]
            spelled = {name: code.get("spelled", {}).get(name, {}) for name in ("existence", "occlusion")}
            flags = [(name, int(j), flag) for name, held in spelled.items() for j, flag in held.items()]
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # of another writer; nothing is known of the flags
        for j in absent:
            yield Found("occluded-absent", i, JOINTS[j], "is occluded and does not exist")
        for name, j, flag in flags:
            if flag not in (0, 1):
                yield Found("flag-value", i, JOINTS[j], f"{name} is {json.dumps(flag)}, not 0 or 1")


class Columns(NamedTuple):
    """What is compared between hands, first axis N.

    Attributes:
        id: of the hands.
        frame: what two hands of one picture share, "" where unknown.
        place: what sets apart copies of a frame that are meant, e.g. split and subset.
        side: "left" or "right".
        box: (N, 4) pixels.
        points: (N, 21, 2) pixels, NaN where there is no joint.
    """

    id: list[str]
    frame: list[str]
    place: list[str]
    side: list[str]
    box: Floats
    points: Floats


def check_twins(hands: Columns) -> list[Found]:
    """Ids, points and hands that stand there twice; the place is the second of each pair."""
    found, told = [], set[int]()
    for first, second in _groups(hands.id):
        found.append(Found("id-twice", second, "id", "stands there more than once"))
        told |= {first, second}
    for first, second in _groups(_keys(hands.points)):
        frame = hands.frame[first] != "" and hands.frame[first] == hands.frame[second]
        if hands.id[first] == hands.id[second] or (frame and hands.place[first] != hands.place[second]):
            continue  # named already; or a frame that belongs to two subsets, as some of HInt's do
        found.append(Found("points-twice", second, "keypoints", f"has the very points of {hands.id[first]}"))
        told |= {first, second}
    frames = [(place, frame) if frame else None for place, frame in zip(hands.place, hands.frame, strict=True)]
    for group in _members(frames):
        found += _overlaps(hands, [i for i in group if i not in told])
    return found


def _keys(points: Floats) -> list[bytes]:
    """(N,) bytes that two hands share if all their points are equal; empty with fewer than two joints."""
    known = finite(points)
    data = np.where(known[:, :, None], points, np.nan) + 0.0
    return [row.tobytes() if n >= 2 else b"" for row, n in zip(data, known.sum(axis=1), strict=True)]


def _members(keys: Sequence[Hashable]) -> Iterator[list[int]]:
    """Positions that share a key, for keys that are not empty and stand there more than once."""
    groups: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        if key:
            groups.setdefault(key, []).append(i)
    return (group for group in groups.values() if len(group) > 1)


def _groups(keys: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """(first, each further) position of every key that stands there more than once."""
    return ((group[0], other) for group in _members(keys) for other in group[1:])


def _overlaps(hands: Columns, group: list[int]) -> Iterator[Found]:
    """Hands of one frame that are one hand."""
    iou = box_iou(hands.box[group], hands.box[group])
    for b, second in enumerate(group):
        for a, first in enumerate(group[:b]):
            if _near(hands.points[first], hands.points[second], hands.box[second]):
                yield Found("points-twice", second, "keypoints", f"has nearly the points of {hands.id[first]}")
                break
            if hands.side[first] == hands.side[second] and iou[a, b] > SAME_BOX:
                text = f"overlaps {hands.id[first]} of the same side, IoU {iou[a, b]:.2f}"
                yield Found("hand-twice", second, "box", text)
                break


def _near(a: Floats, b: Floats, box: Floats) -> bool:
    both = finite(a) & finite(b)
    if both.sum() < ENOUGH_JOINTS:
        return False
    return bool(np.linalg.norm(a[both] - b[both], axis=1).mean() < SAME_POINTS * (box[2:] - box[:2]).max())
