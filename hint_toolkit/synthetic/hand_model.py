"""A free hand model in MANO's layout, made from this package's own skeleton: a stand-in, **not MANO**.

HaMeR's output passes through a hand model, and MANO may not be shipped. This one has the same arrays, so that training,
demonstrations and tests need no licensed file; its joints are those of the synthetic hands. Nothing about people can
be learned from it: the surface is made of tubes and nobody's hand was measured.

Frame: metres, the wrist in the origin, a right hand seen from its back by a camera that looks along z: fingers up
(-y), thumb to the left (-x), back of the hand towards the camera (-z).

- Joints, in MANO's order: wrist, forefinger, middle, little, ring finger, thumb. Each is the mean of a ring of
  vertices, so `J_regressor` gives it exactly, also after a change of shape.
- Fingertips are the vertices that HaMeR reads as such (`models.hamer.mano.TIPS`).
- Betas, one standard deviation each: 0 size of the hand, 1..5 length of thumb .. little finger, 6 width and 7 length
  of the palm, 8 thickness of the fingers, 9 of the palm.
- Pose corrections (`posedirs`) are zero; skin follows its bone, half and half at a joint.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.atomic import write_bytes
from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.models.hamer.mano import TIPS
from hint_toolkit.synthetic.bodies import Hand
from hint_toolkit.synthetic.skeleton import FINGER_RADII, FloatArray, Skeleton, pose_skeleton

NOTE: Final = "not MANO: a stand-in made from hint_toolkit's synthetic skeleton; of nobody's hand"
FILE_NAME: Final = "STAND_IN_RIGHT.pkl"
REST_POSE: Final[FloatArray] = np.array([0.0] * 12 + [35.0, 38.0, 0.0, 0.0] + [0.8])
"""The 17 numbers of the model's zero pose: flat fingers, a relaxed thumb, about which the thumb's poses lie."""
FACING: Final[FloatArray] = np.diag([1.0, -1.0, -1.0])
"""From the skeleton's rest frame to the model's."""
MANO_FINGERS: Final = (1, 2, 4, 3, 0)
"""MANO's order of the fingers, numbered as in HInt (thumb 0)."""
PARENTS: Final = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
N_VERTICES: Final = 778
_CM: Final = 0.01
_RING: Final = 8
_SHARES: Final = ((0.0, 0.25, 0.5, 0.75), (0.0, 0.25, 0.5, 0.75), (0.0, 0.3, 0.6, 0.85))
"""Where the rings of a finger's three bones lie along them; the first of each is around the joint."""
_PALM_RING: Final = 26
_PALM: Final = ((-0.22, 0.5, 0.7), (-0.1, 0.75, 0.9), (0.0, 0.82, 1.0), (0.15, 0.85, 1.0), (0.3, 0.9, 1.0),
                (0.45, 0.95, 1.0), (0.6, 1.0, 1.0), (0.72, 1.0, 0.98), (0.84, 0.98, 0.9), (0.94, 0.9, 0.75),
                (1.0, 0.7, 0.5))  # fmt: skip
"""Rings of the palm: share of the way from the wrist to the knuckles, width and thickness as shares of the largest."""
_PALM_WIDTH, _PALM_THICKNESS = 3.9, 1.5  # half, centimetres
_SPREADS: Final = (0.06, *(0.06,) * 5, 0.06, 0.06, 0.1, 0.1)
"""What one beta changes, as a share."""


def write_hand_model(folder: Path) -> Path:
    """Write the model as a file that `io.mano_file.read_mano` and HaMeR's loaders take for MANO's; gives its path."""
    path = folder / FILE_NAME
    write_bytes(path, dump_plain({"note": NOTE, **hand_model()}))
    return path


def hand_model() -> dict[str, NDArray[Any]]:
    """The arrays of `io.mano_file.SHAPES`: float64 metres, and int64."""
    return {name: value.copy() for name, value in _built().items()}


def model_pose(hand: Hand) -> FloatArray:
    """The pose of a synthetic hand in this model: (16, 3) radians about axes, global orientation first.

    A left hand's is that of its mirror image, which is the right hand that HaMeR sees. Turns are exact; the thumb's
    base is not, because the model's lies where annotators see it and the skeleton turns the thumb about the carpus.
    """
    mirror = np.diag([-1.0 if hand.side == "left" else 1.0, 1.0, 1.0])
    world = [mirror @ hand.axes @ FACING.T]  # of the wrist, from the model's frame to the (mirrored) camera's
    rest = pose_skeleton(REST_POSE)
    turns = [world[0]]
    posed = [[FACING @ (hand.bone_axes[f, b] @ rest.bone_axes[f, b].T) @ FACING.T for b in range(3)] for f in range(5)]
    for finger in MANO_FINGERS:
        before = np.eye(3)
        for bone in range(3):
            turns.append(before.T @ posed[finger][bone])
            before = posed[finger][bone]
    return np.array([_vector(turn) for turn in turns])


