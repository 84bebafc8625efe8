"""Is a task fit to be sent? Label Studio itself takes almost anything, and shows it wrongly or not at all.

It accepts unknown labels, numbers that are none, key points without a width (the editor then shows none of them) and
two tasks of one hand. What is found here is said before anything is sent, with the hand's name.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.labelstudio.config import BOX, CHAINS, IMAGE, KEYPOINTS, vocabulary
from hint_toolkit.labelstudio.tasks import chain_points

_BEYOND: Final = 100.0
"""Percent: a point may lie this far outside the picture (a wrist that a detector puts below its edge), not farther:
then it is not in percent of this picture."""
_WHOLE: Final = ("window_width", "window_height", "original_width", "original_height")
_STEP: Final = "pre-label again: hint-build prelabel"
_TYPES: Final = {KEYPOINTS: "keypointlabels", BOX: "rectanglelabels", CHAINS: "vectorlabels"}


class TaskChecker:
    """Checks the tasks of one push, one after the other; the same hand may come only once."""

    def __init__(self, label_config: str) -> None:
        """Take the project's configuration: only its controls and labels can be used."""
        self._known = {name: frozenset(values) for name, values in (vocabulary(label_config) or {}).items()}
        self._seen: set[str] = set()

    def check(self, task: Mapping[str, Any]) -> None:
        """Look at a task before it is sent.

        Args:
            task: `data` and `predictions`, as `tasks.build_task` makes them.

        Raises:
            InputError: names the hand and what is wrong with it.
        """
        data = task["data"]
        hint_id = str(data.get("hint_id") or "")
        if not hint_id:
            raise InputError("has no hint_id", where=str(data.get("image") or "a task"), next_step=_STEP)
        if hint_id in self._seen:
            raise InputError("would get two tasks", where=hint_id, next_step=_STEP)
        self._seen.add(hint_id)
        if problem := self._data(data) or self._predictions(task, hint_id):
            raise InputError(problem, where=hint_id, next_step=_STEP)

    def _data(self, data: Mapping[str, Any]) -> str:
        if not data.get("image"):
            return "has no picture"
        wrong = [name for name in _WHOLE if not _positive(data.get(name))]
        return f"{wrong[0]} must be a positive whole number, got {data.get(wrong[0])!r}" if wrong else ""

    def _predictions(self, task: Mapping[str, Any], hint_id: str) -> str:
        for k, prediction in enumerate(task["predictions"]):
            regions = prediction.get("result")
            if not isinstance(regions, list) or not prediction.get("model_version"):
                return f"prediction {k} has no result or no model_version"
            ids = [region.get("id") for region in regions]
            if len(set(ids)) < len(ids):
                return f"prediction {k} has two regions of one id"
            for region in regions:
                if problem := self._region(region, task["data"], hint_id):
                    return f"prediction {k}, {region.get('id') or 'a region without id'}: {problem}"
            if problem := _twice(regions):
                return f"prediction {k}: {problem}"
        return ""

    def _region(self, region: Mapping[str, Any], data: Mapping[str, Any], hint_id: str) -> str:
        name, kind = region.get("from_name"), region.get("type")
        if not str(region.get("id") or "").startswith(f"{hint_id}-"):
            return f"the id must begin with {hint_id}-"
        if name not in self._known or region.get("to_name") != IMAGE:
            return f"{name!r} on {region.get('to_name')!r} is no part of the labelling configuration"
        if kind != _TYPES.get(str(name), "choices"):
            return f"{kind!r} is not what {name!r} records"
        value = region.get("value") or {}
        labels = value.get(kind) or []
        if not labels:
            return f"has no label of {name!r}"
        if foreign := [label for label in labels if label not in self._known[name]]:
            return f"{foreign[0]!r} is no label of {name!r}"
        if kind == "choices":
            return ""
        if kind == "vectorlabels":
            return _chain(region, value, data, hint_id)
        return _place(region, value, data)


def _place(region: Mapping[str, Any], value: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Numbers of a point or a box."""
    sizes = (region.get("original_width"), region.get("original_height"))
    if sizes != (data["window_width"], data["window_height"]):
        return f"is of a picture of {sizes[0]} x {sizes[1]}, shown is {data['window_width']} x {data['window_height']}"
    names = ("x", "y", "width", "height") if region["type"] == "rectanglelabels" else ("x", "y", "width")
    for name in names:
        number = value.get(name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            return f"{name} must be a number, got {number!r}"
        if name in ("x", "y") and not -_BEYOND <= number <= 100.0 + _BEYOND:
            return f"{name} is {number:.1f} %, far outside the picture"
        if name in ("width", "height") and number <= 0:
            return f"{name} must be positive, got {number}"
    return ""


def _chain(region: Mapping[str, Any], value: Mapping[str, Any], data: Mapping[str, Any], hint_id: str) -> str:
    """Four points of a finger, each as fit as one that stands alone."""
    try:
        points = chain_points(value, hint_id)
    except (ValueError, KeyError, TypeError) as error:
        return str(error)
    wrong = (_place(region, {"x": x, "y": y, "width": 1}, data) for _, x, y in points)
    return next((problem for problem in wrong if problem), "" if points else "has no points")


def _twice(regions: Iterable[Mapping[str, Any]]) -> str:
    """A joint or box that is there twice: the editor's configuration allows one of each."""
    seen: set[tuple[str, str]] = set()
    for region in regions:
        if region["type"] == "choices":
            continue
        label = "a box" if region["from_name"] == BOX else str(region["value"][region["type"]][0])
        if (region["from_name"], label) in seen:
            return f"{label} is there twice"
        seen.add((region["from_name"], label))
    return ""


def _positive(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0
