"""What a truth is, however it was stored, and the names that its hands go by."""

import hashlib
from collections.abc import Mapping
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
    unsaid = ("video_id", "image", "detector", "annotator", "prelabel_id", "licence")
    columns: dict[str, Any] = {name: [""] * n for name in unsaid}
    columns |= {name: np.full(n, np.nan) for name in ("presence", "side_score", "time", "seconds")}
    columns |= {name: np.zeros(n, int) for name in ("width", "height")}
    columns |= {"score": np.full((n, N_JOINTS), np.nan), "redistributable": np.ones(n, bool)}
    return columns | {"frame_index": np.full(n, -1), "state": ["submitted"] * n}


def content_hash(hands: Hands) -> str:
    """Version of a set of hands: sha256 of ids, sides, boxes, points and flags, whatever their order.

    All NaN are one NaN, and -0.0 is 0.0; pixels and provenance are not part of it. An absent joint without a
    point is the same whether it is written as NaN (Parquet) or as 0, 0 (HInt's json has no NaN).
    """
    digest = hashlib.sha256()
    order = np.argsort(hands.id.astype(str), kind="stable")
    for name in ("id", "side"):
        digest.update("\n".join(getattr(hands, name)[order]).encode() + b"\0")
    nowhere = ~hands.exists & (hands.points == 0).all(axis=2)
    points = np.where(nowhere[:, :, None], np.nan, hands.points)[order]
    for values in (hands.box[order] + 0.0, points + 0.0):
        digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    for name in ("exists", "occluded"):
        digest.update(np.packbits(getattr(hands, name)[order]).tobytes())
    return digest.hexdigest()


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
