"""A scene: hands before a camera under a light, perhaps holding something, and its composition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.synthetic.backdrop import muted_colour
from hint_toolkit.synthetic.bodies import Float32Array, Hand, Thing, f32
from hint_toolkit.synthetic.options import Look, Staging
from hint_toolkit.synthetic.shade import shade
from hint_toolkit.synthetic.skeleton import GRIPPING_POSES, POSES, FloatArray, pose_numbers, rotation
from hint_toolkit.synthetic.trace import Camera, normals, trace

_FOCAL_PER_WIDTH = 1.05  # a lens of about 51 degrees across
_HAND_LENGTH = 17.0  # centimetres from wrist to middle tip: what `Staging.size` measures
_LIGHTEST, _DARKEST = np.array([0.62, 0.34, 0.24]), np.array([0.19, 0.09, 0.055])


@dataclass(frozen=True)
class Grip:
    """A thing that moves with the hand that holds it.

    Attributes:
        kind: "can", "ball" or "box".
        axes: The thing's axes in the rest frame of the hand, (3, 3).
        offset: Its centre there, (3,), centimetres.
        size: See `Thing`.
        colour: Linear RGB, (3,).
    """

    kind: str
    axes: FloatArray
    offset: FloatArray
    size: FloatArray
    colour: Float32Array

    def held_by(self, hand: Hand) -> Thing:
        """The thing in the camera frame, where the hand is now."""
        place = hand.axes @ self.offset + hand.origin
        return Thing(self.kind, hand.axes @ self.axes, place, self.size, self.colour)


@dataclass(frozen=True)
class Scene:
    """Hands, light and camera.

    Attributes:
        camera: The camera at the origin, looking along z.
        light: Unit vector towards the sun, (3,), camera frame.
        hands: One or two hands.
        grip: What the first hand holds, if anything.
        things: Loose things in the camera frame.
    """

    camera: Camera
    light: Float32Array
    hands: tuple[Hand, ...]
    grip: Grip | None = None
    things: tuple[Thing, ...] = field(default=())

    @property
    def bodies(self) -> list[Hand | Thing]:
        """All solids; the hands come first and keep their order."""
        held = [] if self.grip is None else [self.grip.held_by(self.hands[0])]
        return [*self.hands, *held, *self.things]


class Composition(NamedTuple):
    """A rendered scene.

    Attributes:
        linear: Linear RGB, (H, W, 3), float32, not clipped.
        depth: Distance along z of what each pixel sees, (H, W), infinite for the background.
        owner: Index into `Scene.bodies` of what each pixel sees, (H, W), -1 for the background.
    """

    linear: Float32Array
    depth: Float32Array
    owner: NDArray[np.int64]


def make_scene(rng: np.random.Generator, width: int, height: int, look: Look, staging: Staging) -> Scene:
    """Draw a scene: the same generator state gives the same scene, whatever the image size."""
    # Streams of their own, so that switching one trait keeps all the others.
    look_rng, hand_rng, thing_rng, light_rng = rng.spawn(4)
    camera = Camera(width, height, _FOCAL_PER_WIDTH * width)
    skin, sleeve = _skin_and_sleeve(look_rng, look)
    hands, names = [], []
    for number in range(staging.n_hands):
        side, name = _side_and_pose(hand_rng, number, look, staging)
        names.append(name)
        axes, origin = _place(hand_rng, side, camera, staging)
        hands.append(Hand(side, pose_numbers(name, hand_rng), axes, origin, skin, sleeve))
    tilt = rotation([0, 0, 1], light_rng.uniform(-0.9, 0.9))
    tilt = tilt @ rotation([1, 0, 0], light_rng.uniform(-0.4, 0.9))
    light = tilt @ np.array([0.0, -0.75, -0.66])
    light /= np.linalg.norm(light)
    if hands[0].side == "left":
        light[0] *= -1  # so that a left hand is the exact mirror of the right one, light included
    grip = _grip(thing_rng, look, names[0])
    return Scene(camera, light.astype(f32), tuple(hands), grip)


def compose(scene: Scene, background: Float32Array, *, shadow: bool = True) -> Composition:
    """Render all bodies of a scene over a background (H, W, 3), linear RGB."""
    linear = background.copy()
    depth = np.full(background.shape[:2], np.inf, f32)
    owner = np.full(background.shape[:2], -1, np.int64)
    bodies = scene.bodies
    for index, body in enumerate(bodies):
        rows, columns, points = trace(body, scene.camera)
        front = points[2] < depth[rows, columns]
        rows, columns, points = rows[front], columns[front], points[:, front]
        if len(rows):
            normal = normals(body, points)
            colour = shade(body, points, normal, scene.light, bodies, shadow)
            linear[rows, columns] = colour.T
            depth[rows, columns], owner[rows, columns] = points[2], index
    return Composition(linear, depth, owner)


def _skin_and_sleeve(rng: np.random.Generator, look: Look) -> tuple[Float32Array, Float32Array | None]:
    tone, dressed, cloth = rng.random(), rng.random(), muted_colour(rng, 0.1, 0.8)
    drawn = _LIGHTEST * (1 - tone) + _DARKEST * tone
    skin = np.asarray(drawn if look.skin is None else look.skin, f32)
    sleeve = dressed < 0.4 if look.sleeve is None else look.sleeve
    return skin, cloth if sleeve else None


def _side_and_pose(rng: np.random.Generator, number: int, look: Look, staging: Staging) -> tuple[str, str]:
    # Always both draws, so that fixing one of them keeps the rest of the scene.
    side = "right" if rng.random() < 0.5 else "left"
    # A hand that must hold something cannot be a fist or a flat hand: the thing would cut through.
    holds = number == 0 and look.object not in ("auto", "none")
    poses = GRIPPING_POSES if holds else POSES
    name = poses[int(rng.random() * len(poses))]
    if staging.n_hands == 2:
        side = ("right", "left")[number]
    return staging.side or side, staging.pose or name


def _place(rng: np.random.Generator, side: str, camera: Camera, staging: Staging) -> tuple[FloatArray, FloatArray]:
    """Axes (3, 3) and origin (3,) of a hand: made for a right one, mirrored for a left one."""
    turn = np.eye(3)
    for draw in rng.normal(0, 1, (20, 3)):
        turn = _turn(staging.view, *draw)
        if -turn[2, 1] > -0.5:  # the forearm does not come at the camera
            break
    drawn_size, drawn_x, drawn_y = rng.uniform([0.36, -0.02, -0.08], [0.62, 0.2, 0.1])
    size = staging.size or drawn_size
    if staging.n_hands > 1:
        size, drawn_x = size * 0.8, 0.24
    depth = camera.focal * _HAND_LENGTH / (size * camera.height)
    middle = np.array([drawn_x * camera.width, drawn_y * camera.height, camera.focal])
    # The origin is at the wrist; 7.5 cm further up lies the middle of the hand.
    origin = middle * depth / camera.focal - turn[:, 1] * 7.5
    axes = turn
    if side == "left":
        mirror = np.array([-1.0, 1.0, 1.0])
        axes, origin = mirror[:, None] * turn, mirror * origin
    pixels = np.array([*staging.shift, 0.0]) * [camera.width, camera.height, 0]
    return axes, origin + pixels * depth / camera.focal


def _turn(view: str, yaw: float, pitch: float, roll: float) -> FloatArray:
    """Axes of a right hand for standard normal draws of the three angles."""
    degrees = {
        "ego": (35 * yaw, 22 * pitch - 15, 18 * roll - 18),
        "front": (180 + 25 * yaw, 20 * pitch, 25 * roll),
        "any": (180 * yaw, 35 * pitch, 180 * roll),
    }[view]
    about_y, about_x, about_z = np.radians(degrees)
    # Fingers up and the back of the hand to the camera: y and z of the rest frame turn around.
    facing = np.diag([1.0, -1.0, -1.0])
    turned = rotation([0, 0, 1], about_z) @ rotation([1, 0, 0], about_x) @ facing
    turned = turned @ rotation([0, 1, 0], about_y)
    return np.asarray(turned, np.float64)


def _grip(rng: np.random.Generator, look: Look, pose: str) -> Grip | None:
    radius, wish, kind = rng.uniform(2.2, 3.6), rng.random(), int(rng.random() * 3)
    name = ("can", "ball", "box")[kind] if look.object == "auto" else look.object
    sizes = {
        "can": np.array([radius, rng.uniform(4, 8)]),
        "ball": np.array([radius * 1.1]),
        "box": rng.uniform(1.6, 3.6, 3),
    }
    tilt, colour = rng.normal(0, 0.25), muted_colour(rng, 0.15, 1.2)
    if look.object == "none":
        return None
    if look.object == "auto" and not (wish < 0.45 and pose in GRIPPING_POSES):
        return None
    size = sizes[name]
    thickness = size[2] if name == "box" else size[0]
    # Across the palm, in front of the knuckles: where the fingers of a gripping hand close.
    offset = np.array([0.2, 8.6, -1.6 - thickness])
    return Grip(name, rotation([0, 0, 1], np.pi / 2 + tilt), offset, size, colour)
