"""Groups that a split must not part, and splits that do not part them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from hint_toolkit.sampling.plan import stream

By = Literal["video", "participant"]
SPLITS: Final = ("TRAIN", "VAL", "TEST")
_EPIC_VIDEO = re.compile(r"(P\d+)_\d+")


def group_of(
    source: str, video_id: str, by: By = "video", known: Mapping[str, str] = MappingProxyType({}), stated: str = ""
) -> str:
    """The group of a video: its own id, or what lies above it.

    Args:
        source: as in `records.Hand`.
        video_id: clip, video or YouTube id.
        by: "participant" joins the videos of one EPIC-KITCHENS participant (`P03` of `P03_10`).
        known: video id -> group, e.g. Ego4D's clips to their canonical videos; goes first.
        stated: the row's own `group`; goes next.

    Returns:
        the group, with its source in front, since two sources may use one id for two things; "" when nothing is known.
    """
    group = known.get(video_id, "") or stated
    if not group and by == "participant" and (found := _EPIC_VIDEO.fullmatch(video_id)):
        group = found[1]
    group = group or video_id
    return f"{source}:{group}" if group else ""


@dataclass(frozen=True)
class Parted:
    """A group that stands in several splits."""

    group: str
    splits: dict[str, int]
    """Split -> hands or frames."""


def parted(groups: Sequence[str], splits: Sequence[str]) -> list[Parted]:
    """Groups with members in more than one split, by name; "" is no group."""
    members: dict[str, dict[str, int]] = {}
    for group, split in zip(groups, splits, strict=True):
        if group:
            counts = members.setdefault(group, {})
            counts[split] = counts.get(split, 0) + 1
    return [Parted(group, dict(sorted(c.items()))) for group, c in sorted(members.items()) if len(c) > 1]


def assign(sizes: Mapping[str, int], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """A split for every group, whole groups only, with the wanted shares as near as the groups allow.

    The largest groups are dealt first, each to the split that lacks most; equal ones in an order drawn by the seed. The
    result depends on names, sizes, shares and seed, never on the order of the mapping.

    Args:
        sizes: group -> frames or hands in it.
        shares: split -> share, e.g. {"TRAIN": 0.7, "VAL": 0.1, "TEST": 0.2}; need not sum to one.
        seed: of the order among groups of one size.

    Raises:
        ValueError: no share is positive, or one is negative.
    """
    total = sum(shares.values())
    if total <= 0 or min(shares.values()) < 0:
        raise ValueError(f"shares must not be negative and not all zero, got {dict(shares)}")
    wanted = {split: share / total * sum(sizes.values()) for split, share in sorted(shares.items())}
    got = dict.fromkeys(wanted, 0.0)
    result = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], stream(seed, f"split:{name}"), name)):
        lacking = max(wanted, key=lambda split: (wanted[split] - got[split], split))
        result[group] = lacking
        got[lacking] += sizes[group]
    return result
