"""One clip of a restoration: its wanted pictures decoded once, written beside their json, and described.

This is what a worker process runs. What it found lies in a file of its own afterwards, so that a restoration that was
killed goes on behind the last finished clip, and needs no clip a second time.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import HintError, InputError, MissingExtra
from hint_toolkit.flows.restore_ffmpeg import official_jpgs
from hint_toolkit.io.atomic import write_bytes
from hint_toolkit.io.images import encode_jpg, read_image
from hint_toolkit.io.parquet import read_table, write_table
from hint_toolkit.video.content import mark_file
from hint_toolkit.video.ffmpeg import ask_ffmpeg
from hint_toolkit.video.images import read_images
from hint_toolkit.video.index import index_video
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.video.numbering import image_sources
from hint_toolkit.video.picture import Image, pixel_hash

RESTORED, PRESENT = "restored", "present"
MISSING, OUTSIDE, DAMAGED, DIFFERS = "clip missing", "index out of range", "damaged", "differs"
STATUSES = (RESTORED, PRESENT, MISSING, OUTSIDE, DAMAGED, DIFFERS)
GOOD = frozenset({RESTORED, PRESENT})
SAME_PICTURE = 30.0
"""dB. A JPEG of quality 75 or more of a camera's picture lies above it; a frame in which something moved below."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One clip's work, sent to a worker.

    Attributes:
        uid: of the clip.
        clip: its file; None when it is not there.
        name: of the file, relative to the folder of clips.
        frames: (frame number as in the names, names `<folder>/<stem>` of its hands).
        root: folder that the names are relative to.
        part: file that the rows of this clip are kept in.
        quality: of our JPEGs, 1..100; 0 for ffmpeg's own bytes.
        ffmpeg: program, or None.
        encoder: what writes the JPEGs, with its version.
        force: write pictures again that show something else.
    """

    uid: str
    clip: Path | None
    name: str
    frames: tuple[tuple[int, tuple[str, ...]], ...]
    root: Path
    part: Path
    quality: int
    ffmpeg: Path | None
    encoder: str
    force: bool = False

    @property
    def hands(self) -> int:
        """How many jpgs are wanted."""
        return sum(len(names) for _, names in self.frames)


def report_schema() -> Any:
    """The Arrow schema of a clip's part and of the report; docs/restore.md describes the columns."""
    import pyarrow as pa

    texts = ("stem", "folder", "status", "note", "clip")
    numbers = ("image_number", "decode_index", "width", "height")
    return pa.schema(
        [
            *(pa.field(name, pa.string()) for name in texts),
            *(pa.field(name, pa.int64()) for name in numbers),
            pa.field("sha256", pa.string()),
            pa.field("likeness", pa.binary()),
            pa.field("jpg_sha256", pa.string()),
        ]
    )


def run_job(job: Job) -> int:
    """Do one clip, or find it done; gives the number of hands.

    Raises:
        OSError: the disk is full or not writable.
        MissingExtra: PyAV or OpenCV is not installed.
    """
    if not job.force and read_part(job) is not None:
        return job.hands
    import pyarrow as pa

    mark = ""
    if job.clip is None:
        rows = _missing(job)
    else:
        try:
            mark = mark_file(job.clip).digest
            rows = _restore(job, job.clip)
        except MissingExtra:
            raise
        except HintError as error:
            why = f"{error.what} ({error.why})" if error.why else error.what
            rows = [_row(job, n, name, DAMAGED, why) for n, names in job.frames for name in names]
    table = pa.Table.from_pylist(rows, schema=report_schema())
    write_table(job.part, table, {"uid": job.uid, "clip": mark, "encoder": job.encoder})
    return job.hands


def read_part(job: Job) -> list[Row] | None:
    """The rows of an earlier run, if they still hold for this job: same clip, same encoder, every jpg as it was."""
    try:
        table, facts = read_table(job.part)
        rows: list[Row] = table.to_pylist()
        held = {f"{row['folder']}/{row['stem']}": row for row in rows}
        wanted = [held[name] for _, names in job.frames for name in names]
        mark = facts["clip"] if job.clip is None else mark_file(job.clip).digest
        if facts["encoder"] != job.encoder or facts["clip"] != mark:
            return None
        if job.clip is None and any(row["status"] not in GOOD for row in wanted):
            return None
    except (InputError, KeyError, ValueError):
        return None
    whole = all(
        file_hash(_path(job, f"{row['folder']}/{row['stem']}")) == row["jpg_sha256"]
        for row in wanted
        if row["status"] in GOOD
    )
    return wanted if whole else None


