"""Predictions joined to truth by id, and everything that did not find its partner."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.geometry import finite
from hint_toolkit.io.hint_names import parse_folder
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.io.truth import id_of_picture
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Predictions in the order of the truth.

    Attributes:
        points: (N, 21, 2) pixels, NaN where there is no prediction.
        recorded: (N,) whether the file holds a record for the hand at all.
        unknown: ids in the file that no hand of the truth has, in file order.
        record: (N,) number of the hand's record in the file, -1 without one.
    """

    points: Floats
    recorded: NDArray[np.bool_]
    unknown: list[str]
    record: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) whether at least one joint of the hand is predicted."""
        return found_hands(self.points)

    def arrange(self, values: NDArray[Any], missing: Any = np.nan) -> NDArray[Any]:
        """An array with a row a record, e.g. `predictions.score`, as one with a row a hand of the truth."""
        result = np.full((len(self.record), *values.shape[1:]), missing, dtype=values.dtype)
        here = self.record >= 0
        result[here] = values[self.record[here]]
        return result


def found_hands(points: Floats) -> NDArray[np.bool_]:
    """(N,) which hands of (N, 21, 2) have at least one finite point."""
    return np.asarray(finite(points).any(axis=1))


def match_predictions(truth: Truth, predictions: Predictions) -> Match:
    """Join by id: the whole id, another name that the truth knows, or the stem where only one hand has it.

    A path of a picture stands for its id (`.../TEST_epick_img/x_r.jpg`). A folder of HInt in an id must be the
    truth's; any other folder is left away.

    Raises:
        InputError: an id that fits several hands, or two records for one hand; the first five are named.
    """
    hands = truth.hands
    names: dict[str, tuple[int, ...]] = {hand_id: (i,) for i, hand_id in enumerate(hands.id)}
    stems: dict[str, list[int]] = {}
    record = np.full(len(hands), -1, np.int64)
    unknown, ambiguous, twice = [], [], []
    for number, hand_id in enumerate(predictions.ids):
        places = names.get(hand_id) or truth.aliases.get(hand_id)
        if places is None:
            stems = stems or _by_stem(hands.id.tolist())
            places = _by_picture(hand_id, names, stems)
        if not places:
            unknown.append(hand_id)
        elif len(places) > 1:
            ambiguous.append(hand_id)
        elif record[places[0]] >= 0:
            twice.append(hand_id)
        else:
            record[places[0]] = number
    if ambiguous:
        raise _ambiguous(ambiguous, truth)
    if twice:
        doubled = f"{len(twice)} hands have two predictions: {shorten(twice)}"
        raise InputError(doubled, next_step="keep one record a hand")
    points = np.full((len(hands), N_JOINTS, 2), np.nan)
    recorded = record >= 0
    points[recorded] = predictions.points[record[recorded]]
    return Match(points, recorded, unknown, record)


def _by_stem(ids: list[str]) -> dict[str, list[int]]:
    """Positions of the hands that have a stem."""
    stems: dict[str, list[int]] = defaultdict(list)
    for i, hand_id in enumerate(ids):
        stems[hand_id.rsplit("/", 1)[-1]].append(i)
    return stems


def _by_picture(hand_id: str, names: dict[str, tuple[int, ...]], stems: dict[str, list[int]]) -> tuple[int, ...]:
    """The hands that an id means as the path of a picture."""
    name = id_of_picture(hand_id)
    if name in names:
        return names[name]
    stem = name.rsplit("/", 1)[-1]
    if parse_folder(name.rsplit("/", 1)[0]) and "/" in name:
        # The folder says which hand is meant. Only a truth that knows no folder may have it under the stem alone.
        return names.get(stem, ())
    return tuple(stems.get(stem, ()))


def _ambiguous(ids: list[str], truth: Truth) -> InputError:
    several = f"{len(ids)} ids fit hands in several folders: {shorten(ids)}"
    if truth.aliases:
        like = f', like "{truth.hands.id[truth.aliases[ids[0]][0]]}"' if ids[0] in truth.aliases else ""
        return InputError(
            f"{len(ids)} ids fit several hands of a picture: {shorten(ids)}",
            next_step=f'give every record an "id"{like}, or an "annotation_id"',
        )
    return InputError(several, next_step="write ids as <folder>/<stem>")
