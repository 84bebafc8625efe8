"""Light on surfaces: soft sun with shadow, sky with ambient occlusion, blood-red bleeding of skin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hint_toolkit.synthetic.bodies import Body, Float32Array, Hand, Thing, f32, transform
from hint_toolkit.synthetic.skin import marble, skin_colour

_SUN = np.array([[1.2], [1.15], [1.06]], f32)
# How far red, green and blue light wrap around the terminator: it travels through skin.
_WRAP = (0.35, 0.12, 0.08)


def shade(
    body: Hand | Thing,
    points: Float32Array,
    normal: Float32Array,
    light: Float32Array,
    bodies: Sequence[Body],
    shadow: bool = True,
) -> Float32Array:
    """Light leaving the surface of a body towards the camera.

    Args:
        body: The body the points lie on.
        points: Surface points in the camera frame, (3, N).
        normal: Outward unit normals there, (3, N).
        light: Unit vector towards the sun, (3,).
        bodies: All bodies of the scene; they cast shadows.
        shadow: False leaves out cast shadows (a tenth faster).

    Returns:
        Linear RGB, shape (3, N), not clipped.
    """
    local = body.to_rest(points)
    if isinstance(body, Hand):
        # Fine relief of the skin, made in the hand's own frame so that a mirrored hand has it too.
        relief = f32(0.05) * marble(local * f32(5), 1.0)
        normal = normal + relief * body.axes.sum(1, keepdims=True).astype(f32)
        normal = normal / np.sqrt((normal * normal).sum(0))
        colour, gloss = skin_colour(body, local), 0.12
    else:
        colour, gloss = _pattern(body, local), 0.35
    return _lit(colour, points, normal, light, bodies, shadow, gloss)


def _pattern(thing: Thing, local: Float32Array) -> Float32Array:
    if thing.kind == "can":
        dark = np.sin(local[1] * f32(1.5)) > 0.2
    else:
        dark = np.sin(local[0] * f32(1.1)) * np.sin(local[1] * f32(1.1)) > 0
    return np.asarray(thing.colour[:, None] * (1 - f32(0.45) * dark), f32)


def _lit(
    colour: Float32Array,
    points: Float32Array,
    normal: Float32Array,
    light: Float32Array,
    bodies: Sequence[Body],
    shadow: bool,
    gloss: float,
) -> Float32Array:
    view = -points / np.sqrt((points * points).sum(0))
    slope = transform(light[None], normal)[0]
    sun = np.clip((slope + f32(0.25)) / f32(1.25), 0, 1)
    if shadow:
        sun *= f32(0.35) + f32(0.65) * _sunlight(points, normal, slope, light, bodies)
    # The sky is above (y points down), and a little brighter on the sun's side.
    sky = f32(0.42) - f32(0.22) * normal[1] + f32(0.2) * light[0] * normal[0]
    for reach in (0.5, 1.3):
        open_share = _distance(bodies, points + normal * f32(reach)) / f32(reach)
        sky *= np.clip(f32(0.35) + f32(0.65) * open_share, 0.2, 1)
    bleed = np.stack([np.clip((slope + f32(k)) / f32(1 + k), 0, 1) for k in _WRAP])
    halfway = light[:, None] + view
    mirror = (normal * halfway).sum(0) / np.sqrt((halfway * halfway).sum(0))
    shine = np.clip(mirror, 0, 1) ** 22 * f32(gloss) * sun
    rim = f32(0.12) * (1 - np.clip((normal * view).sum(0), 0, 1)) ** 3
    lit: Float32Array = colour * (_SUN * np.minimum(bleed, sun + f32(0.06)) + sky + rim) + shine
    return lit


def _distance(bodies: Sequence[Body], points: Float32Array) -> Float32Array:
    nearest = bodies[0].distance(points)
    for body in bodies[1:]:
        nearest = np.minimum(nearest, body.distance(points))
    return nearest


def _sunlight(
    points: Float32Array,
    normal: Float32Array,
    slope: Float32Array,
    light: Float32Array,
    bodies: Sequence[Body],
) -> Float32Array:
    """Share of the sun that reaches each point, (N,): five steps towards it, soft at the edge."""
    share = np.ones(points.shape[1], f32)
    facing = np.nonzero(slope > -0.1)[0]
    start = points[:, facing] + normal[:, facing] * f32(0.08)
    travelled = np.full(len(facing), 0.35, f32)
    for _ in range(5):
        distance = _distance(bodies, start + light[:, None] * travelled)
        passed = np.clip(f32(0.5) + f32(3.5) * distance / travelled, 0, 1)
        share[facing] = np.minimum(share[facing], passed)
        travelled += np.clip(distance, f32(0.35), f32(2))
    return share
