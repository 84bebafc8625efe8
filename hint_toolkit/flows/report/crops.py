"""The worst hands as pictures: truth and prediction drawn on a crop, as JPEG bytes."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import box_around
from hint_toolkit.io.images import encode_jpg, read_image
from hint_toolkit.overlay import GREY, Image, crop, draw_comparison

Floats = NDArray[np.float64]

SIZE: Final = 384
QUALITY: Final = 80
FACTOR: Final = 1.6
"""Side of a crop in units of the box: enough around it to see where a wrong joint went."""


@dataclass(frozen=True)
class Tile:
    """One drawn hand.

    Attributes:
        id: of the hand.
        side: "left" or "right".
        jpeg: (SIZE, SIZE) picture.
        error: mean distance over the existing joints, each at most 1, in units of the normaliser.
        found: whether any joint was predicted.
        wrong: how many existing joints are farther than the threshold, missing ones included.
        joints: how many joints exist.
        note: why the picture is missing, or "".
    """

    id: str
    side: str
    jpeg: bytes
    error: float
    found: bool
    wrong: int
    joints: int
    note: str


def worst_rows(per_hand: Any, count: int) -> list[dict[str, Any]]:
    """Rows of the worst hands, largest error first, ties by id.

    A method that misses many hands would fill the page with them and hide how it fails on the others; so missed
    hands take at most a third of the places, unless too few hands were found to fill the rest.

    Args:
        per_hand: Arrow table of `per_hand.parquet`.
        count: how many.
    """
    error = per_hand.column("error").to_numpy()
    found = np.array(per_hand.column("found").to_pylist(), bool)
    ids = np.array(per_hand.column("id").to_pylist(), str)
    # A hand without any existing joint has no error; NaN sorts behind all numbers.
    order = np.lexsort((ids, -error))
    missed, others = order[~found[order]], order[found[order]]
    n_missed = max(count // 3, count - len(others))
    chosen = np.concatenate([missed[:n_missed], others[: count - min(n_missed, len(missed))]])
    rows: list[dict[str, Any]] = per_hand.take(order[np.isin(order, chosen)]).to_pylist()
    return rows


def draw_tile(row: dict[str, Any], image_root: Path | None, threshold: float, border: str = "<=") -> Tile:
    """Draw one row; on plain grey when its picture cannot be had, with a note that says so.

    Args:
        row: of `per_hand.parquet`.
        image_root: folder that the picture is relative to.
        threshold: in units of the normaliser.
        border: "<=" when a distance equal to the threshold is right, else "<".

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    truth, pred = np.array(row["truth"], float), np.array(row["pred"], float)
    exists, occluded = np.array(row["exists"], bool), np.array(row["occluded"], bool)
    # Not `distance > threshold`: that is false for a distance that is not a number.
    distance = np.array(row["distance"], float)
    wrong = exists & ~(distance < threshold if border == "<" else distance <= threshold)
    box = _box(row, truth, exists)
    image, note = _picture(row, image_root, box)
    cut = crop(image, box, FACTOR, SIZE)
    drawn = draw_comparison(
        cut.image, cut.points(truth), cut.points(pred), exists, occluded, wrong=wrong, box=cut.box(box), scale=1.25
    )
    return Tile(
        id=row["id"],
        side=row["side"],
        jpeg=encode_jpg(drawn, QUALITY),
        error=float(row["error"]),
        found=bool(row["found"]),
        wrong=int(wrong.sum()),
        joints=int(exists.sum()),
        note=note,
    )


def _picture(row: dict[str, Any], image_root: Path | None, box: Floats) -> tuple[Image, str]:
    """The hand's picture and "", or plain grey and why."""
    name = PurePosixPath(row["image"])
    if image_root is None or not row["image"]:
        return _grey(box), "no picture"
    # A results folder may come from somebody else; it must not pull other files of this machine into the report.
    if name.is_absolute() or ".." in name.parts:
        return _grey(box), f"picture outside the data's folder: {name}"
    try:
        image = read_image(image_root / name)
    except InputError as error:
        return _grey(box), f"{error.what}: {name}"
    height, width = image.shape[:2]
    if row["width"] and row["height"] and (width, height) != (row["width"], row["height"]):
        return _grey(box), f"picture is {width} x {height}, labels are for {row['width']} x {row['height']}"
    return image, ""


def _box(row: dict[str, Any], truth: Floats, exists: NDArray[np.bool_]) -> Floats:
    """The hand's box; the one around its joints, or any, where the data have none."""
    box = np.array(row["box"], float)
    if not np.isfinite(box).all():
        box = box_around(truth, exists, margin=0.1)
    return box if np.isfinite(box).all() else np.array([0.0, 0.0, 64.0, 64.0])


def _grey(box: Floats) -> Image:
    """Only the part around the box is ever seen, and what lies outside a picture is grey as well."""
    side = int(np.clip((box[2:] - box[:2]).max(), 16, 4096))
    return np.full((side, side, 3), GREY[0], np.uint8)
