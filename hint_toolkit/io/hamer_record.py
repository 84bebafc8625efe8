"""A hand as HaMeR's training loader reads it: one dict of arrays in the list that a `data.pyd` holds.

Facts of github.com/geopavlakos/hamer, `hamer/datasets/image_dataset.py` (`load_tars_as_webdataset`) and
`utils.py` (`get_example`). Read are keypoints_2d (21, 3): x, y in pixels of the picture and a confidence, labelled
where it is above 0; keypoints_3d (21, 4), metres and a confidence; center (2,) pixels; scale (2,); right; hand_pose
(48,) axis-angle; betas (10,); has_hand_pose; has_betas; of extra_info only what is not ours. Joints are in the order
of OpenPose, which is HInt's. A left hand stays as it is in the picture: the loader mirrors it because right is 0.

The side of the square that is cut out is the larger of `scale * 200`, in pixels. Unlike in HaMeR's evaluation files
nothing is added to it, so the room around the hand must be in the scale: `CROP` times the box here, as much as
HaMeR's evaluation on HInt and its demo add.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.io.hand_json import hand_json, parse_hand
from hint_toolkit.io.truth import FARTHEST
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand

CROP = 2.0
"""Side of the crop over side of the box."""
UNIT = 200.0
"""Pixels of a scale of 1."""
OURS = "hint"
"""Key of `extra_info` that holds the whole hand as JSON."""
_LABELLED = 0.0
_SAME, _ROUNDING = 1e-3, 1e-6  # pixels, and a part of the coordinate: the arrays are float32
N_POSE, N_BETAS = 48, 10


@dataclass(frozen=True)
class Person:
    """One dict of somebody's `data.pyd`, checked.

    Attributes:
        points: (21, 2) pixels.
        confidence: (21,).
        center: (2,) pixels, of the crop.
        crop: pixels, side of the square that HaMeR cuts out.
        right: a right hand.
        hand: what this toolkit wrote with it, None in files of others.
        changed: `hand` says something else than the arrays, which are what HaMeR sees.
    """

    points: NDArray[np.float64]
    confidence: NDArray[np.float64]
    center: NDArray[np.float64]
    crop: float
    right: bool
    hand: Hand | None
    changed: bool

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(21,) joints that HaMeR learns from."""
        return np.asarray(self.confidence > _LABELLED)


def person_of(hand: Hand, number: int) -> dict[str, Any]:
    """The dict of a hand; there is neither 3D nor MANO in it, so these arrays are 0 and their flags say so.

    Args:
        hand: occluded joints are labelled like visible ones, absent ones are 0, 0 with confidence 0.
        number: of the hand in its picture.

    Raises:
        ValueError: the box has no area, or a coordinate is none of a picture.
    """
    size = hand.box[2:] - hand.box[:2]
    if not (np.abs(hand.box) <= FARTHEST).all() or not (size > 0).all():
        raise ValueError("has no box, or one without area")
    points, labelled = _seen(hand)
    if not (np.abs(points) <= FARTHEST).all():
        raise ValueError("has a point that is in no picture")
    return {
        "keypoints_2d": np.concatenate([points, labelled[:, None]], axis=1).astype(np.float32),
        "keypoints_3d": np.zeros((N_JOINTS, 4), np.float32),
        "center": (hand.box[:2] + hand.box[2:]) / 2,
        "scale": CROP * size / UNIT,
        "right": np.array(hand.side == "right", np.float32),
        "hand_pose": np.zeros(N_POSE, np.float32),
        "betas": np.zeros(N_BETAS, np.float32),
        "has_hand_pose": np.array(0, np.float32),
        "has_betas": np.array(0, np.float32),
        "personid": number,
        "extra_info": {OURS: hand_json(hand, image="")},
    }


