"""Which packets must be decoded for a set of wanted pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.video.index import VideoIndex


@dataclass(frozen=True)
class Span:
    """A run of packets that is decoded in one go.

    Attributes:
        first: number of its first packet in the order of decoding, a key frame.
        last: number of its last packet, one of the wanted ones.
        wanted: decode indices that come out of it, ascending.
    """

    first: int
    last: int
    wanted: tuple[int, ...]


def plan_spans(index: VideoIndex, wanted: Sequence[int]) -> list[Span] | None:
    """The shortest runs from a key frame to a wanted picture; runs that touch are joined.

    A picture is entered at the last key frame that is shown no later than the picture itself. So the leading
    pictures of an open group, which follow their key frame in the file and refer to the group before, are
    decoded from that earlier group. A key frame that begins a new run is a new entry: what lies between two
    runs is read over, not decoded.

    Args:
        index: with packets.
        wanted: decode indices within the video, ascending.

    Returns:
        Spans, ascending in both orders; None when the stamps do not allow it and the file must be decoded
        from its start.
    """
    packets = index.packets
    if packets is None or not index.pts:
        return None
    keys = np.flatnonzero(packets.key)
    if not len(keys) or not _keys_part_the_file(index, keys):
        return None
    shown = np.flatnonzero(~packets.hidden)
    place = shown[np.argsort(packets.pts[shown])]  # number of the packet by decode index
    key_stamps = packets.pts[keys]
    spans: list[Span] = []
    for k in wanted:
        entry = max(int(np.searchsorted(key_stamps, index.pts[k], side="right")) - 1, 0)
        first, last = int(keys[entry]), int(place[k])
        if spans and first <= spans[-1].last:
            before = spans.pop()
            first, last = before.first, max(before.last, last)
            spans.append(Span(first, last, (*before.wanted, k)))
        else:
            spans.append(Span(first, last, (k,)))
    return spans


def _keys_part_the_file(index: VideoIndex, keys: NDArray[np.intp]) -> bool:
    """Whether every packet before a key frame is shown before it, so that the two orders agree about groups."""
    packets = index.packets
    if packets is None:
        return False
    so_far = np.maximum.accumulate(packets.pts)
    later = keys[keys > 0]
    return bool((so_far[later - 1] < packets.pts[later]).all())
