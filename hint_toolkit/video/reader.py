"""Exactly the wanted pictures of a video, by decode index, as displayed.

Pictures are matched by their presentation time stamp, never by counting from a seek. Only the groups of
pictures that hold a wanted one are decoded. Where time stamps cannot be trusted, or a seek does not deliver
what the index promised, the file is decoded from its start and counted, which is the definition of the
decode index.
"""

import bisect
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.video.index import VideoIndex, decoder_reason, open_container

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, rotation of the container applied."""


def read_frames(index: VideoIndex, wanted: Sequence[int]) -> Iterator[tuple[int, Image | str]]:
    """Decode the wanted pictures.

    Args:
        index: of the file.
        wanted: decode indices; taken once each, in ascending order.

    Yields:
        (decode index, picture), or (decode index, reason) for a picture that does not come out.

    Raises:
        InputError: the file cannot be opened.
    """
    order = sorted(set(wanted))
    if index.pts:
        left = [k for k in order if not 0 <= k < index.count]
        for group in _groups(index, [k for k in order if 0 <= k < index.count]):
            found = _decode_group(index, group)
            for k in group:
                if k in found:
                    yield k, found[k]
                else:
                    left.append(k)
        order = sorted(left)
    if order:
        yield from _decode_from_start(index, order)


def _groups(index: VideoIndex, order: Sequence[int]) -> Iterator[list[int]]:
    """Wanted pictures that are decoded from the same key frame."""
    current: list[int] = []
    current_key = -1
    for k in order:
        key = bisect.bisect_right(index.keys, index.pts[k])
        if current and key != current_key:
            yield current
            current = []
        current.append(k)
        current_key = key
    if current:
        yield current


def _decode_group(index: VideoIndex, group: list[int]) -> dict[int, Image]:
    """The pictures of one group that come out after a seek to its key frame."""
    wanted = {index.pts[k]: k for k in group}
    at = bisect.bisect_right(index.keys, index.pts[group[0]]) - 1
    found: dict[int, Image] = {}
    with open_container(index.path) as container:
        import av

        stream = container.streams[index.stream]
        stream.thread_type = "AUTO"
        try:
            container.seek(index.keys[max(at, 0)], stream=stream, backward=True)
            for frame in container.decode(stream):
                if frame.pts in wanted:
                    found[wanted[frame.pts]] = upright(frame)
                if len(found) == len(wanted) or (frame.pts is not None and frame.pts > max(wanted)):
                    break
        except av.FFmpegError:
            pass  # the caller decodes from the start, and reports what is missing then
    return found


def _decode_from_start(index: VideoIndex, order: Sequence[int]) -> Iterator[tuple[int, Image | str]]:
    """Sequential decode and count; what does not come out is reported with the decoder's words."""
    left = set(order)
    why = "the file ends before it"
    with open_container(index.path) as container:
        import av

        stream = container.streams[index.stream]
        stream.thread_type = "AUTO"
        try:
            for k, frame in enumerate(container.decode(stream)):
                if k in left:
                    left.discard(k)
                    yield k, upright(frame)
                if not left:
                    break
        except av.FFmpegError as error:
            why = f"the file is damaged before it: {decoder_reason(error)}"
    for k in sorted(left):
        yield k, why


def upright(frame: Any) -> Image:
    """RGB pixels with the container's rotation applied, as ffmpeg and players show them."""
    pixels: Image = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4  # PyAV states degrees counter-clockwise
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def pixel_hash(image: Image) -> str:
    """sha256 of size and RGB bytes: proves that two decoded pictures are the same."""
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
