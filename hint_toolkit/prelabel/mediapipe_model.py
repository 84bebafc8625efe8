"""Where MediaPipe's hand landmarker model comes from.

Wheels of mediapipe since 0.10.30 hold no model. The bundle that the Tasks API wants is a zip, uncompressed,
of two TensorFlow Lite files (Apache-2.0); the same two lie in the 0.10.21 wheel. Tried in this order: a path
given, the cache, the official download, that wheel through pip. Whatever the way, the two members must have
the pinned sha256.
"""

import io
import os
import struct
import zipfile
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_bytes
from hint_toolkit.sources._download import DownloadError, cache_folder, check_sha256, fetch_from_wheel, fetch_url

ENVIRONMENT = "HINT_MEDIAPIPE_MODEL"
URL = "https://storage.googleapis.com/mediapipe-models/hand_landmarker/hand_landmarker/float16/1/hand_landmarker.task"
URL_SHA256 = "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1"
WHEEL = "mediapipe==0.10.21"
MEMBERS = {
    "hand_detector.tflite": (
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    ),
    "hand_landmarks_detector.tflite": (
        "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    ),
}
"""Name in the bundle -> (path in the wheel, sha256)."""

_ZIP_HEADER, _EXTRA_HEADER = 30, 4  # bytes of a local file header without name, and of an extra field's head


def model_path(given: Path | None = None) -> Path:
    """A checked model bundle on disk, fetched once if need be.

    Raises:
        InputError: the given file is no such bundle, or no way to fetch one worked; names each way and its reason.
    """
    given = given or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if given is not None:
        if not given.is_file():
            raise InputError("no such model file", where=str(given), next_step=f"unset {ENVIRONMENT} to fetch it")
        _check_bundle(given.read_bytes(), str(given))
        return given
    cached = cache_folder() / "hand_landmarker.task"
    if cached.is_file():
        try:
            _check_bundle(cached.read_bytes(), str(cached))
        except InputError:
            cached.unlink()  # a torn or foreign file in our own cache: fetch it again
        else:
            return cached
    write_bytes(cached, _fetch())
    return cached


def _fetch() -> bytes:
    reasons = []
    try:
        return fetch_url(URL, URL_SHA256)
    except DownloadError as error:
        reasons.append(str(error))
    try:
        files = fetch_from_wheel(WHEEL, dict(MEMBERS.values()))
    except DownloadError as error:
        reasons.append(str(error))
    else:
        return _bundle({name: files[member] for name, (member, _) in MEMBERS.items()})
    raise InputError(
        "MediaPipe's hand landmarker model cannot be fetched",
        why="; ".join(reasons),
        next_step=f"download {URL} and set {ENVIRONMENT} to its path",
    )


def _bundle(files: dict[str, bytes]) -> bytes:
    """The zip that the Tasks API maps into memory: stored, not compressed, and the same bytes every time.

    Each member starts at a multiple of 16 bytes (a padded extra field), else TensorFlow Lite copies the weights.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            padding = -(buffer.tell() + _ZIP_HEADER + len(name) + _EXTRA_HEADER) % 16
            member.extra = struct.pack("<HH", 0xFFFF, padding) + bytes(padding)
            bundle.writestr(member, files[name])
    return buffer.getvalue()


def _check_bundle(data: bytes, where: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            for name, (_, sha256) in MEMBERS.items():
                check_sha256(bundle.read(name), sha256, f"{where} > {name}")
    except (zipfile.BadZipFile, KeyError, DownloadError) as error:
        raise InputError(
            "is not MediaPipe's hand_landmarker.task", where=where, why=str(error), next_step=f"get it from {URL}"
        ) from error