def mirrored_pose(pose: FloatArray) -> FloatArray:
    """(16, 3) radians of a hand -> those of its mirror image in x: the axes' y and z change sign."""
    return np.asarray(pose * np.array([1.0, -1.0, -1.0]))


def _vector(turn: FloatArray) -> FloatArray:
    """A rotation matrix as an axis times its angle, 0..pi."""
    import cv2

    return np.asarray(cv2.Rodrigues(turn)[0].reshape(3), np.float64)


@cache
def _built() -> dict[str, NDArray[Any]]:
    skeleton = pose_skeleton(REST_POSE)
    rings, faces, weights, regressor = _palm(skeleton)
    for place, finger in enumerate(MANO_FINGERS):
        _add_finger(skeleton, finger, 1 + 3 * place, rings, faces, weights, regressor)
    centres, offsets = (np.concatenate(parts) for parts in zip(*rings, strict=True))
    _close_webs(faces)
    order = _places_of_tips()
    place_of = np.argsort(order)
    moves = np.stack([move(centres, offsets) for move in _shapes(skeleton)], axis=-1)
    vertices = (centres + offsets - skeleton.joints[0])[order] @ FACING.T * _CM
    return {
        "v_template": vertices,
        "shapedirs": np.einsum("ij,vjk->vik", FACING, moves[order]) * _CM,
        "posedirs": np.zeros((N_VERTICES, 3, 135)),
        "J_regressor": np.array(regressor)[:, order],
        "weights": np.concatenate(weights)[order],
        "kintree_table": np.stack([np.array(PARENTS), np.arange(16)]),
        "f": place_of[np.concatenate(faces)[:, ::-1]].astype(np.int64),  # normals point out of the hand, as MANO's
    }


Rings = list[tuple[FloatArray, FloatArray]]
"""Per piece of the surface: each vertex's centre on the axis, and its offset from there; (V, 3) each, centimetres."""


def _palm(skeleton: Skeleton) -> tuple[Rings, list[NDArray[np.int64]], list[FloatArray], list[FloatArray]]:
    """A flattened tube from the wrist to the knuckles, closed at both ends; the third ring is around the wrist."""
    wrist, knuckles = skeleton.joints[0], skeleton.joints[[5, 9, 13, 17]].mean(axis=0)
    angles = np.arange(_PALM_RING) * 2 * np.pi / _PALM_RING
    centres, offsets = [], []
    for share, wide, thick in _PALM:
        centre = wrist + share * (knuckles - wrist)
        ring = [np.cos(angles) * wide * _PALM_WIDTH, 0 * angles, np.sin(angles) * thick * _PALM_THICKNESS]
        centres.append(np.tile(centre, (_PALM_RING, 1)))
        offsets.append(np.stack(ring, axis=1))
    for end in (_PALM[0][0] - 0.03, _PALM[-1][0] + 0.03):
        centres.append((wrist + end * (knuckles - wrist))[None])
        offsets.append(np.zeros((1, 3)))
    n = len(_PALM) * _PALM_RING + 2
    weights = np.zeros((n, 16))
    weights[:, 0] = 1
    regressor: list[FloatArray] = [np.zeros(N_VERTICES) for _ in range(16)]
    at = next(k for k, (share, _, _) in enumerate(_PALM) if share == 0)
    regressor[0][at * _PALM_RING : (at + 1) * _PALM_RING] = 1 / _PALM_RING
    rings: Rings = [(np.concatenate(centres), np.concatenate(offsets))]
    return rings, [_tube(0, len(_PALM), _PALM_RING)], [weights], regressor


def _add_finger(
    skeleton: Skeleton,
    finger: int,
    joint: int,
    rings: Rings,
    faces: list[NDArray[np.int64]],
    weights: list[FloatArray],
    regressor: list[FloatArray],
) -> None:
    """Rings around a finger's bones, its base a point in the palm, its tip the keypoint."""
    first = sum(len(centres) for centres, _ in rings)
    joints = skeleton.joints[1 + 4 * finger : 5 + 4 * finger]
    angles = np.arange(_RING) * 2 * np.pi / _RING
    centres: list[FloatArray] = []
    offsets: list[FloatArray] = []
    skin: list[FloatArray] = []
    for bone, shares in enumerate(_SHARES):
        across, out = skeleton.bone_axes[finger, bone][:, 0], skeleton.bone_axes[finger, bone][:, 2]
        begin, end = FINGER_RADII[finger, bone : bone + 2]
        for share in shares:
            radius = (begin + share * (end - begin)) * (0.8 if bone == 2 and share > 0.8 else 1.0)
            if share == 0:
                regressor[joint + bone][first + len(centres) * _RING : first + (len(centres) + 1) * _RING] = 1 / _RING
            centres.append(np.tile(joints[bone] + share * (joints[bone + 1] - joints[bone]), (_RING, 1)))
            offsets.append(radius * (np.outer(np.cos(angles), across) + np.outer(np.sin(angles), out)))
            row = np.zeros((_RING, 16))
            row[:, joint + bone] = 0.5 if share == 0 else 1.0
            row[:, PARENTS[joint + bone]] += 0.5 if share == 0 else 0.0
            skin.append(row)
    base = joints[0] - 0.15 * (joints[1] - joints[0])
    for point, owner in ((base, 0), (joints[3], joint + 2)):
        centres.append(point[None])
        offsets.append(np.zeros((1, 3)))
        skin.append(np.eye(16)[owner][None])
    rings.append((np.concatenate(centres), np.concatenate(offsets)))
    weights.append(np.concatenate(skin))
    faces.append(_tube(first, sum(map(len, _SHARES)), _RING))


