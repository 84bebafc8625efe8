"""What mmpose writes: results of its demos, of its inferencer, and of its test tool.

    results_<picture>.json       demo/topdown_demo_with_mmdet.py: {"meta_info": .., "instance_info": [instances]}
    predictions/<picture>.json   MMPoseInferencer: [instances]
    a pickle                     tools/test.py --dump: [{"img_path": .., "pred_instances": {"keypoints": (n, K, 2)}}]

An instance has `keypoints` (K x 2 pixels of the picture), `keypoint_scores` (K), `bbox` (four numbers, as a list in a
list) and `bbox_score`. K is 21 for a hand, 133 for a person of COCO-WholeBody, whose hands are points 91..111 (left)
and 112..132 (right). Where `meta_info` names the points, their order is taken from the names.

Source: github.com/open-mmlab/mmpose, `split_instances` and its callers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import NEXT, ForeignHand, numbers
from hint_toolkit.joints import FINGERS, INDEX, JOINTS, N_JOINTS

WHOLE_BODY: Final = 133
FIRST_HAND: Final = 91
_HANDS: Final = {"left": FIRST_HAND, "right": FIRST_HAND + N_JOINTS}
_SHORT: Final = {name.removesuffix("_finger"): name for name in FINGERS} | {"hand_root": "wrist", "root": "wrist"}


def is_mmpose(value: Any) -> bool:
    """Whether a value out of a file is mmpose's, as far as its first instance tells."""
    if isinstance(value, list):
        return bool(value) and is_mmpose(value[0])
    if not isinstance(value, dict):
        return False
    if "instance_info" in value or "pred_instances" in value or {"frame_id", "instances"} <= value.keys():
        return True
    return {"keypoints", "keypoint_scores"} <= value.keys() and "id" not in value


def mmpose_hands(value: Any, picture: str, where: str) -> Iterator[tuple[str, list[ForeignHand]]]:
    """Each picture of a file's content with its hands; a picture without a hand has an empty list.

    Args:
        value: the whole content.
        picture: its name where the content names none.
        where: of messages.

    Raises:
        InputError: a video's results, other numbers of keypoints, or an instance that is not as described.
    """
    order: tuple[int, ...] | None = None
    instances = value
    if isinstance(value, dict) and "instance_info" in value:
        order, instances = order_of_names(value.get("meta_info")), value["instance_info"]
        where = f"{where} > instance_info"
    if not isinstance(instances, list):
        raise InputError("must be a list of instances", where=where, next_step=NEXT)
    dumped = [one for one in instances if isinstance(one, dict) and "pred_instances" in one]
    if not dumped:
        yield picture, _all(instances, picture, order, where)
        return
    for k, one in enumerate(instances):
        place = f"{where}[{k}]"
        found = one.get("pred_instances") if isinstance(one, dict) else None
        if not isinstance(found, dict) or not isinstance(one.get("img_path"), str):
            raise InputError("must have img_path and pred_instances", where=place, next_step=NEXT)
        yield one["img_path"], _all(_rows(found, place), one["img_path"], order, place)


def order_of_names(meta: Any) -> tuple[int, ...] | None:
    """Where HInt's joints stand among the points of a hand, by the names of `meta_info`; None where they do not say.

    InterHand2.6M and RHD have the tips first in mmpose; their names tell.
    """
    names = meta.get("keypoint_id2name") if isinstance(meta, Mapping) else None
    if not isinstance(names, Mapping) or len(names) != N_JOINTS:
        return None
    places: dict[int, int] = {}
    for key, name in names.items():
        joint = _joint(str(name))
        if joint is not None and str(key).isdigit():
            places[joint] = int(key)
    if sorted(places) != list(range(N_JOINTS)) or sorted(places.values()) != list(range(N_JOINTS)):
        return None
    return tuple(places[joint] for joint in range(N_JOINTS))


def _joint(name: str) -> int | None:
    """HInt's index of a joint by mmpose's name: left_thumb1, forefinger1, middle4, hand_root."""
    bare = name.lower().removeprefix("left_").removeprefix("right_")
    stem, digit = bare.rstrip("0123456789"), bare[len(bare.rstrip("0123456789")) :]
    full = _SHORT.get(stem.removesuffix("_finger"), stem) + digit
    return INDEX[full] if full in JOINTS else None


def _rows(found: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Arrays over the instances as a list of instances."""
    named = {"keypoints": "keypoints", "keypoint_scores": "keypoint_scores", "bboxes": "bbox",
             "bbox_scores": "bbox_score"}  # fmt: skip
    arrays = {there: found[here] for here, there in named.items() if found.get(here) is not None}
    try:
        n = len(arrays["keypoints"])
        return [{name: values[k] for name, values in arrays.items()} for k in range(n)]
    except (KeyError, TypeError, IndexError) as error:
        raise InputError("must have keypoints, a row an instance", where=where, next_step=NEXT) from error


def _all(instances: list[Any], picture: str, order: tuple[int, ...] | None, where: str) -> list[ForeignHand]:
    return [hand for k, one in enumerate(instances) for hand in _instance(one, picture, order, f"{where}[{k}]")]


def _instance(one: Any, picture: str, order: tuple[int, ...] | None, where: str) -> list[ForeignHand]:
    """The hand of a hand's instance, or the two of a person's."""
    if isinstance(one, dict) and {"frame_id", "instances"} <= one.keys():
        raise InputError(
            "is of a video, frame by frame",
            where=where,
            next_step="run mmpose on the dataset's pictures, one file each",
        )
    if not isinstance(one, dict) or not isinstance(one.get("keypoints"), list | np.ndarray):
        raise InputError("must be an object with keypoints", where=where, next_step=NEXT)
    shapes = tuple((n, width) for n in (N_JOINTS, WHOLE_BODY) for width in (2, 3))
    points = numbers(one["keypoints"], shapes, f"{where} > keypoints")
    given = one.get("keypoint_scores")
    score = points[:, 2] if points.shape[1] == 3 else np.full(len(points), np.nan)
    if given is not None:
        score = numbers(given, ((len(points),),), f"{where} > keypoint_scores")
    presence = one.get("bbox_score")
    sure = float("nan") if presence is None else float(numbers(presence, ((),), f"{where} > bbox_score"))
    if len(points) == WHOLE_BODY:  # the box is the person's
        return [
            ForeignHand(picture, points[at : at + N_JOINTS, :2], score[at : at + N_JOINTS], side=side, presence=sure)
            for side, at in _HANDS.items()
        ]
    box = np.full(4, np.nan) if one.get("bbox") is None else numbers(one["bbox"], ((4,),), f"{where} > bbox")
    places = list(order or range(N_JOINTS))
    return [ForeignHand(picture, points[places, :2], score[places], box=box, presence=sure)]
