"""Numbers that a frame is chosen by: how sharp it is, what it shows, how the hands are held, what may be hidden.

All are heuristics for choosing among the frames of one clip. None is a label, and none is released as one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.geometry import box_around
from hint_toolkit.joints import BONES, N_JOINTS, SIDES
from hint_toolkit.video.likeness import SIDE as THUMBNAIL_SIDE
from hint_toolkit.video.likeness import thumbnails
from hint_toolkit.video.picture import Image

Floats = NDArray[np.float64]

MEASURES_VERSION = 2
"""Goes up when the same picture would be measured differently: kept measures are then made again."""
LONG_SIDE = 640
"""Pixels of the longer side that a picture is looked at with."""
POSE_WEIGHT = 1.0
"""Weight of the pose against the scene in `embedding`; measured, see docs/sampling.md."""
N_POSE = 2 * 2 * N_JOINTS
"""Numbers of a pose embedding: both hands, left first, x and y of 21 keypoints."""

_N_SCENE = 16
_SMOOTH = 1.2
_FLOOR = 25.0
_FINGER = 0.10
_PALM = (0, 1, 5, 9, 13, 17)
_PALM_JOINTS = frozenset(_PALM)


def looked_at(image: Image) -> Image:
    """The picture with a longer side of at most `LONG_SIDE` pixels, area-averaged; smaller ones as they are.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def sharpness(image: Image) -> float:
    """How much fine detail a picture has for its contrast: 0 for a flat or blurred one, around 0.01 to 0.2 else.

    The variance of the Laplacian (Pech-Pacheco et al. 2000) of the luma, taken at a fixed size (the longer side
    `LONG_SIDE` pixels, larger pictures area-averaged, smaller ones enlarged), after a Gaussian of 1.2 pixels, without
    the share that the sensor's noise has in it, and divided by the variance of the luma. The fixed size makes it
    comparable between resolutions, the Gaussian and the subtraction between high and low ISO, the division between
    light and dark. The noise is the median absolute response to the filter of Immerkaer 1996, which sees neither
    slopes nor curvature; the median passes over edges.

    Args:
        image: (H, W, 3) uint8 RGB.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    small = looked_at(image)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = LONG_SIDE / max(luma.shape)
    if scale > 1:
        size = (round(luma.shape[1] * scale) or 1, round(luma.shape[0] * scale) or 1)
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR), np.float32)
    response = cv2.Laplacian(cv2.GaussianBlur(luma, (0, 0), _SMOOTH), cv2.CV_32F)
    of_noise = _noise(luma) ** 2 * _noise_gain()
    detail = max(float(response.var(dtype=np.float64)) - of_noise, 0.0)
    return detail / (float(luma.var(dtype=np.float64)) + _FLOOR)


def _noise(luma: NDArray[np.float32]) -> float:
    """Standard deviation of white noise in a picture, grey levels."""
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(luma, cv2.CV_32F, mask))
    return float(np.median(response)) / 0.6745 / 6.0


def _noise_gain() -> float:
    """Variance of the smoothed Laplacian of white noise of variance 1."""
    import cv2

    point = np.zeros((33, 33), np.float32)
    point[16, 16] = 1
    kernel = cv2.Laplacian(cv2.GaussianBlur(point, (0, 0), _SMOOTH), cv2.CV_32F)
    return float((kernel.astype(np.float64) ** 2).sum())


def scene_embedding(fingerprints: NDArray[np.uint8]) -> Floats:
    """What pictures show as a whole, from their fingerprints (`video.likeness`).

    Args:
        fingerprints: (N, 1152) uint8.

    Returns:
        (N, 256) rows of length 1, 0 for a blank picture; the thumbnail at 16 x 16, without its mean.
    """
    n, side = len(fingerprints), THUMBNAIL_SIDE // _N_SCENE
    cells = thumbnails(fingerprints).reshape(n, _N_SCENE, side, _N_SCENE, side).mean((2, 4), dtype=np.float64)
    flat = cells.reshape(n, _N_SCENE * _N_SCENE)
    return _unit(flat - flat.mean(axis=1, keepdims=True) if n else flat)


def pose_embedding(points: Sequence[Floats], sides: Sequence[str]) -> Floats:
    """How the hands of one picture are held.

    Each hand's keypoints are measured from the middle of their bounding box, in half its longer side: place and size
    in the picture do not matter, the turn does. Of several hands of one side the largest counts.

    Args:
        points: (21, 2) pixels for each hand.
        sides: "left" or "right" for each hand.

    Returns:
        (84,) of length 1, the left hand first; zeros for a hand that is not there, all zero without hands.
    """
    out = np.zeros((2, N_JOINTS, 2))
    largest = [0.0, 0.0]
    for hand, side in zip(points, sides, strict=True):
        box = box_around(hand)
        reach = float(max(box[2] - box[0], box[3] - box[1])) / 2
        row = SIDES.index(side)
        if np.isfinite(hand).all() and reach > largest[row]:
            largest[row] = reach
            out[row] = (hand - (box[:2] + box[2:]) / 2) / reach
    return np.asarray(_unit(out.reshape(1, N_POSE))[0])


def embedding(scene: Floats, pose: Floats, pose_weight: float = POSE_WEIGHT) -> Floats:
    """Scene and pose side by side, rows of length 1 (0 where both are unknown).

    Args:
        scene: (N, 256) of `scene_embedding`.
        pose: (N, 84), rows of `pose_embedding`.
        pose_weight: of the pose against the scene.
    """
    return _unit(np.concatenate([scene, pose_weight * pose], axis=1))


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 1e-12, length, 1.0), np.float64)


def occlusion_likelihood(points: Sequence[Floats]) -> float:
    """How likely joints are hidden, from where the keypoints of one picture lie on each other: 0..1.

    For each hand the share of its 21 joints that lie over a bone of another of its fingers, over the palm (joints that
    are no corner of it), or over a bone or the palm of another hand; the largest of the hands counts. A finger is taken
    to be `0.10` palm lengths (wrist to middle base) thick to either side. A heuristic: two joints on one place say
    that one hides the other, not which, and what a held thing hides is not seen at all.

    Args:
        points: (21, 2) pixels for each hand.
    """
    shares = [0.0]
    for k, hand in enumerate(points):
        covered = _covered(hand, hand, own=True)
        for other in [*points[:k], *points[k + 1 :]]:
            covered |= _covered(hand, other, own=False)
        shares.append(float(covered.mean()))
    return max(shares)


def _covered(joints: Floats, hand: Floats, *, own: bool) -> NDArray[np.bool_]:
    """(21,) which joints lie over bones or the palm of a hand."""
    thick = _FINGER * float(np.linalg.norm(hand[9] - hand[0]))
    covered = np.zeros(N_JOINTS, bool)
    for a, b in BONES:
        if a == 0:
            continue  # within the palm
        near = _to_bone(joints, hand[a], hand[b]) < thick
        if own:
            finger = (b - 1) // 4
            near[1 + 4 * finger : 5 + 4 * finger] = False
        covered |= near
    over = _inside(joints, hand[list(_PALM)])
    if own:
        over[list(_PALM_JOINTS)] = False
        over[2] = False  # the thumb's second joint borders on the palm
    return covered | over


def _to_bone(points: Floats, a: Floats, b: Floats) -> Floats:
    """(N,) distance of points from the segment between a and b."""
    along = b - a
    length = float(along @ along)
    share = np.clip((points - a) @ along / length, 0, 1) if length > 0 else np.zeros(len(points))
    return np.asarray(np.linalg.norm(points - a - share[:, None] * along, axis=1))


def _inside(points: Floats, corners: Floats) -> NDArray[np.bool_]:
    """(N,) which points lie in a polygon, by the even-odd rule."""
    inside = np.zeros(len(points), bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        if a[1] != b[1]:
            inside ^= crosses & (points[:, 0] < a[0] + (points[:, 1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1]))
    return inside
