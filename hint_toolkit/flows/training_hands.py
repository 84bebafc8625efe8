"""Synthetic hands to train on, as HaMeR's own shards: exact 2D, 3D joints, and the pose in the stand-in hand model.

For a first run, for tests, and for the ablation's table: nothing about real hands can be learned from them.
"""

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import replacing, write_json
from hint_toolkit.io.hamer_record import N_BETAS, person_of
from hint_toolkit.io.images import encode_jpg
from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.records import Hand

Progress = Callable[[int, int], None]
FOLDER: Final = "hamer_tar"
MOCAP_FILE: Final = "mocap.npz"
HANDS_FILE: Final = "hands.json"
"""Seed and views of the hands in a folder: shards of others would be taken for them."""
WIDTH, HEIGHT = 192, 144
VIEWS: Final = ("ego", "front", "any")
"""From behind the hand's owner, from in front, and from anywhere: the last is by far the hardest to learn."""
SHARD: Final = 50
SIZES: Final = (0.5, 0.65)
"""Lengths of the hand as shares of the picture's height: most hands are whole."""
FEWEST_JOINTS: Final = 18
"""Of the picture's hand; one that shows fewer is drawn anew."""
_MOCAP_POSES: Final = 2000
_SEEDS: Final = {"train": 0, "val": 1}
_CM: Final = 0.01


def write_training_hands(
    folder: Path,
    train: int,
    val: int,
    seed: int = 0,
    *,
    views: Sequence[str] = VIEWS,
    progress: Progress | None = None,
) -> Path:
    """Render hands into `hamer_tar/train`, `hamer_tar/val` and `mocap.npz`; shards that are there are kept.

    Args:
        folder: new, or from an earlier call, killed or not, with the same numbers.
        train: hands to learn from.
        val: hands of other seeds.
        seed: of everything; hand k of a seed and its views is the same whatever their number.
        views: some of `VIEWS`, which the hands take in turn.
        progress: called with hands done and wanted.

    Returns:
        `folder`.

    Raises:
        MissingExtra: OpenCV is not installed.
        InputError: the folder holds hands of another seed or of other views.
    """
    shards = {
        # The number of hands is in the name: a longer run does not take a shorter shard for a whole one.
        folder / FOLDER / split / f"{first // SHARD:06d}-{min(SHARD, count - first)}.tar": (split, first, count)
        for split, count in (("train", train), ("val", val))
        for first in range(0, count, SHARD)
    }
    _begin(folder, seed, views, set(shards))
    done = 0
    for path, (split, first, count) in shards.items():
        numbers = range(first, min(first + SHARD, count))
        if not path.is_file():
            _write_shard(path, split, seed, numbers, views)
        done += len(numbers)
        if progress:
            progress(done, train + val)
    _write_mocap(folder / MOCAP_FILE, seed)
    return folder


def _begin(folder: Path, seed: int, views: Sequence[str], shards: set[Path]) -> None:
    """Note what the folder is for, or see that what is there belongs to it."""
    path, wanted = folder / HANDS_FILE, {"seed": seed, "views": list(views)}
    there = sorted((folder / FOLDER).glob("*/*.tar"))
    if not there:
        folder.mkdir(parents=True, exist_ok=True)
        return write_json(path, wanted)
    found, why = _noted(path), ""
    if found != wanted:
        why = f"seed {found.get('seed')}, views {found.get('views')}" if found else f"no readable {HANDS_FILE}"
    elif surplus := [shard.name for shard in there if shard not in shards]:
        why = f"{surplus[0]} is of another number of hands"
    if why:
        raise InputError("holds other hands", where=str(folder), why=why, next_step="name a new folder, or delete it")
    return None


def _noted(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def hand_of(
    split: str, seed: int, number: int, views: Sequence[str] = VIEWS
) -> tuple[NDArray[np.uint8], Hand, dict[str, Any]]:
    """One picture, its hand as a record, and what else HaMeR's loader is told of it.

    Returns:
        RGB (144, 192, 3); the hand; keypoints_3d (21, 4) metres of the camera, hand_pose (48,), betas (10,) and their
        flags, of the hand as it is in the picture.
    """
    from hint_toolkit.synthetic.clip import posed_hands, render
    from hint_toolkit.synthetic.hand_model import mirrored_pose, model_pose
    from hint_toolkit.synthetic.options import Look

    look = Look(shadow=False)  # a tenth of the time, and nobody learns from it what a shadow is
    rng = np.random.default_rng([seed, _SEEDS[split], number])
    while True:
        how: dict[str, Any] = {"view": views[number % len(views)], "size": float(rng.uniform(*SIZES))}
        scene = int(rng.integers(2**31))
        image, truths = render(scene, WIDTH, HEIGHT, look, **how)
        if truths[0].exists.sum() >= FEWEST_JOINTS:
            break
    truth, body = truths[0], posed_hands(scene, WIDTH, HEIGHT, look, **how)[0]
    pose = model_pose(body) if truth.side == "right" else mirrored_pose(model_pose(body))
    name = f"synthetic{seed}-{split}-{number:06d}"
    hand = Hand(
        id=name,
        frame_id=name,
        points=truth.points,
        exists=truth.exists,
        occluded=truth.occluded,
        box=truth.box,
        side=truth.side,
        source="synthetic",
        split=split.upper(),
        video_id=name,
        width=WIDTH,
        height=HEIGHT,
        annotator="generator",
        state="submitted",
    )
    targets = {
        "keypoints_3d": np.concatenate([body.joints * _CM, np.ones((21, 1))], axis=1).astype(np.float32),
        "hand_pose": pose.reshape(48).astype(np.float32),
        "betas": np.zeros(N_BETAS, np.float32),
        "has_hand_pose": np.array(1, np.float32),
        "has_betas": np.array(1, np.float32),
    }
    return image, hand, targets


def _write_shard(path: Path, split: str, seed: int, numbers: range, views: Sequence[str]) -> None:
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
        for number in numbers:
            image, hand, targets = hand_of(split, seed, number, views)
            listed = [person_of(hand, 0) | targets]
            for suffix, data in (("jpg", encode_jpg(image)), ("data.pyd", dump_plain(listed))):
                info = tarfile.TarInfo(f"{hand.id}.{suffix}")  # no time and no owner: the same bytes every time
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def _write_mocap(path: Path, seed: int) -> None:
    """Poses of the generator as FREIHAND-MOCAP keeps them: hand_pose (N, 48) and betas (N, 10)."""
    from hint_toolkit.synthetic.bodies import Hand as Body
    from hint_toolkit.synthetic.hand_model import FACING, model_pose
    from hint_toolkit.synthetic.skeleton import POSES, pose_numbers

    if path.is_file():
        return
    rng = np.random.default_rng([seed, len(_SEEDS)])
    skin = np.zeros(3, np.float32)
    bodies = (
        Body("right", pose_numbers(POSES[k % len(POSES)], rng), FACING, np.zeros(3), skin) for k in range(_MOCAP_POSES)
    )
    poses = np.array([model_pose(body).reshape(48) for body in bodies], np.float32)
    betas = np.zeros((_MOCAP_POSES, N_BETAS), np.float32)
    with replacing(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, hand_pose=poses, betas=betas)