def _tube(first: int, rings: int, size: int) -> NDArray[np.int64]:
    """Triangles of a tube whose two end points follow its rings: 2 (V - 2) for V vertices."""
    found = []
    last, k = first + rings * size, np.arange(size)
    following = (k + 1) % size
    for ring in range(rings - 1):
        low, high = first + ring * size, first + (ring + 1) * size
        found += [np.stack([low + k, low + following, high + k], axis=1)]
        found += [np.stack([low + following, high + following, high + k], axis=1)]
    found.append(np.stack([np.full(size, last), first + following, first + k], axis=1))
    end = last - size
    found.append(np.stack([np.full(size, last + 1), end + k, end + following], axis=1))
    return np.concatenate(found)


def _finger_start(place: int) -> int:
    """The first vertex of the finger at this place of MANO's order, before tips are put where they belong."""
    return len(_PALM) * _PALM_RING + 2 + place * (sum(map(len, _SHARES)) * _RING + 2)


def _close_webs(faces: list[NDArray[np.int64]]) -> None:
    """Six triangles of skin between neighbouring fingers bring the number to MANO's 1538."""
    thumb, fore, middle, ring, little = (_finger_start(MANO_FINGERS.index(f)) for f in range(5))
    left, right = 4, 0  # of a ring of eight: towards the thumb, and away from it
    webs = [(a + right, b + left, a + right + _RING) for a, b in ((fore, middle), (middle, ring), (ring, little))]
    webs += [(thumb + right, fore + left, thumb + right + k * _RING) for k in (1, 2, 3)]
    faces.append(np.array(webs))


def _places_of_tips() -> NDArray[np.int64]:
    """(778,) which of our vertices stands at each place, so that the tips have MANO's numbers."""
    order = np.arange(N_VERTICES)
    for finger, place in enumerate(TIPS):
        own = _finger_start(MANO_FINGERS.index(finger)) + sum(map(len, _SHARES)) * _RING + 1
        now = int(np.flatnonzero(order == own)[0])
        order[[place, now]] = order[[now, place]]
    return order


Move = Callable[[FloatArray, FloatArray], FloatArray]


def _shapes(skeleton: Skeleton) -> list[Move]:
    """What each beta adds to a vertex, from its centre and offset; linear, as shapes must be."""
    wrist = skeleton.joints[0]
    moves: list[Move] = [lambda c, o: _SPREADS[0] * (c + o - wrist)]
    moves += [_lengthened(skeleton, finger) for finger in range(5)]
    is_palm = np.arange(N_VERTICES) < _finger_start(0)
    sides = np.array([1.0, 0, 0])
    bases = _bases(skeleton)
    return [
        *moves,
        lambda c, o: _SPREADS[6] * (np.where(is_palm[:, None], c + o, bases) - wrist) * sides,
        lambda c, o: _SPREADS[7] * (np.where(is_palm[:, None], c, bases) - wrist) * np.array([0, 1.0, 0]),
        lambda c, o: np.where(is_palm[:, None], 0.0, _SPREADS[8] * o),
        lambda c, o: np.where(is_palm[:, None], _SPREADS[9] * o * np.array([0, 0, 1.0]), 0.0),
    ]


def _bases(skeleton: Skeleton) -> FloatArray:
    """(778, 3) the first joint of every vertex's finger; the palm's vertices have zeros."""
    size = sum(map(len, _SHARES)) * _RING + 2
    fingers = [np.tile(skeleton.joints[1 + 4 * finger], (size, 1)) for finger in MANO_FINGERS]
    return np.concatenate([np.zeros((_finger_start(0), 3)), *fingers])


def _lengthened(skeleton: Skeleton, finger: int) -> Move:
    """The finger's vertices move along it, the farther from its base the more."""
    first = _finger_start(MANO_FINGERS.index(finger))
    own = slice(first, first + sum(map(len, _SHARES)) * _RING + 2)
    base = skeleton.joints[1 + 4 * finger]

    def move(centres: FloatArray, offsets: FloatArray) -> FloatArray:
        moved = np.zeros_like(centres)
        moved[own] = _SPREADS[1 + finger] * (centres[own] - base)
        return moved

    return move
