"""What is in a video file, read from its packets without decoding.

Two numberings must not be mixed. The **decode index** k is the k-th picture of a full sequential decode,
0-based; it is what `Frame.frame_index` holds. The **image number** is what `ffmpeg -i clip out_%10d.jpg`
writes, 1-based; `video.numbering` converts.
"""

import bisect
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.video.content import FileMark, mark_file

NO_STAMP = -(1 << 63)
"""Stands for an absent time stamp in `Packets`."""


@dataclass(frozen=True, eq=False)
class Packets:
    """The packets of one stream in the order of the file, which is the order of decoding.

    Attributes:
        pts, dts: (P,) int64 presentation and decoding time stamps in ticks, `NO_STAMP` where absent.
        duration: (P,) int64 ticks, 0 where unknown.
        size: (P,) int64 bytes.
        key: (P,) bool, a key frame.
        hidden: (P,) bool, decoded but never shown: it lies before the start of an edit list.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    size: NDArray[np.int64]
    key: NDArray[np.bool_]
    hidden: NDArray[np.bool_]


@dataclass(frozen=True)
class Timing:
    """What ffmpeg's choice of images depends on beside the packets.

    Attributes:
        tick: seconds a tick, exactly.
        rate: frames a second that ffmpeg gives its output, None when the file does not say.
        start: of the container, microseconds; its earliest stream.
        stream_start: of the video stream, ticks.
        streams: how many streams of any kind the container has.
        container: name of the demuxer.
    """

    tick: Fraction
    rate: Fraction | None
    start: int | None
    stream_start: int | None
    streams: int
    container: str


@dataclass(frozen=True)
class VideoIndex:
    """The pictures of one video stream in order of presentation. Plain data: it can be sent to a worker.

    Attributes:
        path: of the file.
        stream: number of the stream in the container; the same one ffmpeg takes by default.
        count: pictures that the packets promise; a damaged file may deliver fewer.
        pts: presentation time stamps by decode index, empty when the file's stamps cannot be trusted
            (absent, not one a picture, or AVI) and pictures must be counted from the start.
        keys: presentation time stamps of the key frames, ascending; empty when `pts` is.
        seconds_per_tick: time base of `pts`.
        rate: average frames per second.
        packets: the packets themselves; None in an index made by hand, which is then read from the start.
        timing: for `video.numbering`.
        mark: of the file's content, so that a changed file is refused.
    """

    path: Path
    stream: int
    count: int
    pts: tuple[int, ...]
    keys: tuple[int, ...]
    seconds_per_tick: float
    rate: float
    packets: Packets | None = field(default=None, compare=False, repr=False)
    timing: Timing | None = field(default=None, repr=False)
    mark: FileMark | None = field(default=None, repr=False)

    def time(self, frame_index: int) -> float:
        """Seconds from the first picture to picture `frame_index`."""
        if self.pts:
            return (self.pts[frame_index] - self.pts[0]) * self.seconds_per_tick
        return frame_index / self.rate if self.rate else 0.0

    @property
    def duration(self) -> float:
        """Seconds from the first picture to the last."""
        return self.time(self.count - 1)

    def nearest(self, time: float) -> int:
        """Decode index of the picture whose time is nearest to `time` seconds; the earlier one of two as near.

        Times before the first or after the last picture give that picture.
        """
        if not self.pts:
            return min(max(round(time * self.rate), 0), self.count - 1)
        after = bisect.bisect_left(range(self.count), time, key=self.time)
        if after in (0, self.count):
            return min(after, self.count - 1)
        return after if self.time(after) - time < time - self.time(after - 1) else after - 1


def open_container(path: Path) -> Any:
    """An open PyAV container.

    Raises:
        InputError: no such file, or not a video that can be opened.
        MissingExtra: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtra("av", "video") from error
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise InputError("cannot be opened as a video", where=str(path), why=decoder_reason(error)) from error


def decoder_reason(error: BaseException) -> str:
    """FFmpeg's words without the path, which the caller names already."""
    return str(getattr(error, "strerror", None) or error)


def index_video(path: Path) -> VideoIndex:
    """Read the packets of the video stream that ffmpeg takes by default.

    Raises:
        InputError: cannot be opened, or holds no picture.
        MissingExtra: PyAV is not installed.
    """
    with open_container(path) as container:
        mark = mark_file(path)
        stream = _default_stream(container)
        if stream is None:
            raise InputError("holds no video stream", where=str(path))
        packets = _read_packets(container, stream, path)
        timing = Timing(
            tick=Fraction(stream.time_base or 0),
            rate=Fraction(stream.guessed_rate) if stream.guessed_rate else None,
            start=container.start_time,
            stream_start=stream.start_time,
            streams=len(container.streams),
            container=container.format.name,
        )
        number, rate = stream.index, float(stream.average_rate or 0)
    shown = packets.pts[~packets.hidden]
    trusted = _stamps_are_one_a_picture(shown) and "avi" not in timing.container
    return VideoIndex(
        path=path,
        stream=number,
        count=len(shown),
        pts=tuple(np.sort(shown).tolist()) if trusted else (),
        keys=tuple(np.sort(packets.pts[packets.key]).tolist()) if trusted else (),
        seconds_per_tick=float(timing.tick),
        rate=rate,
        packets=packets,
        timing=timing,
        mark=mark,
    )


def _default_stream(container: Any) -> Any:
    """The stream that ffmpeg maps when nothing is said: most pixels, a default one before others, no cover art."""
    best, best_score = None, -1
    for stream in container.streams.video:
        flags = {flag.name for flag in type(stream.disposition) if flag in stream.disposition}
        size = (stream.codec_context.width or 0) * (stream.codec_context.height or 0)
        score = 0 if "attached_pic" in flags else 1 + size + 5_000_000 * ("default" in flags)
        if score > best_score:
            best, best_score = stream, score
    return best


def _read_packets(container: Any, stream: Any, path: Path) -> Packets:
    import av

    rows: list[tuple[int, int, int, int, bool, bool]] = []
    why = "the file is empty or cut off"
    try:
        for packet in container.demux(stream):
            if packet.size:
                pts = NO_STAMP if packet.pts is None else packet.pts
                dts = NO_STAMP if packet.dts is None else packet.dts
                rows.append((pts, dts, packet.duration or 0, packet.size, packet.is_keyframe, packet.is_discard))
    except av.FFmpegError as error:
        # A torn tail: what was read so far is real, the reader will say which pictures are missing.
        why = decoder_reason(error)
    if all(row[5] for row in rows):
        raise InputError("holds no picture", where=str(path), why=why)
    table = np.array(rows, np.int64).reshape(-1, 6)
    return Packets(table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4] > 0, table[:, 5] > 0)


def _stamps_are_one_a_picture(shown: NDArray[np.int64]) -> bool:
    return len(np.unique(shown)) == len(shown) and not (shown == NO_STAMP).any()
