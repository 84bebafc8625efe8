"""JPEGs with the very bytes that `ffmpeg -i clip -qscale:v 1 out_%10d.jpg` writes, of the wanted pictures only.

ffmpeg's JPEG encoder works picture by picture: a `select` filter in front of it leaves the bytes alone. The whole clip
is decoded once (that is what bytes of the same build cost), but nothing unwanted is encoded or written to a disk.
"""

import re
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.video.ffmpeg import find_ffmpeg
from hint_toolkit.video.index import VideoIndex

_ENCODER = re.compile(rb"Lavc[0-9.]+")
_END = b"\xff\xd9"


def need_ffmpeg() -> Path:
    """The ffmpeg program.

    Raises:
        InputError: there is none.
    """
    program = find_ffmpeg()
    if program is None:
        raise InputError(
            "--quality ffmpeg needs ffmpeg, which is not installed",
            next_step="install ffmpeg (5.1.2 made HInt), or: pip install imageio-ffmpeg",
        )
    return program


def ffmpeg_build(program: Path) -> str:
    """What a program calls itself, e.g. "5.1.9-0+deb12u1".

    Raises:
        InputError: it does not run, or is no ffmpeg.
    """
    try:
        run = subprocess.run([str(program), "-version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError("does not run", where=str(program), why=error.strerror or str(error)) from error
    words = run.stdout.split()
    if run.returncode or words[:2] != ["ffmpeg", "version"]:
        raise InputError("is no ffmpeg", where=str(program), why=f"-version ended with {run.returncode}")
    return words[2]


def official_jpgs(index: VideoIndex, wanted: Sequence[int], program: Path, build: str) -> dict[int, bytes]:
    """The bytes of the files that show some pictures.

    Args:
        index: of the clip.
        wanted: decode indices.
        program: ffmpeg.
        build: from `ffmpeg_build`.

    Returns:
        decode index -> JPEG.

    Raises:
        InputError: ffmpeg fails, or does not deliver all of them.
    """
    order = sorted(set(wanted))
    if not order:
        return {}
    call = [str(program), "-nostdin", "-v", "error", "-i", str(index.path), "-map", f"0:{index.stream}"]
    call += ["-vf", f"select='{_select(order)}'", *_passthrough(build), "-qscale:v", "1"]
    call += ["-c:v", "mjpeg", "-f", "image2pipe", "-"]
    run = subprocess.run(call, capture_output=True, check=False)
    pictures = split_jpgs(run.stdout)
    if run.returncode or len(pictures) != len(order):
        lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"{len(pictures)} of {len(order)} pictures came, --quality 95 takes what is whole"
        raise InputError("ffmpeg cannot write its pictures", where=str(index.path), why=why)
    return dict(zip(order, pictures, strict=True))


def _select(order: Sequence[int]) -> str:
    """True for the wanted pictures. A balanced sum: ffmpeg refuses more than about a hundred terms in a row."""
    if len(order) == 1:
        return f"eq(n,{order[0]})"
    middle = len(order) // 2
    return f"({_select(order[:middle])}+{_select(order[middle:])})"


def _passthrough(build: str) -> list[str]:
    """The option that writes each picture once; it has another name before 5.1."""
    found = re.match(r"n?(\d+)\.(\d+)", build)
    old = found is not None and (int(found[1]), int(found[2])) < (5, 1)
    return ["-vsync", "0"] if old else ["-fps_mode", "passthrough"]


def split_jpgs(data: bytes) -> list[bytes]:
    """The files in a row of JPEGs; what does not end is left out."""
    out: list[bytes] = []
    start = 0
    while data[start : start + 2] == b"\xff\xd8":
        at = start + 2
        while len(data) >= at + 4 and data[at + 1] != 0xDA:  # segments in front of the scan have a length
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        end = data.find(_END, at)  # inside a scan 0xFF is never followed by 0xD9
        if end < 0:
            break
        out.append(data[start : end + 2])
        start = end + 2
    return out


def jpg_encoder(data: bytes) -> str:
    """The encoder that a JPEG of ffmpeg names in its comment, e.g. "Lavc59.37.100" (ffmpeg 5.1); "" for other JPEGs."""
    found = _ENCODER.search(data[:4096])
    return found[0].decode() if found else ""
