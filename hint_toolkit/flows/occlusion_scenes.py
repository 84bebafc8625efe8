"""Pictures of synthetic hands to learn occlusion from: exact flags, hands that hide each other, things in hands.

The folder is a dataset like any other (`io.release.read_truth` reads it), so training and evaluation do not care
where the hands come from. A scene is a clip of its own: what is learned on one is never measured on it.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import HANDS_FILE
from hint_toolkit.records import Hand, Hands

Progress = Callable[[int, int], None]
OBJECTS_FILE: Final = "objects.json"
"""Boxes of the things held, as an object detector would give them: {frame id: [[x1, y1, x2, y2], ..]}, pixels."""
WIDTH, HEIGHT = 320, 240
VIEWS: Final = ("ego", "front", "any")
FEWEST_JOINTS = 8
"""A hand with fewer joints in the picture is no row: no detector finds it."""
HELD_OUT = 5
"""Every fifth scene has the split VAL: it is never trained on."""
_SHARE_TWO, _SHARE_SHIFTED = 0.35, 0.3
_LARGEST_SHIFT = 0.22  # share of the picture


def render_scenes(folder: Path, scenes: int, seed: int, *, progress: Progress | None = None) -> Path:
    """Render scenes into a dataset; one that is there already is not rendered again.

    Args:
        folder: new, or from an earlier call, killed or not, with the same seed.
        scenes: how many; 0.1 s each on one core.
        seed: of everything; scene k of a seed is the same whatever their number.
        progress: called with scenes done and wanted.

    Returns:
        `folder`, which now holds `hands.parquet`, `objects.json` and the pictures.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    rows: list[Hand] = []
    objects: dict[str, Any] = {}
    for number in range(scenes):
        name = f"scene{seed}-{number:06d}"
        facts = folder / "scenes" / f"{name}.json"
        if not facts.is_file():
            _render(folder, name, seed, number)
        scene = json.loads(facts.read_text("utf-8"))
        objects[name] = scene["objects"]
        rows += [_row(name, number, k, hand) for k, hand in enumerate(scene["hands"])]
        if progress:
            progress(number + 1, scenes)
    write_json(folder / OBJECTS_FILE, objects)
    write_table(folder / HANDS_FILE, hands_to_table(Hands.of(rows)), {})
    return folder


def _row(name: str, number: int, k: int, hand: dict[str, Any]) -> Hand:
    return Hand(
        id=f"{name}_h{k}",
        frame_id=name,
        points=np.array(hand["points"]),
        exists=np.array(hand["exists"]),
        occluded=np.array(hand["occluded"]),
        box=np.array(hand["box"]),
        side=hand["side"],
        source="synthetic",
        split="VAL" if number % HELD_OUT == HELD_OUT - 1 else "TRAIN",
        video_id=name,
        width=WIDTH,
        height=HEIGHT,
        image=f"scenes/{name}.jpg",
        annotator="generator",
        state="submitted",
    )


def _render(folder: Path, name: str, seed: int, number: int) -> None:
    """One scene: its picture first, its facts last, so that facts mean that the picture is whole."""
    image, hands, objects = scene_of(seed, number)
    write_jpg(folder / "scenes" / f"{name}.jpg", image)
    write_json(folder / "scenes" / f"{name}.json", {"hands": hands, "objects": objects})


def scene_of(seed: int, number: int) -> tuple[NDArray[np.uint8], list[dict[str, Any]], list[list[float]]]:
    """The picture of one scene, the truth of its hands, and the boxes of its things.

    Args:
        seed: of the set.
        number: of the scene in it.

    Returns:
        RGB (240, 320, 3); a dict a hand as in `synthetic.truth`; (4,) pixels a visible thing.
    """
    from hint_toolkit.synthetic.backdrop import background, develop
    from hint_toolkit.synthetic.options import Look, Staging
    from hint_toolkit.synthetic.scene import compose, make_scene
    from hint_toolkit.synthetic.truth import truth_to_json
    from hint_toolkit.synthetic.visibility import hand_truth

    rng = np.random.default_rng([seed, number])
    scene_rng, behind_rng, sensor_rng, staging_rng = rng.spawn(4)
    two, shifted = staging_rng.random(2) < (_SHARE_TWO, _SHARE_SHIFTED)
    shift = staging_rng.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT, 2) * shifted
    staging = Staging(view=VIEWS[number % 3], n_hands=1 + int(two), shift=(float(shift[0]), float(shift[1])))
    look = Look(blur=float(staging_rng.uniform(0.4, 1.1)), background=("scene", "scene", "noise")[number // 3 % 3])
    scene = make_scene(scene_rng, WIDTH, HEIGHT, look, staging)
    if two:
        # Left and right stand apart; pushed together, and one nearer to the camera, they hide each other.
        across, up, near = staging_rng.uniform([0.2, -5, -6], [1.1, 5, 6])
        first, second = scene.hands
        push = np.array([float(first.origin[0] - second.origin[0]) * across, up, near])
        scene = replace(scene, hands=(first, second.moved(second.pose, np.eye(3), push)))
    picture = compose(scene, background(behind_rng, WIDTH, HEIGHT, look.background))
    image = develop(picture.linear, sensor_rng, look)
    truths = [hand_truth(hand, k, scene.camera, picture) for k, hand in enumerate(scene.hands)]
    boxes = [_box(picture.owner == k) for k in range(len(scene.hands), len(scene.bodies))]
    hands = [truth_to_json(truth) for truth in truths if truth.exists.sum() >= FEWEST_JOINTS]
    return image, hands, [box for box in boxes if box]


def _box(seen: NDArray[np.bool_]) -> list[float]:
    """The tight box of a mask, [] if it is empty."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return []
    return [float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])]
