"""Pictures on disk: RGB in memory, JPEG or PNG in files, the same bytes every time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.atomic import write_bytes

JPEG_QUALITY = 95


def encode_jpg(image: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """JPEG of an (H, W, 3) RGB picture, colours not subsampled (occlusion edges of hands are red on green).

    Raises:
        MissingExtra: OpenCV is not installed.
        InputError: OpenCV refuses the picture.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    full_colour = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full_colour]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), flags)
    if not done:
        raise InputError(f"a picture of shape {image.shape} cannot be encoded as JPEG")
    return bytes(data.tobytes())


def write_jpg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write RGB pixels as JPEG at once, or nothing; raises as `encode_jpg`."""
    write_bytes(path, encode_jpg(image))


def read_image(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels of a picture file as stored; an EXIF orientation is not applied.

    Raises:
        InputError: no such file, or not a picture.
        MissingExtra: OpenCV is not installed.
    """
    if not path.is_file():
        raise InputError("no such picture", where=str(path))
    return decode_image(path.read_bytes(), str(path))


def decode_image(data: bytes, where: str) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels of the bytes of a picture file, as `read_image`.

    Args:
        data: JPEG, PNG, ..
        where: they come from, for the error.

    Raises:
        InputError: not a picture.
        MissingExtra: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise InputError("is not a readable picture", where=where)
    # numpy's turned copy of the colours would take as long as the decoding.
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
