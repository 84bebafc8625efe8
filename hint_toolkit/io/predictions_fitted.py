"""What HaMeR, WiLoR, Hamba, FrankMocap and forks dump: dicts of a network's outputs, as JSON, npz or a plain pickle.

Every fork nests them in its own way; what is understood:

    picture     a key, or img_path, imgname, img_name, image_path, image, file_name in the record; else the file's name
    nesting     lists, objects by picture, by number or by side, wilor_preds, hamer_preds, preds, out, and
                pred_output_list, of which nothing else is then read (FrankMocap's <picture>_prediction_result.pkl)
    side        is_right or right (0, 1), side, hand_side, or a key left, left_hand, right, right_hand
    2D          pred_keypoints_2d, keypoints_2d, joints_2d, pred_joints_img: pixels of the picture (WiLoR-mini,
                FrankMocap); as fractions of the crop (the networks' own output) they need box_center and box_size
    3D          pred_keypoints_3d, keypoints_3d, joints_3d, else pred_vertices, vertices, and with either
                pred_cam_t_full or cam_t_full; scaled_focal_length where it is not HaMeR's 5000 / 256 x the longer side
    box         hand_bbox, bbox, box: four numbers, a fifth is the confidence in it
    rows        arrays with an axis more than one hand's hold a hand a row

3D joints and vertices of left hands must have been mirrored back (x times -1), as the demos do before they use them.

Sources: demo.py of geopavlakos/hamer and rolpotamias/WiLoR, the pipeline of warmshao/WiLoR-mini, `save_pred_to_pkl` and
docs/joint_order.md of facebookresearch/frankmocap (its 21 joints stand in HInt's order).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import NEXT, Floats, ForeignHand, Mano, numbers, regressed, side_of
from hint_toolkit.joints import N_JOINTS, SIDES, TO_HINT

POINTS: Final = ("pred_keypoints_2d", "keypoints_2d", "joints_2d", "pred_joints_img")
JOINTS_3D: Final = ("pred_keypoints_3d", "keypoints_3d", "joints_3d")
VERTICES: Final = ("pred_vertices", "vertices")
CAMERA: Final = ("pred_cam_t_full", "cam_t_full")
_PICTURE: Final = ("img_path", "imgname", "img_name", "image_path", "image", "file_name")
_BOX: Final = ("hand_bbox", "bbox", "box")
_SIDE: Final = ("is_right", "right", "side", "hand_side")
_SURE: Final = ("score", "conf", "confidence")
_NESTED: Final = ("wilor_preds", "hamer_preds", "hamba_preds", "preds", "out")
_LISTED: Final = "pred_output_list"
_SIDES: Final = {side: side for side in SIDES} | {f"{side}_hand": side for side in SIDES}
_HAND: Final = (*POINTS, *JOINTS_3D, *VERTICES)
ARRAYS: Final = (
    *_HAND, *CAMERA, "scaled_focal_length", "box_center", "box_size", "img_size", "keypoint_scores", *_PICTURE, *_BOX,
    *_SIDE, *_SURE,
)  # fmt: skip
"""Names that an npz may have."""
VERTEX_COUNT: Final = 778
_WORDS: Final = ("hands", "predictions", "results", "instances", "detections", "outputs", _LISTED)
_DEEPEST: Final = 6
_CROP: Final = 1.5
"""Fractions of a crop lie within -0.5..0.5 where the hand is in it, and no hand of a picture in pixels is so small."""


def is_fitted(value: Any, depth: int = 0) -> bool:
    """Whether a value out of a file holds a network's outputs, as far as its first entries tell."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, list):
        return any(is_fitted(one, depth + 1) for one in value[:3])
    if not isinstance(value, dict):
        return False
    if any(name in value for name in (*_NESTED[:3], *_HAND, *CAMERA, "hand_bbox", _LISTED)):
        return True
    return any(is_fitted(one, depth + 1) for one in list(value.values())[:3])


def fitted_hands(
    value: Any, picture: str, where: str, *, mano: Mano, order: str = "hint", keyed: bool = False, depth: int = 0
) -> Iterator[tuple[str, list[ForeignHand]]]:
    """Each picture of a content with some of its hands; a picture may come again. One without a hand has an empty list.

    Args:
        value: what the file holds, or a part of it.
        picture: name of the picture it belongs to where neither a key nor the record names one.
        where: of messages.
        mano: the hand model, asked for only where there are vertices and no joints.
        order: of the joints, a key of `joints.TO_HINT`.
        keyed: whether `picture` came from a key already, so that further keys name hands.
        depth: of the part in the whole.

    Raises:
        InputError: not such a content, or a hand that is not as described.
    """
    if depth > _DEEPEST:
        raise InputError("is nested too deeply", where=where, next_step=NEXT)
    if isinstance(value, list | tuple):
        if not value:
            yield picture, []
        for k, one in ((k, one) for k, one in enumerate(value) if one is not None):
            place = f"{where}[{k}]"
            yield from fitted_hands(one, picture, place, mano=mano, order=order, keyed=keyed, depth=depth + 1)
        return
    if not isinstance(value, dict):
        raise InputError("must be an object of a network's outputs", where=where, next_step=NEXT)
    record = _flat(value)
    if not any(record.get(name) is not None for name in _HAND):
        told, branches = _named(record), _branches(record, where)
        if told or not branches:
            yield told or picture, []
        for key, one in branches.items():
            mine = keyed or _no_picture(key)
            inner = one | {"side": _SIDES[key]} if key in _SIDES and isinstance(one, dict) else one
            name, known = (told or picture) if mine else key, keyed or not mine
            place = f"{where} > {key}"
            yield from fitted_hands(inner, name, place, mano=mano, order=order, keyed=known, depth=depth + 1)
        return
    for k, row in enumerate(_rows(record, where)):
        name = _named(row) or picture
        yield name, [_hand(row, name, where if k == 0 else f"{where}[{k}]", mano, order)]


