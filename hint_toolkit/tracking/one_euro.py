"""The One-Euro filter: a low-pass filter whose cutoff rises with speed, so that rest is calm and motion is not late.

Source: G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012, algorithm 1. The speed is taken against the last filtered value, as there. It is causal:
it never looks ahead, and whatever it gains in calm it pays with some delay (docs/predict-video.md has numbers).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OneEuroRules:
    """Parameters; speeds are in hand sizes a second, so that they hold for every resolution.

    Attributes:
        min_cutoff: Hz, of a hand at rest: lower is calmer.
        beta: Hz a hand size a second: higher is less late.
        d_cutoff: Hz, of the low-pass filter of the speed.
    """

    min_cutoff: float = 1.0
    beta: float = 3.0
    d_cutoff: float = 5.0

    def __post_init__(self) -> None:
        good = all(math.isfinite(v) for v in (self.min_cutoff, self.beta, self.d_cutoff))
        if not good or self.min_cutoff <= 0 or self.d_cutoff <= 0 or self.beta < 0:
            raise InputError(
                f"smoothing with {self.min_cutoff:g},{self.beta:g},{self.d_cutoff:g}",
                why="a cutoff must be above 0, beta 0 or more",
                next_step="give MIN_CUTOFF,BETA,D_CUTOFF, e.g. 1,3,5",
            )

    def __str__(self) -> str:
        """As it stands in headers."""
        return f"one-euro(min_cutoff={self.min_cutoff:g}, beta={self.beta:g}, d_cutoff={self.d_cutoff:g})"


class OneEuro:
    """The filter of one path; every number of an array is filtered by itself."""

    def __init__(self, rules: OneEuroRules, size: float) -> None:
        """Begin a path.

        Args:
            rules: parameters.
            size: of the hand, in the unit of the values; where it is not above 0, values are taken as they are.
        """
        self._rules = rules
        self._size = size if math.isfinite(size) and size > 0 else 1.0
        self._value: Floats | None = None
        self._speed: Floats = np.zeros(0)
        self._time: Floats = np.zeros(0)

    def __call__(self, values: Floats, time: float) -> Floats:
        """The filtered values of the next moment.

        Args:
            values: of any shape, the same at every call. NaN stays NaN, and its path goes on behind it.
            time: seconds, later than the one before.

        Raises:
            ValueError: time stands still or runs backwards, or the shape changed.
        """
        scaled = np.asarray(values, np.float64) / self._size
        if self._value is None:
            self._value = np.full(scaled.shape, np.nan)
            self._speed = np.zeros(scaled.shape)
            self._time = np.full(scaled.shape, -np.inf)
        if scaled.shape != self._value.shape:
            raise ValueError(f"values of shape {scaled.shape} after {self._value.shape}")
        if (self._time >= time).any():
            raise ValueError(f"time {time} is not later than {self._time.max()}")
        known, begun = np.isfinite(scaled), np.isfinite(self._value)
        on = known & begun
        if on.any():
            step = time - self._time[on]
            self._speed[on] = _mixed(
                (scaled[on] - self._value[on]) / step, self._speed[on], _share(step, self._rules.d_cutoff)
            )
            cutoff = self._rules.min_cutoff + self._rules.beta * np.abs(self._speed[on])
            self._value[on] = _mixed(scaled[on], self._value[on], _share(step, cutoff))
        first = known & ~begun
        self._value[first] = scaled[first]
        self._time[known] = time
        return np.where(known, self._value * self._size, np.nan)


def smoothed(values: Floats, times: Floats, size: float, rules: OneEuroRules | None = None) -> Floats:
    """A whole path at once.

    Args:
        values: (T, ...) in time.
        times: (T,) seconds, ascending.
        size: of the hand, in the unit of the values.
        rules: parameters; None: the defaults.

    Raises:
        ValueError: times do not ascend.
    """
    euro = OneEuro(rules or OneEuroRules(), size)
    found = [euro(value, float(time)) for value, time in zip(values, times, strict=True)]
    return np.array(found) if found else np.asarray(values, np.float64).copy()


def _share(step: Floats, cutoff: Floats | float) -> Floats:
    """Of the new value in the mixture: 1 / (1 + tau / step) with tau = 1 / (2 pi cutoff)."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * step)), np.float64)


def _mixed(new: Floats, old: Floats, share: Floats) -> Floats:
    return old + share * (new - old)  # exact where nothing changes
