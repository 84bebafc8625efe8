"""Pictures by image number: what a file of `ffmpeg -i clip out_%10d.jpg` shows, without writing the others."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.video.index import VideoIndex
from hint_toolkit.video.numbering import image_sources
from hint_toolkit.video.picture import Image
from hint_toolkit.video.reader import read_frames


def read_images(
    index: VideoIndex,
    image_numbers: Sequence[int],
    *,
    sources: NDArray[np.int64] | None = None,
    threads: int = 1,
) -> Iterator[tuple[int, Image | str]]:
    """Decode the pictures that the wanted images show.

    Args:
        index: of the file.
        image_numbers: 1-based, as in the names of ffmpeg's files; taken once each. HInt's frame n is n + 1.
        sources: which picture each image shows; None: `image_sources`, for ffmpeg 5.
        threads: of the decoder.

    Yields:
        (image number, picture), or (image number, reason) where there is none, in ascending order.

    Raises:
        InputError: see `image_sources` and `read_frames`.
    """
    table = image_sources(index) if sources is None else sources
    order = sorted(set(image_numbers))
    inside = [number for number in order if 1 <= number <= len(table)]
    showing: dict[int, list[int]] = {}
    for number in inside:
        showing.setdefault(int(table[number - 1]), []).append(number)
    outside = f"ffmpeg writes images 1 to {len(table)}"
    yield from ((number, outside) for number in order if number < 1)
    for k, image in read_frames(index, list(showing), threads=threads):
        yield from ((number, image) for number in showing[k])
    yield from ((number, outside) for number in order if number > len(table))
