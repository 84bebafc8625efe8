"""How a hand moves from frame to frame: jitter, acceleration, dropouts, side flips, and the delay against truth.

All functions take frames that follow each other at one rate. Jitter does not see a delay, and smoothing buys
less jitter with more delay: read both together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
Frames = NDArray[np.int64]

WINDOW = 11
"""Frames of the centred moving average that the high-pass takes off."""
FILL = 5
"""Longest gap, in frames, that is bridged by a straight line, for the lag only."""
MIN_GAIN = 0.2
"""A lag is reported when the best shift explains at least this share of the worst shift's squared error."""
MIN_SAMPLES = 3
MAX_SAMPLES = 2000


@dataclass(frozen=True)
class Squares:
    """Sums of squares a joint, each (21,). Add them up, divide and take the root once.

    Attributes:
        total: sum over frames of the mean square of the two coordinates.
        count: frames that count.
    """

    total: Floats
    count: NDArray[np.int64]

    def __add__(self, other: "Squares") -> "Squares":
        """Both together."""
        return Squares(self.total + other.total, self.count + other.count)

    @property
    def rms(self) -> float | None:
        """Root mean square over all joints and frames; None without any."""
        n = int(self.count.sum())
        return float(np.sqrt(self.total.sum() / n)) if n else None

    @property
    def per_joint(self) -> list[float | None]:
        """Root mean square of every joint; None where no frame counts."""
        pairs = zip(self.total.tolist(), self.count.tolist(), strict=True)
        return [float(np.sqrt(total / n)) if n else None for total, n in pairs]


NO_SQUARES = Squares(np.zeros(N_JOINTS), np.zeros(N_JOINTS, np.int64))


def _squares(residual: Floats, factor: float) -> Squares:
    """Of (T, 21, 2); a NaN frame of a joint does not count."""
    mean = (residual**2).mean(axis=2) * factor
    known = np.isfinite(mean)
    return Squares(np.where(known, mean, 0.0).sum(axis=0), known.sum(axis=0))


def high_pass(run: Floats) -> Squares:
    """Squares of what a centred moving average of `WINDOW` frames leaves over, a coordinate.

    For white noise of standard deviation s a coordinate, the residual has the variance s^2 (1 - 1/W): the
    frame itself is one of the W that are averaged. The squares are multiplied by W / (W - 1), so that the root
    is s. Motion leaks in: a sine of f Hz at F frames a second keeps the share
    1 - sin(W pi f/F) / (W sin(pi f/F)) of its amplitude (1.4 % at f/F = 1/120, 21 % at 1/30).

    Args:
        run: (T, 21, 2), consecutive frames, NaN where a joint is missing.

    Returns:
        squares; only frames with a whole window of known points count, none when T < `WINDOW`.
    """
    if len(run) < WINDOW:
        return NO_SQUARES
    average = np.lib.stride_tricks.sliding_window_view(run, WINDOW, axis=0).mean(axis=-1)
    half = WINDOW // 2
    return _squares(run[half:-half] - average, WINDOW / (WINDOW - 1))


def acceleration(run: Floats) -> Squares:
    """Squares of x[t-1] - 2 x[t] + x[t+1] a coordinate, per frame squared; arguments and result as `high_pass`.

    White noise of standard deviation s reads sqrt(6) s.
    """
    return _squares(run[:-2] - 2 * run[1:-1] + run[2:], 1.0) if len(run) > 2 else NO_SQUARES


def runs(frames: Frames) -> list[slice]:
    """Slices of (n,) ascending frame numbers in which each is one more than the one before."""
    cuts = np.flatnonzero(np.diff(frames) != 1) + 1
    ends = [0, *cuts.tolist(), len(frames)]
    return [slice(a, b) for a, b in pairwise(ends) if b > a]


def dropouts(found: Frames) -> tuple[int, int, int]:
    """(missing frames, gaps, longest gap in frames) between the first and the last of (n,) ascending frame numbers."""
    gaps = np.diff(found) - 1
    gaps = gaps[gaps > 0]
    return int(gaps.sum()), len(gaps), int(gaps.max(initial=0))


def side_flips(sides: Sequence[str]) -> int:
    """How often the side differs from the one before; an empty side is skipped."""
    known = [side for side in sides if side]
    return sum(a != b for a, b in pairwise(known))