def _seen(hand: Hand) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What HaMeR is shown: (21, 2) points, 0 where there is none, and (21,) labelled."""
    labelled = np.asarray(hand.exists & finite(hand.points))
    return np.where(labelled[:, None], hand.points, 0.0), labelled


def read_person(value: Any) -> Person:
    """One entry of the list in a `data.pyd`.

    Raises:
        ValueError: not a dict, or a key is missing or holds something else; names it.
    """
    if not isinstance(value, dict):
        raise ValueError("must be a dict")
    keypoints = _numbers(value, "keypoints_2d", [(N_JOINTS, 3)])
    scale = _numbers(value, "scale", [(), (1,), (2,)])
    right = _numbers(value, "right", [(), (1,)]).reshape(())
    crop = float(scale.max()) * UNIT
    if not 0 < crop <= FARTHEST:
        raise ValueError("scale must be above 0: the side of the crop over 200 pixels")
    if right not in (0, 1):
        raise ValueError(f"right must be 0 or 1, got {right:g}")
    center = _numbers(value, "center", [(2,)])
    plain = Person(keypoints[:, :2], keypoints[:, 2], center, crop, bool(right), None, False)
    extra = value.get("extra_info")
    if not isinstance(extra, dict) or not isinstance(extra.get(OURS), str):
        return plain
    try:
        hand = parse_hand(extra[OURS])
    except ValueError as error:
        raise ValueError(f"extra_info > {OURS}: {error}") from None
    return replace(plain, hand=hand, changed=_differs(plain, hand))


@dataclass(frozen=True)
class Targets:
    """What else a dict tells a training, of the hand as it is in the picture (a left hand is a left hand).

    Attributes:
        joints: (21, 4) metres in any frame whose axes are the camera's, and a confidence; zeros where there is none.
        pose: (48,) radians about axes, global orientation first; zeros where there is none.
        betas: (10,) shape.
        has_pose: whether `pose` says something.
        has_betas: whether `betas` do.
        reprojection: loss of the fit that gave them; NaN where it is not said.
    """

    joints: NDArray[np.float64]
    pose: NDArray[np.float64]
    betas: NDArray[np.float64]
    has_pose: bool
    has_betas: bool
    reprojection: float


def read_targets(value: Any) -> Targets:
    """The 3D of one entry that `read_person` took; what is not there counts as unknown.

    Raises:
        ValueError: a key holds something else; names it.
    """
    shapes: dict[str, tuple[int, ...]] = {"keypoints_3d": (N_JOINTS, 4), "hand_pose": (N_POSE,), "betas": (N_BETAS,)}
    found = {key: _numbers(value, key, [shape]) if key in value else np.zeros(shape) for key, shape in shapes.items()}
    pose, betas = (
        key in value and f"has_{key}" in value and bool(_numbers(value, f"has_{key}", [(), (1,)]).reshape(()) > 0)
        for key in ("hand_pose", "betas")
    )
    return Targets(found["keypoints_3d"], found["hand_pose"], found["betas"], pose, betas, _reprojection(value))


def _reprojection(value: dict[str, Any]) -> float:
    """`extra_info > fitting_loss > reprojection_loss`; the second may be an array that holds the dict."""
    extra = value.get("extra_info")
    fit = extra.get("fitting_loss") if isinstance(extra, dict) else None
    if isinstance(fit, np.ndarray) and fit.dtype == object and fit.size == 1:
        fit = fit.reshape(-1)[0]
    loss = fit.get("reprojection_loss") if isinstance(fit, dict) else None
    if isinstance(loss, np.ndarray) and loss.size == 1 and loss.dtype.kind in "fiu":
        loss = loss.reshape(-1)[0].item()
    return float(loss) if isinstance(loss, int | float) else float("nan")


def _differs(person: Person, hand: Hand) -> bool:
    points, labelled = _seen(hand)
    box = np.concatenate([person.center - person.crop / CROP / 2, person.center + person.crop / CROP / 2])
    center, side = (hand.box[:2] + hand.box[2:]) / 2, (hand.box[2:] - hand.box[:2]).max()
    square = np.concatenate([center - side / 2, center + side / 2])
    return bool(
        (labelled != person.labelled).any()
        or (np.abs(points - person.points)[labelled] > _SAME + _ROUNDING * np.abs(points)[labelled]).any()
        or not (np.abs(box - square) <= _SAME).all()
        or person.right != (hand.side == "right")
    )


def _numbers(value: dict[str, Any], key: str, shapes: list[tuple[int, ...]]) -> NDArray[np.float64]:
    """An array of one of the shapes, finite and within any picture."""
    if key not in value:
        raise ValueError(f"has no key {key!r}")
    got = value[key]
    if not isinstance(got, np.ndarray | int | float) or (isinstance(got, np.ndarray) and got.dtype.kind not in "biuf"):
        raise ValueError(f"{key} must be an array of numbers, got {type(got).__name__}")
    try:
        with np.errstate(invalid="ignore"):  # a NaN that signals is refused below
            array = np.array(got, dtype=np.float64)
    except OverflowError:
        raise ValueError(f"{key} must be finite pixels") from None
    if array.shape not in shapes:
        raise ValueError(f"{key} must have shape {' or '.join(map(str, shapes))}, got {array.shape}")
    if not (np.abs(array) <= FARTHEST).all():
        raise ValueError(f"{key} must be finite pixels")
    return array
