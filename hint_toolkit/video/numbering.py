"""Image numbers: what `ffmpeg -i clip out_%10d.jpg` writes, from the packets alone.

ffmpeg writes images at a constant rate. A frame whose time is early or late against the number of images
written so far is dropped, or repeats itself and its forerunner. So image number n is not always picture n - 1.
HInt's lists count frames from 0 and its files from 1: HInt's frame n is the file with image number n + 1.

The rule is that of ffmpeg's `do_video_out` (release 5.1, `fftools/ffmpeg.c`), which HInt's instructions
ask for, and of `video_sync_process` (later releases, `fftools/ffmpeg_filter.c`); they differ in how long a
picture is taken to last, and in rounding.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import NO_STAMP, Timing, VideoIndex

FFMPEG = 5
"""The release whose images HInt is made of."""

_DEFAULT_RATE = Fraction(25)
_DROP, _REPEAT = -1.1, 1.1
_MOST_REPEATS = 30 * 3600 * 30
_JUMP_SECONDS = 10
_STEPS = 1 << 17


def image_sources(index: VideoIndex, *, ffmpeg: int = FFMPEG) -> NDArray[np.int64]:
    """Which picture each image shows.

    Args:
        index: from `index_video`.
        ffmpeg: major release that is followed: 5 for 5.x and earlier, anything above for later ones.

    Returns:
        (number of images,) int64: entry i is the decode index that image number i + 1 copies.

    Raises:
        InputError: the file does not hold the times that ffmpeg goes by. `video.ffmpeg.ask_ffmpeg` then lets
            a real ffmpeg do the counting.
    """
    return _sources(index, ffmpeg > FFMPEG).copy()


def decode_index_of(index: VideoIndex, image_number: int, *, ffmpeg: int = FFMPEG) -> int:
    """The picture that image number `image_number` (1-based) shows, as a decode index (0-based).

    Raises:
        InputError: ffmpeg writes no image with this number, or see `image_sources`.
    """
    sources = _sources(index, ffmpeg > FFMPEG)
    if not 1 <= image_number <= len(sources):
        raise InputError(
            f"has no image number {image_number}", where=str(index.path), why=f"ffmpeg writes 1 to {len(sources)}"
        )
    return int(sources[image_number - 1])


def image_numbers_of(index: VideoIndex, decode_index: int, *, ffmpeg: int = FFMPEG) -> list[int]:
    """The image numbers (1-based) that show a picture: none when ffmpeg drops it, several when it repeats it.

    Raises:
        InputError: see `image_sources`.
    """
    return [int(i) + 1 for i in np.flatnonzero(_sources(index, ffmpeg > FFMPEG) == decode_index)]


@lru_cache(maxsize=16)
def _sources(index: VideoIndex, later: bool) -> NDArray[np.int64]:
    timing = index.timing
    if timing is None:
        raise _cannot(index, "the index was made without times")
    if not later and "matroska" in timing.container and timing.streams > 1:
        raise _cannot(index, "ffmpeg 5 begins before the sound's encoder delay in Matroska, newer libraries do not")
    rate = timing.rate or _DEFAULT_RATE
    stamps, durations = _stamps(index, timing)
    if "mpegts" in timing.container and (np.abs(np.diff(stamps)) * timing.tick > _JUMP_SECONDS).any():
        raise _cannot(index, f"its time stamps jump by more than {_JUMP_SECONDS} s, which ffmpeg repairs as it reads")
    ideal = _positions(stamps - _offset(timing), timing.tick, rate, later)
    lasting = durations * float(timing.tick * rate)
    if not later:
        lasting = np.rint(lasting.astype(np.float32)).astype(float)
        if "mp4" in timing.container and _reordered(index):
            lasting[:] = 1.0  # ffmpeg 5 has no durations of its own for these, and takes the rate
    lasting[lasting <= 0] = 1.0
    out: list[int] = []
    for k, repeats in _choices(ideal.tolist(), lasting.tolist(), alone=timing.streams == 1):
        out += [k] * repeats
    return np.array(out, np.int64)


def _stamps(index: VideoIndex, timing: Timing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Time stamp and duration in ticks by decode index."""
    packets = index.packets
    if packets is None:
        raise _cannot(index, "the index was made without packets")
    shown = ~packets.hidden
    if index.pts:
        order = np.argsort(packets.pts[shown], kind="stable")
        return packets.pts[shown][order], packets.duration[shown][order]
    step = 1 / (timing.tick * timing.rate) if timing.rate and timing.tick else Fraction(0)
    dts = packets.dts[shown]
    even = (dts == NO_STAMP).all() or (step.denominator == 1 and (np.diff(dts) == int(step)).all())
    if not step or not even:
        raise _cannot(index, "its pictures have no times of their own")
    ticks = np.array([round(k * step) for k in range(index.count)], np.int64)
    return ticks + (0 if dts[0] == NO_STAMP else dts[0]), np.full(index.count, round(step), np.int64)


def _reordered(index: VideoIndex) -> bool:
    """Whether pictures are shown in another order than they are decoded."""
    packets = index.packets
    return packets is not None and bool((packets.pts != packets.dts).any())


def _offset(timing: Timing) -> int:
    """Where ffmpeg's time begins, in ticks of the stream."""
    if timing.start is None:
        return 0
    if "mpegts" in timing.container and timing.stream_start is not None:  # only the stream that is read counts
        microseconds = _rescale(timing.stream_start, timing.tick * 1_000_000)
    else:
        microseconds = timing.start
    return _rescale(microseconds, 1 / (timing.tick * 1_000_000))


def _rescale(value: int, factor: Fraction) -> int:
    """`value * factor` as the nearest whole number, halves away from zero."""
    whole = (2 * abs(value) * factor.numerator + factor.denominator) // (2 * factor.denominator)
    return whole if value >= 0 else -whole


def _positions(stamps: NDArray[np.int64], tick: Fraction, rate: Fraction, later: bool) -> NDArray[np.float64]:
    """Where each picture would fall among the images, from 0, with ffmpeg's rounding."""
    bits = min(max(29 - (rate.numerator.bit_length() - 1), 0), 16)
    factor = tick * rate * (1 << bits)
    positions = np.array([_rescale(s, factor) for s in stamps.tolist()], float) / (1 << bits)
    nudge = np.sign(positions) / _STEPS
    if later:
        nudge[positions == np.rint(positions)] = 0
    return positions + nudge


def _choices(ideal: list[float], lasting: list[float], *, alone: bool) -> Iterator[tuple[int, int]]:
    """(decode index, how many images) in the order in which they are written."""
    written, history, k = 0, [0, 0, 0], -1
    for k, (position, length) in enumerate(zip(ideal, lasting, strict=True)):
        early, end = position - written, position - written + length
        if alone and not written and early >= 0.5:  # a late start is kept only beside another stream
            early, end, written_from = 0.0, length, round(position)
            written += written_from
        images, before = 1, 0
        if end < _DROP:
            images = 0
        elif end > _REPEAT:
            images = round(end)
            before = round(early - 0.6) if early > _REPEAT else 0
        images = 0 if images > _MOST_REPEATS else images
        before = min(before, images)
        history = [before, *history[:2]]
        yield max(k - 1, 0), before
        yield k, images - before
        written += images
    yield k, sorted(history)[1]


def _cannot(index: VideoIndex, why: str) -> InputError:
    return InputError(
        "ffmpeg's image numbers cannot be told from the file alone",
        where=str(index.path),
        why=why,
        next_step="install ffmpeg, which can count them itself",
    )
