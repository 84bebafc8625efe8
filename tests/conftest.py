"""Hands, releases and clips that the tests are made of: drawn and seeded, nothing is downloaded."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint_toolkit.io.hint_names import folder_name
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand, Hands

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(42)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published figures and reference numbers beside the project; absent on most machines."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the reference numbers in {folder.name}/, which are not part of the project")
    return folder


@pytest.fixture
def shared_media() -> Path:
    """Real videos and photographs beside the project; absent on most machines."""
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip(f"needs the real media in {folder.name}/, which are not part of the project")
    return folder


@pytest.fixture
def make_hands(rng: np.random.Generator) -> Callable[..., Hands]:
    """`make_hands(n, source=..., clips=...)`: submitted hands, left and right, joints of every kind."""

    def make(n: int, source: str = "folder", clips: int = 3, split: str = "TEST") -> Hands:
        hands = []
        for i in range(n):
            center = rng.uniform(150, 350, 2)
            points = center + rng.normal(0, 40, (N_JOINTS, 2))
            exists = rng.random(N_JOINTS) < 0.9
            exists[:2] = True
            side = ("left", "right")[i % 2]
            stem = f"clip{i % clips}_frame{i:08d}_h0_{side[0]}"
            hands.append(
                Hand(
                    id=f"{folder_name(split, source, 'img')}/{stem}",
                    frame_id=f"clip{i % clips}_frame{i:08d}",
                    points=points,
                    exists=exists,
                    occluded=exists & (rng.random(N_JOINTS) < 0.4),
                    box=np.concatenate([points.min(0) - 10, points.max(0) + 10]),
                    side=side,
                    source=source,
                    split=split,
                    video_id=f"clip{i % clips}",
                    frame_index=i,
                    time=i / 30,
                    width=640,
                    height=480,
                    annotator="ann@example.org",
                    seconds=12.5,
                    state="submitted",
                )
            )
        return Hands.of(hands)

    return make


def numbered_picture(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """A picture whose pixels say its number: 10 bits as black and white blocks on grey noise."""
    image = np.random.default_rng(number).integers(100, 156, (height, width, 3), dtype=np.uint8)
    for bit in range(10):
        image[16:48, 8 + 14 * bit : 20 + 14 * bit] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: np.ndarray) -> int:
    """The number that `numbered_picture` wrote, after any lossy coding."""
    return sum(int(image[24:40, 11 + 14 * bit : 17 + 14 * bit].mean() > 128) << bit for bit in range(10))


VIDEO_KINDS = {
    "h264 with B-frames": {"gop": 30, "b_frames": 3},
    "h264 key frames only": {"gop": 1, "b_frames": 0},
    "h264 one long group": {"gop": 600, "b_frames": 2},
    "h264 open groups": {
        "gop": 12,
        "b_frames": 3,
        "x264": "open-gop=1:scenecut=0:b-adapt=0:bframes=3:b-pyramid=normal",
    },
    "h264 refreshed without key frames": {"gop": 15, "b_frames": 0, "x264": "intra-refresh=1"},
    "h264 gaps in time": {"gop": 12, "gaps": True},
    "h264 gaps in time, no B-frames": {"gop": 12, "b_frames": 0, "gaps": True},
    "h264 gaps in time, mkv": {"name": "clip.mkv", "gop": 12, "gaps": True},
    "h264 late start beside sound": {"gop": 15, "start": 9, "sound": True},
    "h264 late start alone": {"gop": 15, "start": 9},
    "h264 edit list into a group": {"gop": 20, "start": -7},
    "h264 edit list beside sound": {"gop": 20, "start": -7, "sound": True},
    "h264 negative start": {"name": "clip.ts", "gop": 15, "start": -7, "mux": {"avoid_negative_ts": "disabled"}},
    "h264 first stamps lost": {"name": "clip.mkv", "gop": 15, "start": -7, "mux": {"avoid_negative_ts": "disabled"}},
    "h264 in fragments": {"gop": 20, "mux": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    "h264 in ts": {"name": "clip.ts", "gop": 20},
    "h264 in ts beside sound": {"name": "clip.ts", "gop": 20, "start": 9, "sound": True},
    "h264 in mkv": {"name": "clip.mkv", "gop": 20},
    "h264 in mkv beside sound": {"name": "clip.mkv", "gop": 20, "sound": True},
    "h264 raw": {"name": "clip.h264", "gop": 20},
    "h264 turned by 90": {"gop": 15, "turn": 90},
    "h264 two video streams": {"gop": 15, "second": True},
    "h264 59.94 a second": {"gop": 30, "rate": Fraction(60000, 1001)},
    "hevc": {"codec": "libx265", "gop": 20},
    "hevc open groups, mkv": {"name": "clip.mkv", "codec": "libx265", "gop": 12, "x265": "open-gop=1:bframes=4"},
    "mpeg4 in avi": {"name": "clip.avi", "codec": "mpeg4", "gop": 12},
    "mpeg4 with B-frames in avi": {"name": "clip.avi", "codec": "mpeg4", "gop": 12, "b_frames": 2},
    "mpeg4 in mp4": {"codec": "mpeg4", "gop": 12, "b_frames": 2},
    "vp9 in webm": {"name": "clip.webm", "codec": "libvpx-vp9", "gop": 20},
    "av1 in mp4": {"codec": "libsvtav1", "gop": 20},
}
"""What `write_video` can make: one kind for every way in which finding a frame goes wrong elsewhere."""


def _video_options(codec: str, gop: int, x264: str, x265: str) -> dict[str, str]:
    return {
        "libx264": {"crf": "18", "preset": "veryfast", **({"x264-params": x264} if x264 else {})},
        "libx265": {
            "crf": "18",
            "preset": "ultrafast",
            "x265-params": f"log-level=none:pools=1:keyint={gop}:min-keyint={gop}:{x265 or 'open-gop=0:bframes=3'}",
        },
        "libvpx-vp9": {
            "crf": "20",
            "deadline": "realtime",
            "cpu-used": "8",
            "auto-alt-ref": "1",
            "lag-in-frames": "12",
        },
        "libsvtav1": {"crf": "25", "preset": "12", "svtav1-params": "lp=1"},
        "mpeg4": {"qmin": "2", "qmax": "4"},
    }[codec]


def _mux_sound(container: Any, stream: Any, seconds: float) -> None:
    import av

    for k in range(int(seconds * 44100) // 1024 + 1):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = 44100, 1024 * k, Fraction(1, 44100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """`write_video(name, n, ...)`: a clip whose k-th picture carries the number k."""
    return partial(make_video, tmp_path)


def make_video(
    folder: Path,
    name: str = "clip.mp4",
    n: int = 60,
    *,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 2,
    gaps: bool = False,
    rate: Fraction = Fraction(30),
    start: int = 0,
    turn: int = 0,
    mirror: dict[str, bool] | None = None,
    sound: bool = False,
    second: bool = False,
    x264: str = "",
    x265: str = "",
    mux: dict[str, str] | None = None,
) -> Path:
    """A clip in `folder` whose k-th coded picture carries the number k.

    `start` is the time of picture 0 in frames: negative ones are hidden by an edit list where the format has one.
    """
    import av

    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=mux or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=_video_options(codec, gop, x264, x265))
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.gop_size = gop
        stream.codec_context.thread_count = 1
        if gaps:
            stream.codec_context.time_base = Fraction(1, 90)
        if codec == "libx264" or (codec == "mpeg4" and b_frames != 2) or (codec == "mpeg4" and "mp4" in name):
            stream.codec_context.max_b_frames = b_frames
        if turn or mirror:
            stream.set_display_rotation(turn, **(mirror or {}))
        other = None
        if second:
            other = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
            other.width, other.height, other.pix_fmt = 80, 48, "yuv420p"
        audio = container.add_stream("aac", rate=44100, layout="mono") if sound else None
        if audio is not None:
            _mux_sound(container, audio, n / float(rate))
        for k in range(n):
            frame = av.VideoFrame.from_ndarray(numbered_picture(k), format="rgb24")
            frame.pts = 3 * k + (k % 3) + (50 if k > n // 2 else 0) if gaps else k + start
            if gaps:
                frame.time_base = Fraction(1, 90)
            container.mux(stream.encode(frame))
            if other is not None:
                small = av.VideoFrame.from_ndarray(np.zeros((48, 80, 3), np.uint8), format="rgb24")
                small.pts = k
                container.mux(other.encode(small))
        container.mux(stream.encode(None))
        if other is not None:
            container.mux(other.encode(None))
    return path
