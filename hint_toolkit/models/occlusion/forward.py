"""The occlusion network in plain numpy, so that a suggestion needs no torch. The same arithmetic is in `network.py`.

Four convolutions of 3 x 3 (24 x 24 cells after three, 12 x 12 after four); both maps are read at the joints, and
with the mean of the coarse map and the hand's geometry go through two layers that the joints share. What differs
between the joints is an offset in the first of them and the last row of weights.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS
from hint_toolkit.models.occlusion.features import CHANNELS, GEOMETRY, Inputs

Floats32 = NDArray[np.float32]
Parameters = Mapping[str, Floats32]

STRIDES: Final = (2, 2, 1, 2)
_WIDTHS = (CHANNELS, 16, 32, 64, 64)
_SHAPE, _HIDDEN, _LAST = 64, 96, 48
_READ = _WIDTHS[3] + _WIDTHS[4]  # numbers read at a joint


def shapes() -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array of the network."""
    result: dict[str, tuple[int, ...]] = {}
    for k in range(len(STRIDES)):
        result |= {f"conv{k}.weight": (_WIDTHS[k + 1], _WIDTHS[k], 3, 3), f"conv{k}.bias": (_WIDTHS[k + 1],)}
    result |= {"shape.weight": (_SHAPE, GEOMETRY), "shape.bias": (_SHAPE,)}
    result |= {"hidden.weight": (_HIDDEN, _READ + _WIDTHS[4] + _SHAPE), "hidden.joint": (N_JOINTS, _HIDDEN)}
    result |= {"last.weight": (_LAST, _HIDDEN), "last.bias": (_LAST,)}
    return result | {"out.weight": (N_JOINTS, _LAST), "out.bias": (N_JOINTS,)}


def logits(parameters: Parameters, inputs: Inputs) -> NDArray[np.float64]:
    """Log odds that a joint is occluded, before calibration: (N, 21)."""
    maps = inputs.picture
    kept = []
    for k, stride in enumerate(STRIDES):
        maps = _relu(_convolve(maps, parameters[f"conv{k}.weight"], parameters[f"conv{k}.bias"], stride))
        kept.append(maps)
    read = [_read(kept[2 + m], inputs.places[:, m], inputs.shares[:, m]) for m in range(2)]
    shape = _relu(inputs.geometry @ parameters["shape.weight"].T + parameters["shape.bias"])
    hand = np.concatenate([kept[3].mean(axis=(2, 3)), shape], axis=1)
    whole = np.broadcast_to(hand[:, None], (len(hand), N_JOINTS, hand.shape[1]))
    joined = np.concatenate([*read, whole], axis=2)
    hidden = _relu(joined @ parameters["hidden.weight"].T + parameters["hidden.joint"])
    last = _relu(hidden @ parameters["last.weight"].T + parameters["last.bias"])
    return np.asarray((last * parameters["out.weight"]).sum(axis=2) + parameters["out.bias"], np.float64)


def _relu(values: Floats32) -> Floats32:
    return np.maximum(values, 0)


def _convolve(maps: Floats32, weight: Floats32, bias: Floats32, stride: int) -> Floats32:
    """(N, C, H, W) -> (N, D, H / stride, W / stride), borders of zeros."""
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    sliding: Any = np.lib.stride_tricks.sliding_window_view  # numpy's types know one axis only
    windows = sliding(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
    n, channels, height, width = windows.shape[:4]
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * height * width, channels * 9)
    out = columns @ weight.reshape(len(weight), -1).T + bias
    return np.ascontiguousarray(out.reshape(n, height, width, -1).transpose(0, 3, 1, 2))


def _read(maps: Floats32, places: NDArray[np.int64], shares: Floats32) -> Floats32:
    """Bilinear values of (N, C, S, S) at the joints: (N, 21, C)."""
    flat = maps.reshape(*maps.shape[:2], -1)
    n, joints, four = places.shape
    cells = np.take_along_axis(flat, places.reshape(n, 1, joints * four), axis=2).reshape(n, -1, joints, four)
    return np.asarray((cells * shares[:, None]).sum(axis=3).transpose(0, 2, 1), np.float32)
