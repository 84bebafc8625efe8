"""Colour of skin and sleeve: tint of the palm, lines, knuckle creases, nails, cloth.

Detectors tell left from right by palm tint and lines more than by anything else, so these are not
decoration. All colours are linear RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.synthetic.bodies import SLEEVE_EDGE, Float32Array, Hand, f32, transform
from hint_toolkit.synthetic.skeleton import BONE_LENGTHS, FINGER_RADII

# The three main lines of a palm, as x, y in the rest frame of the hand.
_PALM_LINES = (
    ((-2.6, 6.5), (-1.1, 5.0), (-0.6, 3.2), (-1.0, 1.6)),
    ((-2.6, 6.4), (0.2, 5.5), (2.6, 4.3)),
    ((4.0, 6.2), (1.6, 7.0), (-0.5, 8.2)),
)
_RED_JOINTS = (4, 8, 12, 16, 20, 3, 6, 10, 14, 18, 5, 9, 13, 17)  # tips first, then knuckles
_PALM_COLOUR = np.array([[0.66], [0.38], [0.29]], f32)
_NAIL_COLOUR = np.array([[0.80], [0.52], [0.46]], f32)
_BLOOD = np.array([[0.08], [-0.10], [-0.08]], f32)


@dataclass
class _Layers:
    """What is painted on the skin, each (N,): factor on the brightness, share of palm and nail."""

    brightness: Float32Array
    palm: Float32Array
    nail: Float32Array


def marble(points: Float32Array, seed: float = 0.0) -> Float32Array:
    """A smooth random-looking pattern at points (3, N), about -1 to 1, shape (N,)."""
    x, y, z = points
    total = np.zeros(points.shape[1], f32)
    for octave, scale in enumerate((f32(1.3), f32(2.9), f32(6.1))):
        bend = f32(1.7) * np.sin(scale * f32(0.8) * y + f32(seed + octave))
        twist = f32(1.9) * np.sin(scale * f32(0.7) * z + f32(2 * seed))
        total += np.sin(scale * x + bend) * np.sin(scale * y + twist) / f32(octave + 1.5)
    return total * f32(0.8)


def skin_colour(hand: Hand, local: Float32Array) -> Float32Array:
    """Colour of the hand's surface.

    Args:
        hand: The hand, for its pose and colours.
        local: Surface points in the hand's rest frame, (3, N).

    Returns:
        Linear RGB, shape (3, N).
    """
    count = local.shape[1]
    layers = _Layers(1 + f32(0.05) * marble(local), np.zeros(count, f32), np.zeros(count, f32))
    inner = (local[1] > 0.3) & (local[1] < 10) & (local[2] < -0.2)
    layers.palm[inner] = np.clip(-local[2, inner] - f32(0.3), 0, 1)
    layers.palm[inner] *= np.clip(local[1, inner] - f32(0.3), 0, 1)
    for finger in range(5):
        for bone in range(3):
            if finger or bone:  # the thumb's metacarpal is inside the palm
                _paint_bone(hand, finger, bone, local, layers)
    _paint_palm_lines(local, inner, layers)
    tone = hand.skin[:, None].astype(f32)
    colour = tone * layers.brightness
    colour *= 1 + _BLOOD * np.minimum(_redness(hand, local), f32(1.2))
    palm = _PALM_COLOUR * f32(0.45 + 0.55 * hand.skin.sum() / 1.2)
    colour += f32(0.35) * layers.palm * (palm * layers.brightness - colour)
    nail = _NAIL_COLOUR * f32((hand.skin.mean() / 0.38) ** 0.5)
    colour += f32(0.55) * layers.nail * (nail - colour)
    if hand.sleeve is not None:
        _paint_sleeve(hand.sleeve, local, colour)
    return colour


def _redness(hand: Hand, local: Float32Array) -> Float32Array:
    """Blood under the skin at finger tips and knuckles, (N,)."""
    red = np.zeros(local.shape[1], f32)
    for joint in _RED_JOINTS:
        offset = local - hand.rest_joints[joint][:, None].astype(f32)
        strength = 0.8 if joint % 4 == 0 else 0.4
        red += f32(strength) * np.exp((offset * offset).sum(0) * f32(-0.8))
    return red


def _paint_bone(hand: Hand, finger: int, bone: int, local: Float32Array, layers: _Layers) -> None:
    """Palm side, creases and nail of one finger bone."""
    axes, length = hand.bone_axes[finger, bone], BONE_LENGTHS[finger, bone]
    radius = FINGER_RADII[finger, bone + 1]
    offset = local - hand.rest_joints[4 * finger + 1 + bone][:, None].astype(f32)
    middle = (axes[:, 1:2] * length / 2).astype(f32)
    index = np.nonzero((np.abs(offset - middle) < length / 2 + 1.3).all(0))[0]
    across, along, out = transform(axes.T, offset[:, index])
    girth = np.hypot(across, out)
    near = (girth < radius * 1.7) & (along > -0.5)
    inside = np.clip(f32(0.5) - out / f32(radius), 0, 1)
    layers.palm[index] = np.where(near & (along > 0), inside, layers.palm[index])
    back = np.clip(out / f32(radius), 0, 1)
    # The first crease lies where finger and palm part, the others at the joints.
    crease = along - f32(length * 0.42 if bone == 0 else 0.0)
    depth = np.exp(-((crease / f32(0.08)) ** 2)) * (1 - back)
    if bone:
        for shift, width in ((0.0, 0.07), (0.27, 0.06), (-0.27, 0.06)):
            depth += back * f32(0.6) * np.exp(-(((crease - f32(shift)) / f32(width)) ** 2))
    layers.brightness[index] *= 1 - f32(0.3) * depth * near
    if bone == 2:
        oval = ((along - f32(length * 0.92)) / f32(radius * 0.95)) ** 2
        oval += (across / f32(radius * 0.78)) ** 2 + 9 * (girth > radius * 1.3)
        plate = np.clip((f32(1.15) - oval) * 4, 0, 1) * (out > radius * 0.45)
        layers.nail[index] = np.maximum(layers.nail[index], plate)
        rim = np.clip(1 - np.abs(oval - f32(1.05)) * 5, 0, 1) * (out > radius * 0.35)
        layers.brightness[index] *= 1 - f32(0.25) * rim


def _paint_palm_lines(local: Float32Array, inner: NDArray[np.bool_], layers: _Layers) -> None:
    flat = local[:2, inner]
    shown = layers.palm[inner] > 0.3
    for line in _PALM_LINES:
        for start, end in pairwise(line):
            first = np.array(start, f32)[:, None]
            along = np.array(end, f32)[:, None] - first
            share = np.clip(((flat - first) * along).sum(0) / (along * along).sum(), 0, 1)
            squared = ((flat - first - share * along) ** 2).sum(0)
            layers.brightness[inner] *= 1 - f32(0.28) * np.exp(-squared / f32(0.012)) * shown


def _paint_sleeve(cloth: Float32Array, local: Float32Array, colour: Float32Array) -> None:
    height = local[1] - f32(SLEEVE_EDGE)
    share = np.clip(-height * 6, 0, 1)
    # Folds run around the arm; the hem is a darker seam just under the edge.
    folds = marble(local * np.array([[0.9], [1.7], [0.9]], f32), 2.0)
    seam = 1 - f32(0.3) * np.exp(-(((height + f32(0.8)) / f32(0.1)) ** 2))
    shade = (1 + f32(0.12) * folds) * seam
    colour += share * (cloth[:, None] * shade - colour)
