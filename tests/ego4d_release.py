"""A small HInt release without its Ego4D pictures, and the clips that they come from."""

import json
import uuid
from pathlib import Path

import numpy as np

from hint_toolkit.joints import N_JOINTS
from tests.conftest import make_video

KINDS = ("pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame", "pnr_frame", "post_frame")


def uid(*parts) -> str:
    """A uid that is the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ":".join(map(str, parts))))


def stem_of(clip, n, side="r", kind=None) -> str:
    """`<clip>_<action>_<frame>_<type>_<side>`, one action every nine frames."""
    return f"{clip}_{uid(clip, n // 9)}_{n}_{kind or KINDS[n % 7]}_{side}"


def write_hand(folder: Path, stem: str, width: int = 160, height: int = 96) -> Path:
    """The json of one hand, a fan of fingers inside a picture of this size."""
    angles = np.linspace(-1.2, 1.2, 5)
    points = [[width / 2, height * 0.8]]
    for angle in angles:
        points += [
            [width / 2 + r * height * np.sin(angle), height * 0.8 - r * height * np.cos(angle)]
            for r in (0.15, 0.3, 0.45, 0.6)
        ]
    value = np.round(points, 2)
    record = {
        "bbox": [[*(value.min(0) - 4).tolist(), *(value.max(0) + 4).tolist()]],
        "keypoints": value.tolist(),
        "existence": [1] * N_JOINTS,
        "occlusion": [0, 1, 0] * 7,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.json"
    path.write_text(json.dumps([record]))
    return path


def make_release(root: Path, wanted: dict[str, dict[str, list[int]]]) -> Path:
    """`wanted`: folder -> clip uid -> frame numbers; frames divisible by 4 have two hands."""
    release = root / "HInt_annotation_partial"
    for folder, clips in wanted.items():
        for clip, numbers in clips.items():
            for n in numbers:
                for side in "lr" if n % 4 == 0 else "r":
                    write_hand(release / folder, stem_of(clip, n, side))
    return release


def make_clip(root: Path, clip: str, kind: dict | None = None, n: int = 40) -> Path:
    """`<root>/v1/clips/<clip>.mp4` with numbered pictures."""
    options = {k: v for k, v in (kind or {}).items() if k != "name"}
    return make_video(root / "v1/clips", f"{clip}.mp4", n, **options)


def plain_case(root: Path, clips: int = 3) -> tuple[Path, Path, list[str]]:
    """Release, folder of clips and uids: two folders that share a frame, clips with late starts and edit lists."""
    kinds = [{"gop": 12}, {"gop": 15, "start": 9, "sound": True}, {"gop": 20, "start": -7}, {"gop": 6, "b_frames": 0}]
    uids = sorted(uid("clip", k) for k in range(clips))
    for k, clip in enumerate(uids):
        make_clip(root / "ego4d", clip, kinds[k % len(kinds)])
    wanted = {
        "TEST_ego4d_img": {clip: [0, 4, 11, 30] for clip in uids},
        "TRAIN_ego4d_img": {uids[0]: [4, 7]},
    }
    return make_release(root, wanted), root / "ego4d", uids
