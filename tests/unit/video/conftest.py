"""One clip of every kind, written once for the whole folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hint_toolkit.video.ffmpeg import find_ffmpeg
from hint_toolkit.video.index import index_video
from tests.conftest import VIDEO_KINDS, make_video

FRAMES = 160


@pytest.fixture(scope="session")
def clip_of(tmp_path_factory):
    """`clip_of(kind)`: index of a clip of this kind with 160 numbered pictures."""
    folder = tmp_path_factory.mktemp("kinds")
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = index_video(make_video(folder / kind.replace(" ", "_"), n=FRAMES, **VIDEO_KINDS[kind]))
        return made[kind]

    return get


@pytest.fixture(scope="session")
def ffmpeg_images(tmp_path_factory):
    """`ffmpeg_images(path)`: the pictures that a real ffmpeg writes, in the order of their numbers, and its release."""
    program = find_ffmpeg()
    if program is None:
        pytest.skip("needs ffmpeg on PATH, or the package imageio-ffmpeg")
    version = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    release = int("".join(c for c in version.split()[2].lstrip("n").split(".")[0] if c.isdigit()) or 99)

    def write(path: Path):
        import av

        folder = tmp_path_factory.mktemp("images")
        call = [program, "-nostdin", "-v", "fatal", "-i", path, "-qscale:v", "2", folder / "out_%10d.jpg"]
        subprocess.run(call, check=True)
        pictures = []
        for number, file in enumerate(sorted(folder.iterdir()), 1):
            assert file.name == f"out_{number:010d}.jpg"
            with av.open(str(file)) as image:
                pictures.append(next(image.decode(video=0)).to_ndarray(format="rgb24"))
        shutil.rmtree(folder)
        return pictures

    write.release = release
    return write
