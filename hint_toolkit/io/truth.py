"""What a truth is, however it was stored, and the names that its hands go by."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.hint_names import parse_folder
from hint_toolkit.issues import Issue, Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FARTHEST = 1e6
"""Pixels: no coordinate of a picture is larger; one that is would also overflow when it is squared."""


@dataclass(frozen=True)
class Truth:
    """Hands to score against.

    Attributes:
        hands: ids are `<folder>/<stem>`, e.g. `TEST_newdays_img/ND_..._r`, or `<stem>` where no folder is known.
        path: where they were read.
        image_root: folder that the `image` column is relative to.
        version: content hash.
        scale: (N,) pixels, the `scale` column of HaMeR's evaluation npz where the truth is one; else None.
        aliases: further names -> positions of the hands that they mean (COCO's image ids, `#<annotation id>`).
        issues: warnings: what the format does not say and was assumed, and contradictions in it.
        format: which of the formats it was read from.
    """

    hands: Hands
    path: Path
    image_root: Path
    version: str
    scale: NDArray[np.float64] | None = None
    aliases: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    format: str = ""


@dataclass
class Parsed:
    """What the reader of one format gives: the fields of `Truth` that only it knows."""

    hands: Hands
    format: str
    scale: NDArray[np.float64] | None = None
    aliases: dict[str, tuple[int, ...]] = field(default_factory=dict)
    issues: Issues = field(default_factory=Issues)


def blank_columns(n: int) -> dict[str, Any]:
    """Columns of `Hands` for what formats of other people do not say: empty texts, NaN, and "submitted"."""
    unsaid = ("video_id", "image", "detector", "annotator", "prelabel_id", "licence", "original", "group")
    columns: dict[str, Any] = {name: [""] * n for name in unsaid}
    columns |= {name: np.full(n, np.nan) for name in ("presence", "side_score", "time", "seconds")}
    columns |= {name: np.zeros(n, int) for name in ("width", "height")}
    columns |= {"score": np.full((n, N_JOINTS), np.nan), "redistributable": np.ones(n, bool)}
    return columns | {"frame_index": np.full(n, -1), "state": ["submitted"] * n}


def hand_digests(hands: Hands) -> list[bytes]:
    """sha256 (32 bytes) of every hand: id, side, box, points and flags; pixels and provenance are not part of it.

    All NaN are one NaN, and -0.0 is 0.0. An absent joint without a point is the same whether it is written as NaN
    (Parquet) or as 0, 0 (HInt's json has no NaN).
    """
    n = len(hands)
    nowhere = ~hands.exists & (hands.points == 0).all(axis=2)
    points = np.where(nowhere[:, :, None], np.nan, hands.points).reshape(n, 2 * N_JOINTS)
    numbers = np.concatenate([hands.box, points], axis=1) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    flags = np.concatenate([hands.exists, hands.occluded], axis=1).astype(np.uint8)
    rows = np.concatenate([np.ascontiguousarray(numbers, "<f8").view(np.uint8), flags], axis=1).tobytes()
    width = len(rows) // max(n, 1)
    names = zip(hands.id, hands.side, strict=True)
    return [
        hashlib.sha256(f"{hand_id}\0{side}\0".encode() + rows[i * width : (i + 1) * width]).digest()
        for i, (hand_id, side) in enumerate(names)
    ]


def version_of(digests: Iterable[bytes]) -> str:
    """Version of a set of hands from the digests of its hands, whatever their order."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def content_hash(hands: Hands) -> str:
    """Version of a set of hands: does not depend on order, shards, formats or machine; see `hand_digests`."""
    return version_of(hand_digests(hands))


def id_of_picture(name: str, folder: str = "") -> str:
    """The id that a picture's path stands for: `<HInt folder>/<stem>` if it lies in one, else `<stem>`.

    Args:
        name: path of a picture in any spelling, e.g. `/data/HInt/TEST_epick_img/EK_1_r.jpg`.
        folder: HInt folder to assume when the path names none.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.name.removesuffix(path.suffix) if path.suffix.lower() in PICTURES else path.name
    here = path.parent.name if parse_folder(path.parent.name) else folder
    return f"{here}/{stem}" if here else stem
