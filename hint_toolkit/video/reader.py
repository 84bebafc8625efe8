"""Exactly the wanted pictures of a video, by decode index, as displayed.

Pictures are matched by their presentation time stamp, never by counting from a seek. From each touched group
of pictures the packets up to the last wanted one are decoded, once, without the pictures that nothing refers
to and nobody wants. Where time stamps cannot be trusted, or a seek does not deliver what the index promised,
the file is decoded from its start, which is the definition of the decode index.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.video.content import check_unchanged
from hint_toolkit.video.index import VideoIndex
from hint_toolkit.video.picture import Image, pixel_hash, upright
from hint_toolkit.video.spans import Span, plan_spans
from hint_toolkit.video.track import Track

__all__ = ["Image", "pixel_hash", "read_frames", "upright"]

ENDS_BEFORE = "the file ends before it"


def read_frames(index: VideoIndex, wanted: Sequence[int], *, threads: int = 1) -> Iterator[tuple[int, Image | str]]:
    """Decode the wanted pictures. At most a few decoded pictures are held at a time, whatever is wanted.

    Args:
        index: of the file.
        wanted: decode indices; taken once each.
        threads: of the decoder; 1 suits one process a worker, 0 lets FFmpeg choose.

    Yields:
        (decode index, picture), or (decode index, reason) for a picture that does not come out whole, in
        ascending order of the decode index.

    Raises:
        InputError: the file cannot be opened, or has changed since it was indexed.
    """
    order = sorted(set(wanted))
    inside = [k for k in order if 0 <= k < index.count]
    check_unchanged(index.path, index.mark)
    yield from ((k, "frames are numbered from 0") for k in order if k < 0)
    if inside:
        start = _FromStart(index, threads)
        try:
            yield from _read(index, inside, threads, start)
        finally:
            start.close()
    yield from ((k, ENDS_BEFORE) for k in order if k >= index.count)
    check_unchanged(index.path, index.mark)


def _read(index: VideoIndex, inside: list[int], threads: int, start: "_FromStart") -> Iterator[tuple[int, Image | str]]:
    spans = plan_spans(index, inside)
    if spans is None:
        yield from ((k, start.picture(k)) for k in inside)
        return
    with Track(index, threads) as track:
        for span in spans:
            left = list(span.wanted)
            for k, image in _decode_span(index, track, span):
                while left and left[0] < k:
                    missed = left.pop(0)
                    yield missed, start.picture(missed)
                if left and left[0] == k:
                    left.pop(0)
                    yield k, image
            yield from ((k, start.picture(k)) for k in left)


def _decode_span(index: VideoIndex, track: Track, span: Span) -> Iterator[tuple[int, Image]]:
    """The wanted pictures of a span that come out undamaged."""
    number = {index.pts[k]: k for k in span.wanted}
    for frame in track.decode(span.first, span.last, set(number)):
        if frame.pts in number and track.is_whole(frame):
            yield number[frame.pts], track.picture(frame)


class _FromStart:
    """One sequential decode of the whole file, begun when it is first needed, for pictures asked in ascending order."""

    def __init__(self, index: VideoIndex, threads: int) -> None:
        self.index, self.threads = index, threads
        self.track: Track | None = None
        self.frames: Iterator[Any] = iter(())
        self.held: tuple[int, Any] | None = None

    def picture(self, k: int) -> Image | str:
        """Picture k, or why it does not come out."""
        if self.track is None:
            self.track = Track(self.index, self.threads)
            self.frames = self._numbered(self.track)
            self.held = next(self.frames, None)
        while self.held is not None and self.held[0] < k:
            self.held = next(self.frames, None)
        reason = self.track.reason
        if self.held is None or self.held[0] != k:
            return f"the file is damaged before it: {reason}" if reason else ENDS_BEFORE
        frame = self.held[1]
        if not self.track.is_whole(frame):
            return f"the picture is damaged: {reason or 'the decoder flags it'}"
        return self.track.picture(frame)

    def _numbered(self, track: Track) -> Iterator[tuple[int, Any]]:
        number = {pts: k for k, pts in enumerate(self.index.pts)}
        for count, frame in enumerate(track.decode_all()):
            if not number:
                yield count, frame
            elif frame.pts in number:
                yield number[frame.pts], frame

    def close(self) -> None:
        """Let the file go."""
        self.held = None
        if self.track is not None:
            self.track.close()


def frame_at(index: VideoIndex, frame_index: int, *, threads: int = 1) -> Image:
    """One picture.

    Raises:
        InputError: it does not come out.
    """
    _, image = next(iter(read_frames(index, [frame_index], threads=threads)))
    if isinstance(image, str):
        raise InputError(f"frame {frame_index} cannot be decoded", where=str(index.path), why=image)
    return image
