"""Image numbers counted by a real ffmpeg, for files whose packets do not tell them.

ffmpeg writes the clip twice into a pipe, once as images and once picture by picture; the grey values of both are
matched. This decodes the whole clip twice: it is the last resort, and a way to check `video.numbering`.
"""

import hashlib
import importlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.video.content import check_unchanged
from hint_toolkit.video.index import VideoIndex, open_container


def find_ffmpeg() -> Path | None:
    """The ffmpeg program: on PATH, else the one that the package imageio-ffmpeg brings; None when neither is there."""
    found = shutil.which("ffmpeg")
    if found:
        return Path(found)
    try:
        return Path(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def ask_ffmpeg(index: VideoIndex, ffmpeg: Path | None = None) -> NDArray[np.int64]:
    """Which picture each image shows, by this ffmpeg's own count.

    Where neighbouring pictures are equal in all grey values, any of them may be named for an image of them.

    Args:
        index: of the file.
        ffmpeg: the program, release 5.1 or later; None: `find_ffmpeg`.

    Returns:
        (number of images,) int64: entry i is the decode index that image number i + 1 copies.

    Raises:
        InputError: there is no ffmpeg, it fails, or it does not deliver the pictures that the index promises.
    """
    program = ffmpeg or find_ffmpeg()
    if program is None:
        raise InputError(
            "ffmpeg is not installed",
            where=str(index.path),
            why="only ffmpeg itself can count this clip's images",
            next_step="install ffmpeg, or: pip install imageio-ffmpeg",
        )
    check_unchanged(index.path, index.mark)
    pictures = _digests(index, program, ["-fps_mode", "passthrough"])
    if len(pictures) != index.count:
        why = f"ffmpeg decodes {len(pictures)} of {index.count} pictures"
        raise InputError("its images cannot be matched to its pictures", where=str(index.path), why=why)
    return _match(_digests(index, program, []), pictures)


def _digests(index: VideoIndex, program: Path, mode: list[str]) -> list[bytes]:
    """A hash of the grey values of everything that ffmpeg writes."""
    with open_container(index.path) as container:
        codec = container.streams[index.stream].codec_context
        size = codec.width * codec.height
    call = [str(program), "-nostdin", "-v", "fatal", "-noautorotate", "-i", str(index.path)]
    call += ["-map", f"0:{index.stream}", *mode, "-c:v", "rawvideo", "-pix_fmt", "gray", "-f", "image2pipe", "-"]
    found: list[bytes] = []
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if process.stdout is not None:
            while len(data := process.stdout.read(size)) == size:
                found.append(hashlib.blake2b(data, digest_size=16).digest())
    if process.returncode or not found:
        raise InputError("ffmpeg cannot read it", where=str(index.path), why=f"it ended with {process.returncode}")
    return found


def _match(images: list[bytes], pictures: list[bytes]) -> NDArray[np.int64]:
    """For each image the picture that it copies; both go forward in time."""
    out = np.empty(len(images), np.int64)
    at = -1
    for i, image in enumerate(images):
        step = at + 1
        if pictures[step : step + 1] != [image]:  # not the next one: the same again, or others were dropped
            if at >= 0 and pictures[at] == image:
                step = at
            while step < len(pictures) and pictures[step] != image:
                step += 1
        if step == len(pictures):
            raise InputError(f"image {i + 1} that ffmpeg writes is none of the pictures it decodes")
        out[i] = at = step
    return out
