"""What is in a video file, read from its packets without decoding.

Two numberings must not be mixed. The **decode index** k is the k-th image of a full sequential decode,
0-based; it is what `Frame.frame_index` holds. The image number is what `ffmpeg -i clip out_%10d.jpg`
writes; it can differ where timestamps jump, and is not computed here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError, MissingExtra


@dataclass(frozen=True)
class VideoIndex:
    """The pictures of one video stream in order of presentation.

    Attributes:
        path: of the file.
        stream: number of the stream in the container; the same one ffmpeg takes by default.
        count: pictures that the packets promise; a damaged file may deliver fewer.
        pts: presentation time stamps by decode index, empty when the file's stamps cannot be trusted
            (absent, or not one a picture) and pictures must be counted from the start.
        keys: presentation time stamps of the key frames, ascending; empty when `pts` is.
        seconds_per_tick: time base of `pts`.
        rate: average frames per second.
    """

    path: Path
    stream: int
    count: int
    pts: tuple[int, ...]
    keys: tuple[int, ...]
    seconds_per_tick: float
    rate: float

    def time(self, frame_index: int) -> float:
        """Seconds from the first picture to picture `frame_index`."""
        if self.pts:
            return (self.pts[frame_index] - self.pts[0]) * self.seconds_per_tick
        return frame_index / self.rate if self.rate else 0.0

    @property
    def duration(self) -> float:
        """Seconds from the first picture to the last."""
        return self.time(self.count - 1)


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
    """Read the packets of the best video stream.

    Raises:
        InputError: cannot be opened, or holds no picture.
        MissingExtra: PyAV is not installed.
    """
    with open_container(path) as container:
        import av

        stream = container.streams.best("video")
        if stream is None:
            raise InputError("holds no video stream", where=str(path))
        shown: list[tuple[int | None, bool]] = []
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    shown.append((packet.pts, packet.is_keyframe))
        except av.FFmpegError as error:
            # A torn tail: what was read so far is real, the reader will say which pictures are missing.
            if not shown:
                raise InputError("cannot be read", where=str(path), why=decoder_reason(error)) from error
        if not shown:
            raise InputError("holds no picture", where=str(path), why="the file is empty or cut off")
        stamps = sorted(pts for pts, _ in shown if pts is not None)
        trusted = len(stamps) == len(shown) == len(set(stamps)) and "avi" not in container.format.name
        return VideoIndex(
            path=path,
            stream=stream.index,
            count=len(shown),
            pts=tuple(stamps) if trusted else (),
            keys=tuple(sorted(pts for pts, key in shown if key and pts is not None)) if trusted else (),
            seconds_per_tick=float(stream.time_base or 0),
            rate=float(stream.average_rate or 0),
        )
