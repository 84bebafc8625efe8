"""How a HInt json spells its numbers and flags, where the columns of a hand cannot say it: `Hand.original`.

The columns hold values: 123 and 123.0 are one float64, and an absent joint is never occluded. Canonical, and written
where `original` is empty, are coordinates with decimals, flags as the integers 0 and 1, an absent joint with
occlusion 0, and the four fields. What differs is kept as a JSON object:

    "integers"         "all": every whole coordinate is written as an integer; or the positions of those that are,
                       0..3 in `bbox`, 4..45 in `keypoints` (x and y in turn)
    "absent_occluded"  joints that are absent and carry occlusion 1
    "spelled"          field -> position -> what stands there, for all that is stranger: true, "12", 2 as a flag
    "extra"            further fields

A spelling is used only where it still has the value of the column: a corrected point is never undone by it.
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand, Hands

FIELDS = ("bbox", "keypoints", "existence", "occlusion")
N_BOX = 4
N_NUMBERS = N_BOX + 2 * N_JOINTS
"""Numbers of the box and the keypoints of one hand, in this order."""

Bools = NDArray[np.bool_]


def spellings(integers: Bools, whole: Bools, absent_occluded: Bools) -> list[str]:
    """`Hand.original` of many hands that hold nothing stranger than integers and flags of absent joints.

    Args:
        integers: (N, 46) the coordinate is written as an integer.
        whole: (N, 46) it could be.
        absent_occluded: (N, 21) the joint is absent and carries occlusion 1.
    """
    every = np.asarray((integers == whole).all(axis=1))
    texts = [""] * len(integers)
    flagged = np.asarray(absent_occluded.any(axis=1))
    for i in np.flatnonzero(integers.any(axis=1) | flagged).tolist():
        code: dict[str, Any] = {}
        if flagged[i]:
            code["absent_occluded"] = np.flatnonzero(absent_occluded[i]).tolist()
        if integers[i].any():
            code["integers"] = "all" if every[i] else np.flatnonzero(integers[i]).tolist()
        texts[i] = orjson.dumps(code).decode()
    return texts


def spelling(record: dict[str, Any], numbers: NDArray[np.float64], exists: Bools, occluded: Bools) -> str:
    """`Hand.original` of one record, whatever is in it.

    Args:
        record: of the layout that `truth_hint` accepts.
        numbers: (46,) what its coordinates mean.
        exists: (21,) what its flags mean.
        occluded: (21,) likewise; also true where the joint is absent.
    """
    tokens = [*record["bbox"][0], *chain.from_iterable(record["keypoints"])]
    integers = np.array([type(token) is int for token in tokens])
    text = spellings(integers[None], (numbers == np.floor(numbers))[None], np.zeros((1, N_JOINTS), bool))[0]
    code: dict[str, Any] = json.loads(text) if text else {}
    both = [k for k in np.flatnonzero(occluded & ~exists).tolist() if _is(record["occlusion"][k], 1)]
    if both:
        code["absent_occluded"] = both
    strange = {
        "bbox": {k: t for k, t in enumerate(tokens[:N_BOX]) if type(t) not in (int, float)},
        "keypoints": {k: t for k, t in enumerate(tokens[N_BOX:]) if type(t) not in (int, float)},
        "existence": {k: t for k, t in enumerate(record["existence"]) if not _is(t, int(exists[k]))},
        "occlusion": {k: t for k, t in enumerate(record["occlusion"]) if not _is(t, int(occluded[k]))},
    }
    if spelled := {field: held for field, held in strange.items() if held}:
        code["spelled"] = spelled
    if extra := {key: value for key, value in record.items() if key not in FIELDS}:
        code["extra"] = extra
    return json.dumps(code, sort_keys=True, separators=(",", ":")) if code else ""


def _is(token: Any, flag: int) -> bool:
    return type(token) is int and token == flag


def records(hands: Hands) -> Iterator[dict[str, Any]]:
    """The json object of every hand in HInt's layout; a point that is not known is written as 0, 0.

    Raises:
        InputError: a column `original` that no reader of HInt's json has made; names the hand.
    """
    points = np.where(np.isfinite(hands.points), hands.points, 0.0).reshape(len(hands), 2 * N_JOINTS)
    rows = zip(
        np.concatenate([hands.box, points], axis=1).tolist(),
        hands.exists.astype(int).tolist(),
        hands.occluded.astype(int).tolist(),
        hands.original.tolist(),
        hands.id.tolist(),
        strict=True,
    )
    for numbers, exists, occluded, original, hand_id in rows:
        extra: dict[str, Any] = {}
        if original:
            try:
                extra = _respell(json.loads(original), numbers, exists, occluded)
            except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
                raise InputError(
                    "does not say how a HInt json is spelled",
                    where=one_line(f"{hand_id} > original"),
                    why=f"{type(error).__name__}: {error}",
                    next_step='write "" there',
                ) from error
        keypoints = [numbers[k : k + 2] for k in range(N_BOX, N_NUMBERS, 2)]
        own = {"bbox": [numbers[:N_BOX]], "keypoints": keypoints, "existence": exists, "occlusion": occluded}
        yield extra | own


def pair_record(hand: Hand) -> list[dict[str, Any]]:
    """The json content of one hand in HInt's layout, see `records`."""
    return list(records(Hands.of([hand])))


def _respell(code: dict[str, Any], numbers: list[Any], exists: list[Any], occluded: list[Any]) -> dict[str, Any]:
    """Change the lists in place to what the file said, where that has the same value; returns its further fields."""
    integers = code.get("integers", ())
    for k in range(N_NUMBERS) if integers == "all" else integers:
        if float(numbers[k]).is_integer():
            numbers[k] = int(numbers[k])
    absent = [not flag for flag in exists]
    for k in code.get("absent_occluded", ()):
        if absent[k]:
            occluded[k] = 1
    spelled = code.get("spelled", {})
    for field, first in (("bbox", 0), ("keypoints", N_BOX)):
        for place, token in spelled.get(field, {}).items():
            if float(token) == numbers[first + int(place)]:
                numbers[first + int(place)] = token
    _respell_flags(exists, spelled.get("existence", {}), [False] * N_JOINTS)
    _respell_flags(occluded, spelled.get("occlusion", {}), absent)
    return dict(code.get("extra", {}))


def _respell_flags(flags: list[Any], spelled: dict[str, Any], free: list[bool]) -> None:
    """Put what the file said where it means the same, or where the column says nothing (`free`)."""
    for place, token in spelled.items():
        if free[int(place)] or (float(token) > 0) == (flags[int(place)] > 0):
            flags[int(place)] = token
