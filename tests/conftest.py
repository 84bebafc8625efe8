"""Hands, releases and clips that the tests are made of: drawn and seeded, nothing is downloaded."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.io.hint_names import folder_name
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand, Hands

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(42)


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


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """`write_video(name, n, ...)`: a clip whose k-th picture carries the number k."""
    import av

    def write(
        name: str = "clip.mp4",
        n: int = 60,
        *,
        codec: str = "libx264",
        gop: int = 12,
        b_frames: int = 2,
        gaps: bool = False,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            stream.gop_size = gop
            if gaps:
                stream.codec_context.time_base = Fraction(1, 90)
            if codec == "libx264":
                stream.codec_context.max_b_frames = b_frames
                stream.options = {"crf": "18", "preset": "veryfast"}
            for k in range(n):
                frame = av.VideoFrame.from_ndarray(numbered_picture(k), format="rgb24")
                frame.pts = 3 * k + (k % 3) + (50 if k > n // 2 else 0) if gaps else k
                if gaps:
                    frame.time_base = Fraction(1, 90)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write
