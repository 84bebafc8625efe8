"""An open video stream: finds packets by their stamps, and decodes runs of them."""

from collections.abc import Iterator, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import NO_STAMP, VideoIndex, decoder_reason, open_container
from hint_toolkit.video.picture import Image, display_matrix, displayed

_READ_ON_BYTES = 1 << 20
"""Up to here reading over packets is cheaper than a seek, which may land a group early and parses an index."""


class Track:
    """The indexed stream of a file, open for decoding. One container, one decoder, whatever is asked.

    Attributes:
        reason: the decoder's last complaint, empty when there was none.
    """

    def __init__(self, index: VideoIndex, threads: int) -> None:
        """Open the file.

        Raises:
            InputError: it cannot be opened, or the stream is gone.
        """
        from av.video.reformatter import VideoReformatter

        self.index, self.threads, self.reason = index, threads, ""
        self._reformatter = VideoReformatter()
        self._asked = False
        self._matrix: NDArray[np.float64] | None = None
        self._open()

    def __enter__(self) -> "Track":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._container.close()

    def picture(self, frame: Any) -> Image:
        """Upright RGB pixels of a decoded frame."""
        if not self._asked:
            self._asked, self._matrix = True, display_matrix(frame)
        pixels: Image = self._reformatter.reformat(frame, format="rgb24").to_ndarray().astype(np.uint8, copy=False)
        return displayed(pixels, self._matrix)

    def is_whole(self, frame: Any) -> bool:
        """Whether neither the frame nor one that it may refer to was damaged."""
        return not frame.is_corrupt and not (self._broken if frame.pts is None else frame.pts in self._doubtful)

    def decode_all(self) -> Iterator[Any]:
        """Every frame of the stream from the start of a fresh track, in the order of presentation."""
        for packet in self._packets:
            yield from self._decode(packet)
        yield from self._decode(None)

    def decode(self, first: int, last: int, wanted: Set[int]) -> Iterator[Any]:
        """Frames of packets `first` (a key frame) to `last` in the order of presentation.

        Frames that no other one refers to are left out when their stamp is not wanted. The decoder is drained
        at the end, so that no packet behind `last` is decoded.
        """
        self._codec.flush_buffers()
        self._begin()
        packet = self._find(first)
        while packet is not None:
            if packet.size:
                self._skip(packet.pts not in wanted)
                self._next += 1
                yield from self._decode(packet)
            packet = next(self._reading, None) if self._next <= last else None
        self._skip(False)
        yield from self._decode(None)

    def _open(self) -> None:
        self._container = open_container(self.index.path)
        try:
            stream = self._container.streams[self.index.stream]
        except IndexError as error:
            self._container.close()
            raise InputError("its video stream is gone", where=str(self.index.path)) from error
        stream.thread_type = "AUTO"
        self._codec = stream.codec_context
        self._codec.thread_count = self.threads
        self._codec.open()  # before the first skip: dav1d would take it for the whole clip
        self._stream = stream
        self._packets = self._read()
        self._reading: Iterator[Any] = self._packets
        self._next = 0
        self._skipping = False
        self._begin()

    def _read(self) -> Iterator[Any]:
        """Packets from where the file stands; a demuxer that gives up ends the stream."""
        import av

        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except av.FFmpegError as error:
            self.reason = decoder_reason(error)

    def _begin(self) -> None:
        """Forget damage: nothing before this point is referred to."""
        self._broken = False
        self._clean_from = NO_STAMP
        self._group: list[int] = []
        self._doubtful: set[int] = set()

    def _decode(self, packet: Any) -> list[Any]:
        """What the decoder gives for a packet; a damaged one is noted and passed over, as ffmpeg does."""
        import av

        if packet is not None and packet.pts is not None:
            self._note(packet)
        elif packet is not None and packet.is_keyframe:
            self._broken = False
        try:
            frames = list(self._codec.decode(packet))
        except av.FFmpegError as error:
            self.reason = decoder_reason(error)
            self._spoil(packet.pts if packet is not None else None)
            return []
        for frame in frames:
            if frame.is_corrupt:
                self._spoil(frame.pts)
        return frames

    def _note(self, packet: Any) -> None:
        """Follow which group is decoded, so that damage ends with it.

        Pictures behind a key frame that are shown before it may refer to the group before.
        """
        if packet.is_keyframe:
            if self._broken:
                self._clean_from = packet.pts
            self._broken, self._group = False, []
        self._group.append(packet.pts)
        if self._broken or packet.pts < self._clean_from:
            self._doubtful.add(packet.pts)

    def _spoil(self, pts: int | None) -> None:
        """A picture is damaged: it, and what follows it up to the next key frame, cannot be trusted."""
        if pts is None or pts in self._group:
            self._broken = True
            self._doubtful.update(self._group[self._group.index(pts) :] if pts is not None else self._group)
        else:
            self._doubtful.add(pts)

    def _skip(self, on: bool) -> None:
        if on != self._skipping:
            self._codec.skip_frame = "NONREF" if on else "DEFAULT"
            self._skipping = on

    def _find(self, first: int) -> Any:
        """The packet with this number; None when the file does not give it any more."""
        packets = self.index.packets
        if packets is None:
            return None
        pts, dts = int(packets.pts[first]), int(packets.dts[first])
        ahead = first - self._next
        if ahead < 0 or int(packets.size[self._next : first].sum()) > _READ_ON_BYTES:
            found = self._seek(pts, dts)
            if found is None:  # a file that cannot be searched, or whose key frames it does not list
                self.close()
                self._open()
                found = self._read_to(pts, NO_STAMP)
        else:
            found = self._read_to(pts, NO_STAMP)
        self._next = first
        return found

    def _seek(self, pts: int, dts: int) -> Any:
        import av

        try:
            self._container.seek(pts if dts == NO_STAMP else dts, stream=self._stream, backward=True)
        except av.FFmpegError:
            return None
        self._packets = self._read()
        self._reading = self._packets
        return self._read_to(pts, dts)

    def _read_to(self, pts: int, dts: int) -> Any:
        """Read over packets up to the one with this presentation stamp, or until it is certain that it was missed."""
        for packet in self._reading:
            if packet.pts == pts:
                return packet
            if dts != NO_STAMP and packet.dts is not None and packet.dts > dts:
                return None
        return None