def read_rows(job: Job) -> list[Row]:
    """What `run_job` has just kept, in the order of the job.

    Raises:
        InputError: it is gone or damaged.
    """
    held = {f"{row['folder']}/{row['stem']}": row for row in read_table(job.part)[0].to_pylist()}
    return [held[name] for _, names in job.frames for name in names]


def _restore(job: Job, clip: Path) -> list[Row]:
    """Decode, encode, and only then write: a clip that changes meanwhile leaves nothing."""
    index = index_video(clip)
    try:
        sources = image_sources(index)
    except InputError:
        sources = ask_ffmpeg(index, job.ffmpeg)
    names = {n + 1: files for n, files in job.frames}
    shown = {number: int(sources[number - 1]) for number in names if 1 <= number <= len(sources)}
    official: dict[int, bytes] = {}
    if job.quality == 0 and job.ffmpeg is not None:
        official = official_jpgs(index, list(shown.values()), job.ffmpeg, job.encoder.split()[-1])
    rows: list[Row] = []
    writing: list[tuple[Path, bytes]] = []
    for number, image in read_images(index, list(names), sources=sources):
        k = shown.get(number, -1)
        if isinstance(image, str):
            status = DAMAGED if number in shown else OUTSIDE
            rows += [_row(job, number - 1, name, status, image, decode_index=k) for name in names[number]]
            continue
        seen = {"width": image.shape[1], "height": image.shape[0], "sha256": pixel_hash(image), "decode_index": k}
        data = official[k] if official else encode_jpg(image, job.quality)
        if official and decibels(_decoded(data), image) < SAME_PICTURE:
            rows += [_row(job, number - 1, name, DAMAGED, "ffmpeg decodes another picture") for name in names[number]]
            continue
        likeness = fingerprint(image).tobytes()
        for name in names[number]:
            path = _path(job, name)
            status, note, write = _beside(path, data, image, force=job.force)
            jpg = hashlib.sha256(data).hexdigest() if write or status == RESTORED else file_hash(path)
            rows.append(_row(job, number - 1, name, status, note, likeness=likeness, jpg_sha256=jpg, **seen))
            if write:
                writing.append((path, data))
    for path, data in writing:
        write_bytes(path, data)
    return rows


def _beside(path: Path, data: bytes, image: Image, *, force: bool) -> tuple[str, str, bool]:
    """Status and note for what lies in a jpg's place, and whether to write."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return RESTORED, "", True
    if held == data:
        return RESTORED, "", False
    if force:
        return RESTORED, "", True
    try:
        likeness = decibels(read_image(path), image)
    except InputError:
        return RESTORED, "", True  # torn or no picture: nothing is lost
    if likeness >= SAME_PICTURE:
        return PRESENT, f"was there, other bytes, the same picture ({likeness:.1f} dB)", False
    return DIFFERS, f"the jpg there shows another picture ({likeness:.1f} dB); --force replaces it", False


def decibels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal to noise ratio, at most 99; 0 for pictures of different size."""
    if one.shape != other.shape:
        return 0.0
    import cv2

    error = float(cv2.norm(one, other, cv2.NORM_L2SQR)) / one.size
    return 99.0 if error == 0 else min(99.0, 10 * float(np.log10(255**2 / error)))


def _decoded(data: bytes) -> NDArray[np.uint8]:
    import cv2

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("ffmpeg's picture cannot be read")
    return np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)


def _missing(job: Job) -> list[Row]:
    """What is there without the clip: an earlier run vouches for its own jpgs."""
    held: dict[str, Row] = {}
    with suppress(InputError, KeyError):
        held = {f"{row['folder']}/{row['stem']}": row for row in read_table(job.part)[0].to_pylist()}
    rows = []
    for number, names in job.frames:
        for name in names:
            jpg = file_hash(_path(job, name))
            if jpg and name in held and held[name]["jpg_sha256"] == jpg:
                rows.append(held[name])
                continue
            status, note = (PRESENT, "was there; its clip is not, so nothing proves it") if jpg else (MISSING, "")
            rows.append(_row(job, number, name, status, note, jpg_sha256=jpg))
    return rows


def _path(job: Job, name: str) -> Path:
    return job.root / f"{name}.jpg"


def file_hash(path: Path) -> str:
    """sha256 of a file, "" when there is none."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _row(job: Job, frame: int, name: str, status: str, note: str = "", **seen: Any) -> Row:
    folder, _, stem = name.rpartition("/")
    blank = {"decode_index": -1, "width": 0, "height": 0, "sha256": "", "likeness": b"", "jpg_sha256": ""}
    fixed = {"stem": stem, "folder": folder, "status": status, "note": note, "clip": job.name}
    return fixed | {"image_number": frame + 1} | blank | seen
