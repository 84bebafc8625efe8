"""Pictures -> an H.264 mp4 (mpeg4 where x264 is missing), the same bytes for the same pictures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra

Write = Callable[..., None]
TICKS: Final = 90000
"""A second, where pictures come with their times."""
NEAR_LOSSLESS: Final = 14
FOR_A_LOOK: Final = 20


@contextmanager
def encoding(
    path: Path, width: int, height: int, rate: Fraction, *, timed: bool = False, quality: int = NEAR_LOSSLESS
) -> Iterator[Write]:
    """An open mp4; `write(image)` or, with `timed`, `write(image, seconds)` adds a picture.

    The file is complete when the block ends without an error; nothing is renamed or removed here (`io.atomic`).

    Args:
        path: to write to, whatever its suffix.
        width: pixels. An odd one, which 4:2:0 colour does not know, gets a column more, a copy of the last.
        height: likewise.
        rate: frames a second; with `timed` a hint only.
        timed: whether pictures come with times, so that a clip of varying rate keeps them.
        quality: constant rate factor of x264; lower is better and larger.

    Raises:
        MissingExtra: PyAV is not installed.
        InputError: (of `write`) a picture has another size, or is not later than the one before.
    """
    av = _av()
    with av.open(str(path), "w", format="mp4") as container:
        stream = _stream(av, container, width + width % 2, height + height % 2, rate, quality)
        if timed:
            stream.codec_context.time_base = Fraction(1, TICKS)
        container.start_encoding()  # the file is there from now on, not from the first packet
        last = -1

        def write(image: NDArray[np.uint8], seconds: float = 0.0) -> None:
            nonlocal last
            if image.shape != (height, width, 3):
                raise InputError(
                    f"a picture of {image.shape[1]} x {image.shape[0]} in a clip of {width} x {height}", where=path.name
                )
            if width % 2 or height % 2:
                image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if timed:
                stamp = round(seconds * TICKS)
                if stamp <= last:
                    raise InputError(f"a picture at {seconds:g} s does not follow the one before", where=path.name)
                last = stamp
                frame.pts, frame.time_base = stamp, Fraction(1, TICKS)
            container.mux(stream.encode(frame))

        yield write
        container.mux(stream.encode(None))


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtra("av", "video") from error
    return av


def _stream(av: Any, container: Any, width: int, height: int, rate: Fraction, quality: int) -> Any:
    codec, options = "mpeg4", {"qmin": "2", "qmax": "3"}
    if "libx264" in av.codecs_available:
        # Macroblock trees are off because with them x264's output depends on where its buffers lie
        # in memory: two runs would differ in their bytes (measured with PyAV 18).
        codec, options = "libx264", {"crf": str(quality), "preset": "veryfast", "x264-params": "mbtree=0"}
    stream = container.add_stream(codec, rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # One thread: the encoder's output depends on how many it has, and clips run in parallel anyway.
    stream.codec_context.thread_count = 1
    return stream
