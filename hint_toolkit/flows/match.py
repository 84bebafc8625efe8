"""Predictions joined to truth by id, and everything that did not find its partner."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Predictions in the order of the truth.

    Attributes:
        points: (N, 21, 2) pixels, NaN where there is no prediction.
        recorded: (N,) whether the file holds a record for the hand at all.
        unknown: ids in the file that no hand of the truth has, in file order.
    """

    points: Floats
    recorded: NDArray[np.bool_]
    unknown: list[str]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) whether at least one joint of the hand is predicted."""
        return found_hands(self.points)


def found_hands(points: Floats) -> NDArray[np.bool_]:
    """(N,) which hands of (N, 21, 2) have at least one finite point."""
    return np.asarray(np.asarray(np.isfinite(points).all(axis=2)).any(axis=1))


def match_predictions(truth: Truth, predictions: Predictions) -> Match:
    """Join by full id `<folder>/<stem>`, or by a bare stem where only one hand has it.

    Raises:
        InputError: a bare stem fits several hands, or two records fit one hand.
    """
    hands = truth.hands
    position = {hand_id: i for i, hand_id in enumerate(hands.id)}
    by_stem: dict[str, list[int]] = defaultdict(list)
    for i, hand_id in enumerate(hands.id):
        by_stem[hand_id.rsplit("/", 1)[-1]].append(i)
    points: Floats = np.full((len(hands), N_JOINTS, 2), np.nan)
    recorded = np.zeros(len(hands), bool)
    unknown, ambiguous, twice = [], [], []
    for record, hand_id in enumerate(predictions.ids):
        places = [position[hand_id]] if hand_id in position else by_stem.get(hand_id, [])
        if not places:
            unknown.append(hand_id)
        elif len(places) > 1:
            ambiguous.append(hand_id)
        elif recorded[places[0]]:
            twice.append(hand_id)
        else:
            points[places[0]], recorded[places[0]] = predictions.points[record], True
    if ambiguous:
        raise InputError(
            f"{len(ambiguous)} ids fit hands in several folders: {shorten(ambiguous)}",
            next_step="write ids as <folder>/<stem>",
        )
    if twice:
        doubled = f"{len(twice)} hands have two predictions: {shorten(twice)}"
        raise InputError(doubled, next_step="keep one record a hand")
    return Match(points, recorded, unknown)
