"""What a row of `Hands` says beside its points, as a JSON object: formats that have no place for it carry it along.

COCO's annotations hold it under "hint", YOLO's labels in a file of their own. What a format can say itself (points,
flags, box, side, size and name of the picture) is not part of it, and neither is what is not known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np

from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import STATES, Hand

_SAID_BY_THE_FORMAT = {"points", "exists", "occluded", "score", "box", "side", "width", "height", "image"}
_TYPES = MappingProxyType({f.name: f.type for f in fields(Hand) if f.name not in _SAID_BY_THE_FORMAT})
_ALWAYS = ("id", "frame_id", "source", "split", "subset", "state")
_UNKNOWN: Mapping[Any, Any] = MappingProxyType({str: "", float: None, int: -1, bool: True})
_LARGEST = 2**53
"""No whole number in a row is larger; JSON readers of other languages would round one that is."""


def facts_of(hand: Hand) -> dict[str, Any]:
    """The facts that are known, in the order of the fields of `Hand`; the same for the same hand."""
    facts: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        value = getattr(hand, name)
        if isinstance(value, float):
            value = None if math.isnan(value) else value
        if name in _ALWAYS or value != _UNKNOWN[kind]:
            facts[name] = value
    if np.isfinite(hand.score).any():
        facts["score"] = [None if math.isnan(value) else value for value in hand.score.tolist()]
    return facts


def read_facts(value: Any, issues: Issues, *, file: str, place: str) -> dict[str, Any]:
    """The columns that such an object states; keys that are not known here are left aside.

    Args:
        value: the object.
        issues: gets an error for every value of the wrong kind.
        file: that it was read from.
        place: of the object in the file.
    """
    facts = {}
    for name, kind in _TYPES.items():
        if name not in value:
            continue
        wrong = _wrong(value[name], kind)
        if name == "state" and value[name] not in STATES:
            wrong = f"must be one of {', '.join(STATES)}"
        if wrong:
            issues.error(wrong, file=file, id=place, field=name)
        else:
            facts[name] = value[name]
    if "score" in value:
        score = value["score"]
        if isinstance(score, list) and len(score) == N_JOINTS and not any(v and _wrong(v, float) for v in score):
            facts["score"] = [math.nan if v is None else float(v) for v in score]
        else:
            issues.error(f"must be {N_JOINTS} numbers", file=file, id=place, field="score")
    return facts


def _wrong(value: Any, kind: Any) -> str:
    """What such a value must be, "" when it is that."""
    if kind is str:
        return "" if isinstance(value, str) else "must be text"
    if kind is bool:
        return "" if isinstance(value, bool) else "must be true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return "" if number and isinstance(value, int) and abs(value) <= _LARGEST else "must be a whole number"
    return "" if number and abs(value) <= _LARGEST else "must be a finite number"


def with_facts(columns: dict[str, Any], facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Columns of `Hands` in which what the facts of a row state stands instead; `facts` may hold empty dicts."""
    changed = {}
    for name in {name for row in facts for name in row}:
        column = list(columns[name])
        for i, row in enumerate(facts):
            column[i] = row.get(name, column[i])
        changed[name] = np.array(column) if name == "score" else column
    return columns | changed


def point_of(x: float, y: float) -> list[float | None]:
    """A point for JSON: null where a coordinate is not known."""
    return [None if math.isnan(value) else value for value in (x, y)]


def read_points(value: Any, size: int) -> dict[int, list[float]]:
    """Joint -> numbers, from an object with joint indices as keys; null is NaN.

    Args:
        value: e.g. {"3": [10.5, 20.0]}.
        size: how many numbers a joint has.

    Raises:
        ValueError: it is no such object.
    """
    wanted = f"must map joints 0..{N_JOINTS - 1} to {size} numbers each"
    if not isinstance(value, dict):
        raise ValueError(wanted)
    points = {}
    for key, numbers in value.items():
        good = isinstance(numbers, list) and len(numbers) == size
        if not good or not key.isdecimal() or not int(key) < N_JOINTS:
            raise ValueError(wanted)
        if any(v is not None and _wrong(v, float) for v in numbers):
            raise ValueError(wanted)
        points[int(key)] = [math.nan if v is None else float(v) for v in numbers]
    return points