def _branches(record: dict[str, Any], where: str) -> dict[str, Any]:
    """What of a record without a hand of its own may hold hands.

    Raises:
        InputError: nothing does.
    """
    if _LISTED in record:
        return {_LISTED: record[_LISTED]}
    found = {key: one for key, one in record.items() if isinstance(one, dict | list | tuple)}
    if record.keys() & {*CAMERA, "hand_bbox", "is_right"} or (not found and record.keys() - {"side"}):
        raise InputError(f"has none of {', '.join(_HAND)}", where=where, next_step=NEXT)
    return found


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """The record with what is nested in it beside the rest."""
    record = dict(value)
    for name in _NESTED:
        if isinstance(record.get(name), dict):
            record |= record.pop(name)
    return record


def _rows(record: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """One record a hand: a record of one hand alone, or the rows of arrays that hold several."""
    name, _ = _first(record, _HAND)
    try:
        n = len(record[name]) if np.ndim(record[name]) == 3 else 0
    except ValueError as error:
        raise InputError("must be numbers", where=f"{where} > {name}", next_step=NEXT) from error
    if n == 0 and np.ndim(record[name]) == 3:
        return []
    if n <= 1:
        return [record]
    kept = {key: values for key, values in record.items() if key in ARRAYS}
    each = {key: isinstance(values, list | tuple | np.ndarray) and len(values) == n for key, values in kept.items()}
    return [{key: values[k] if each[key] else values for key, values in kept.items()} for k in range(n)]


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    return next(((name, record[name]) for name in names if record.get(name) is not None), ("", None))


def _no_picture(key: str) -> bool:
    """Whether a key counts hands or says what is below it, and is no picture's name."""
    return key in (*_SIDES, *_WORDS) or (key.isdigit() and len(key) < 4)


def _named(record: Mapping[str, Any]) -> str:
    _, name = _first(record, _PICTURE)
    if isinstance(name, list | tuple | np.ndarray) and len(name) == 1:
        name = name[0]
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    return str(name) if isinstance(name, str | Path) else ""


def _hand(record: Mapping[str, Any], picture: str, where: str, mano: Mano, order: str) -> ForeignHand:
    name, value = _first(record, _SIDE)
    side = side_of(value, f"{where} > {name}")
    name, value = _first(record, _BOX)
    box: Floats = np.full(5, np.nan)
    if value is not None:
        corners = numbers(value, ((4,), (5,)), f"{where} > {name}")
        box[: len(corners)] = corners
    name, value = _first(record, _SURE)
    sure = box[4] if value is None else float(numbers(value, ((), (1,)), f"{where} > {name}").reshape(()))
    scores = record.get("keypoint_scores")
    score: Floats = np.full(N_JOINTS, np.nan)
    if scores is not None:
        score = numbers(scores, ((N_JOINTS,),), f"{where} > keypoint_scores")
    places = list(TO_HINT[order])
    given, space = _points(record, side, where), None
    if given is None:
        space = _space(record, places, where, mano)
    points: Floats = np.full((N_JOINTS, 2), np.nan) if given is None else given[places]
    focal = record.get("scaled_focal_length")
    size = record.get("img_size")
    wide, high = (0, 0) if size is None else numbers(size, ((2,),), f"{where} > img_size").astype(int).tolist()
    return ForeignHand(
        picture, points, score[places], box[:4], side, float(sure), space,
        float("nan") if focal is None else float(numbers(focal, ((), (1,)), f"{where} > scaled_focal_length").max()),
        (wide, high),
    )  # fmt: skip


def _points(record: Mapping[str, Any], side: str, where: str) -> Floats | None:
    """(21, 2) pixels, in the file's order of joints; None where only 3D can tell.

    Raises:
        InputError: fractions of a crop, and neither the crop nor 3D beside them.
    """
    name, value = _first(record, POINTS)
    if value is None:
        return None
    points = numbers(value, ((N_JOINTS, 2), (N_JOINTS, 3)), f"{where} > {name}")[:, :2]
    if not (np.abs(points[np.isfinite(points)]) <= _CROP).all() or not np.isfinite(points).any():
        return points
    center, extent = record.get("box_center"), record.get("box_size")
    if center is not None and extent is not None and side:
        middle = numbers(center, ((2,),), f"{where} > box_center")
        length = float(numbers(extent, ((), (1,)), f"{where} > box_size").max())
        return np.asarray(points * np.array([1 if side == "right" else -1, 1]) * length + middle)
    if _first(record, CAMERA)[0]:
        return None
    raise InputError(
        f"{name} are fractions of the crop, not pixels",
        where=where,
        next_step="dump box_center, box_size and is_right, or pred_keypoints_3d and pred_cam_t_full beside them",
    )


def _space(record: Mapping[str, Any], places: list[int], where: str, mano: Mano) -> Floats:
    """(21, 3) joints before the camera of the whole picture, HInt order."""
    name, value = _first(record, CAMERA)
    if value is None:
        step = f"dump {CAMERA[0]} or pred_keypoints_2d in pixels beside them"
        raise InputError("has 3D points and no camera of the whole picture", where=where, next_step=step)
    moved = numbers(value, ((3,),), f"{where} > {name}")
    name, value = _first(record, JOINTS_3D)
    if value is not None:
        return np.asarray(numbers(value, ((N_JOINTS, 3),), f"{where} > {name}")[places] + moved)
    name, value = _first(record, VERTICES)
    return regressed(numbers(value, ((VERTEX_COUNT, 3),), f"{where} > {name}") + moved, mano())
