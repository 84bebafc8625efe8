"""Records of predictions, gathered into arrays: checked a thousand at a time, one by one only where that fails."""

from collections import Counter
from typing import Any, cast

import numpy as np

from hint_toolkit.io.predictions_numbers import SHAPES, Floats, block, numbers
from hint_toolkit.io.truth import FARTHEST
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS, SIDES

BATCH = 1024
TOO_MANY = 10_000
"""Errors after which the rest of a file is not looked at."""
NO_KEYPOINTS = 'is not there; write "keypoints": null where the method found no hand'


class Collector:
    """Takes records in any of the spellings of docs/predictions.md and gives arrays in the order they came."""

    def __init__(self, file: str, label: str = "predictions") -> None:
        """`file` and `label` name the place of a record that has no id: `file > label[7]`."""
        self.file, self.label, self.issues = file, label, Issues()
        self.ids: list[str] = []
        self.side: list[str] = []
        self._batch: list[Any] = []
        self._parts: dict[str, list[Floats | int]] = {"points": [], "score": [], "visibility": []}

    @property
    def empty(self) -> bool:
        """Whether no record came."""
        return not self._batch and not self.ids

    @property
    def hopeless(self) -> bool:
        """Whether so many records are wrong that reading on tells nothing more."""
        return len(self.issues) >= TOO_MANY

    def add(self, record: Any) -> None:
        """One record: an object with an id, keypoints and perhaps score, visibility and side."""
        self._batch.append(record)
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Check what has gathered."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        batch = self._identified(batch)
        ids = [record["id"] for record in batch]
        points = block([record.get("keypoints") for record in batch])
        if points is None or not all("keypoints" in record for record in batch):
            points = np.stack([self._keypoints(record) for record in batch])
        score, visibility = self._optional(batch, "score"), self._optional(batch, "visibility")
        if points.shape[2] == 3 and score is None:
            score = points[:, :, 2]
            text = "a third number is a score and not negative; 3D joints are scored with: hint-eval pose3d"
            self._range(ids, score, "keypoints", 0.0, FARTHEST, text)
        sides = [record.get("side", record.get("hand_side")) for record in batch]
        self.add_arrays(ids, points[:, :, :2], score, visibility, sides)

    def add_arrays(
        self, ids: list[str], points: Floats, score: Floats | None, visibility: Floats | None, sides: list[Any]
    ) -> None:
        """Rows whose shapes are right; what lies out of range becomes an issue.

        Args:
            ids: n texts.
            points: (n, 21, 2).
            score: (n, 21) or None.
            visibility: likewise, 0..1.
            sides: n times "left", "right", "" or None; anything else is an issue.
        """
        self._range(ids, points, "keypoints", -FARTHEST, FARTHEST, "must be finite pixels")
        if score is not None:
            self._range(ids, score, "score", -FARTHEST, FARTHEST, "must be finite numbers")
        if visibility is not None:
            self._range(ids, visibility, "visibility", 0.0, 1.0, "must be between 0 (hidden) and 1 (visible)")
        if not all(side in (None, "", *SIDES) for side in sides):
            for hand_id, side in zip(ids, sides, strict=True):
                if side not in (None, "", *SIDES):
                    self._error(f"must be one of {SIDES}, got {str(side)[:20]!r}", hand_id, "side")
        self.ids += ids
        self.side += [side or "" for side in sides]
        for name, value in (("points", points), ("score", score), ("visibility", visibility)):
            self._parts[name].append(len(ids) if value is None else value)

    def finish(self) -> None:
        """Check the rest and that every id stands there once.

        Raises:
            InputError: there are errors; the first five are named.
        """
        self.flush()
        try:
            "".join(self.ids).encode()
        except UnicodeEncodeError:
            bad = next(i for i, name in enumerate(self.ids) if not _printable(name))
            self._error("holds half a character", f"{self.label}[{bad}]", "id")
        else:
            if len(set(self.ids)) < len(self.ids):
                for hand_id, times in Counter(self.ids).items():
                    if times > 1:
                        self._error("stands there more than once", hand_id, "")
        self.issues.raise_errors("see docs/predictions.md")

    def array(self, name: str) -> Floats:
        """(N, 21, 2) "points", (N, 21) "score" or "visibility", NaN where not given. Can be taken once."""
        parts, tail = self._parts.pop(name), (N_JOINTS, 2) if name == "points" else (N_JOINTS,)
        shape = (len(self.ids), *tail)
        if all(isinstance(part, int) for part in parts):
            return np.broadcast_to(np.full((), np.nan), shape)  # no memory for what nobody gave
        result, begin = np.empty(shape), 0
        parts.reverse()
        while parts:  # each part is let go as soon as it is copied
            part = parts.pop()
            size = part if isinstance(part, int) else len(part)
            result[begin : begin + size] = np.nan if isinstance(part, int) else part
            begin += size
        return result

    def _identified(self, batch: list[Any]) -> list[dict[str, Any]]:
        """The batch with a text `id` in every record."""
        try:
            ids = [record["id"] for record in batch]
            if set(map(type, ids)) == {str} and all(ids) and set(map(type, batch)) == {dict}:
                return batch
        except (TypeError, KeyError, IndexError):
            pass
        return [self._named(len(self.ids) + k, record) for k, record in enumerate(batch)]

    def _named(self, index: int, record: Any) -> dict[str, Any]:
        place = f"{self.label}[{index}]"
        name = coco_name(record) if isinstance(record, dict) else ""
        if not name:
            self._error('must be an object with a text "id"', place, "")
            return {"id": place, "keypoints": None}
        made: dict[str, Any] = record | {"id": name}
        if isinstance(record.get("id"), str) and record["id"]:
            return made
        # In COCO results a joint of 0, 0, 0 was not predicted.
        points = made.get("keypoints")
        if isinstance(points, list) and len(points) == 3 * N_JOINTS:
            for k in range(0, len(points), 3):
                if points[k : k + 3] == [0, 0, 0]:
                    points[k : k + 3] = [None] * 3
        return made

    def _keypoints(self, record: dict[str, Any]) -> Floats:
        """(21, 3) of one record, the third NaN unless given; an issue and NaN where it is wrong."""
        result = np.full((N_JOINTS, 3), np.nan)
        name = "keypoints" if "keypoints" in record else "points"
        if name not in record:
            self._error(NO_KEYPOINTS, record["id"], "keypoints")
            return result
        try:
            value = numbers(record[name], SHAPES)
        except (ValueError, TypeError, OverflowError) as error:
            self._error(str(error), record["id"], name)
        else:
            if value is not None:
                value = value.reshape(N_JOINTS, -1)
                result[:, : value.shape[1]] = value
        return result

    def _optional(self, batch: list[dict[str, Any]], name: str) -> Floats | None:
        given = [record.get(name) for record in batch]
        if name == "score":  # COCO results give one number a hand, which nothing here uses
            given = [None if type(value) in (int, float) else value for value in given]
        if not any(value is not None for value in given):
            return None
        fast = block(given, rows=False)
        if fast is not None:
            return fast
        result = np.full((len(batch), N_JOINTS), np.nan)
        for k, value in enumerate(given):
            try:
                array = numbers(value, ((N_JOINTS,),))
                result[k] = np.nan if array is None else array
            except (ValueError, TypeError, OverflowError) as error:
                self._error(str(error), batch[k]["id"], name)
        return result

    def _range(self, ids: list[str], values: Floats, field: str, low: float, high: float, text: str) -> None:
        good = np.isnan(values) | ((values >= low) & (values <= high))
        if good.all():
            return
        for i in np.flatnonzero(~good.reshape(len(ids), -1).all(axis=1)):
            wrong = "must not hold an infinity" if np.isinf(values[i]).any() else text
            worst = values[i][~good[i]].flat[0]
            self._error(wrong + ("" if np.isinf(worst) else f", got {worst:g}"), ids[i], field)

    def _error(self, text: str, hand_id: str, field: str) -> None:
        if not self.hopeless:
            shown = hand_id if _printable(hand_id) else ascii(hand_id)
            self.issues.error(text, file=self.file, id=shown[:200], field=field)


def coco_name(record: dict[str, Any]) -> str:
    """How a record calls its hand: id, `#<annotation id>`, file name, or image id; "" when it does not."""
    if isinstance(record.get("id"), str) and record["id"]:
        return cast(str, record["id"])
    for key, prefix in (("annotation_id", "#"), ("file_name", ""), ("imgname", ""), ("image_id", "")):
        value = record.get(key)
        if (isinstance(value, str) and value) or type(value) is int:
            return f"{prefix}{value}" if not isinstance(value, int) or abs(value) < 1 << 63 else ""
    return ""


def _printable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