def sizes(points: Floats) -> Floats:
    """Longer side of the tight box around the known points of every frame; (n, 21, 2) -> (n,), 0 without points."""
    known = finite(points)[:, :, None]
    low = np.where(known, points, np.inf).min(axis=1)
    high = np.where(known, points, -np.inf).max(axis=1)
    extent = np.where(known.any(axis=1), high - np.where(np.isfinite(low), low, 0.0), 0.0)
    return np.asarray(extent.max(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Lag:
    """How late a track is.

    Attributes:
        frames: > 0 when the prediction is late; None when the data do not say.
        samples: frames of the truth that were compared.
        reach: shifts of up to this many frames were tried on each side.
        why: why there is no lag, "" when there is one.
    """

    frames: float | None
    samples: int
    reach: int
    why: str = ""


def lag(frames: Frames, points: Floats, true_frames: Frames, true_points: Floats, reach: int) -> Lag:
    """The shift s that makes prediction(t + s) - truth(t) smallest in squares, with a sub-frame parabola.

    Every shift is judged on the same frames and joints, and each joint's mean offset is taken off first, so
    that a constant error of place is not read as time. The reach is halved until `MIN_SAMPLES` frames of the
    truth have predictions on both sides. Motion that repeats within the reach is ambiguous.

    Args:
        frames: (n,) ascending frame numbers of the prediction, nearly all consecutive.
        points: (n, 21, 2) pixels, NaN where missing; gaps of up to `FILL` frames are bridged.
        true_frames: (m,) ascending, dense or sparse; at most `MAX_SAMPLES` of them are used, evenly spread.
        true_points: (m, 21, 2) pixels, NaN where there is none.
        reach: shifts of -reach..reach frames are tried.
    """
    if len(true_frames) > MAX_SAMPLES:
        chosen = np.linspace(0, len(true_frames) - 1, MAX_SAMPLES).round().astype(int)
        true_frames, true_points = true_frames[chosen], true_points[chosen]
    while reach >= 2:
        shifts = np.arange(-reach, reach + 1)
        cost, samples = _costs(frames, points, true_frames, true_points, shifts)
        if samples >= MIN_SAMPLES:
            return _best(cost, samples, reach)
        reach //= 2
    return Lag(None, 0, 0, f"fewer than {MIN_SAMPLES} frames of the truth lie inside the track")


def _costs(
    frames: Frames, points: Floats, true_frames: Frames, true_points: Floats, shifts: Frames
) -> tuple[Floats, int]:
    """Squared error a shift, and how many frames of the truth took part."""
    cost, used = np.zeros(len(shifts)), np.zeros(len(true_frames), bool)
    wanted = true_frames[:, None] + shifts[None, :]
    for joint in range(N_JOINTS):
        known = np.isfinite(points[:, joint]).all(axis=1)
        at = frames[known]
        if len(at) < 2:
            continue
        # The neighbours of every wanted frame: both must exist and lie close together.
        right = np.searchsorted(at, wanted, side="left").clip(1, len(at) - 1)
        exact = (at[right] == wanted) | (at[right - 1] == wanted)
        between = (at[right - 1] < wanted) & (wanted < at[right]) & (at[right] - at[right - 1] <= FILL + 1)
        good = (exact | between).all(axis=1) & np.isfinite(true_points[:, joint]).all(axis=1)
        if good.sum() < MIN_SAMPLES:
            continue
        used |= good
        for axis in range(2):
            value = np.interp(wanted[good], at, points[known, joint, axis])
            offset = value - true_points[good, joint, axis][:, None]
            cost += ((offset - offset.mean(axis=0)) ** 2).sum(axis=0)
    return cost, int(used.sum())


def _best(cost: Floats, samples: int, reach: int) -> Lag:
    """The lowest point of the cost, between the shifts that were tried."""
    best, worst = int(cost.argmin()), float(cost.max())
    if worst <= 0 or 1 - cost[best] / worst < MIN_GAIN:
        return Lag(None, samples, reach, "the hand hardly moves: every shift fits as well")
    if best in (0, len(cost) - 1):
        return Lag(None, samples, reach, f"more than {reach} frames, or the motion is another one")
    before, here, after = cost[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend > 0 else 0.0
    return Lag(best - reach + shift, samples, reach)
