"""HInt's own folders: a jpg and a json a hand, the side in the file's name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.truth import FARTHEST
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand, Hands


def list_pairs(root: Path) -> tuple[Path, list[Path]]:
    """The json files of a HInt release (partial or complete), or of one of its folders, in the order of their ids.

    Args:
        root: `HInt_annotation`, `HInt_annotation_partial`, a folder above or one of the folders in it.

    Returns:
        the folder that holds the HInt folders, and the files.
    """
    folders = [root] if parse_folder(root.name) else sorted(p for p in root.rglob("*") if parse_folder(p.name))
    files = sorted((file for folder in folders for file in folder.glob("*.json")), key=_id)
    return (root.parent if parse_folder(root.name) else root), files


def _id(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def read_hint_folders(root: Path) -> Hands:
    """Every hand of a HInt release (partial or complete), or of one of its folders; jpg files are optional.

    Args:
        root: as in `list_pairs`.

    Raises:
        InputError: no hand there, or json files that are not HInt's; the first five are named.
    """
    base, files = list_pairs(root)
    if not files:
        raise InputError(
            "holds no hands",
            where=str(root),
            why="looked for hands.parquet, TEST_*_img_all.npz, and folders like TEST_newdays_img with json files",
            next_step="pass --gt RELEASE",
        )
    return read_pairs(base, files)


def read_pairs(base: Path, files: Sequence[Path]) -> Hands:
    """The hands of some json files.

    Args:
        base: folder that the `image` column will be relative to.
        files: json files in HInt folders; a jpg beside one is its picture.

    Raises:
        InputError: some are not HInt's; the first five are named.
    """
    issues, hands = Issues(), []
    for file in files:
        try:
            hands.append(_read_pair(file, base))
        except RecursionError:
            issues.error("is nested too deeply", file=f"{file.parent.name}/{file.name}")
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, OSError) as error:
            issues.error(str(error), file=f"{file.parent.name}/{file.name}")
    issues.raise_errors("fetch these files again, or leave them out")
    return Hands.of(hands)


def _read_pair(file: Path, base: Path) -> Hand:
    """One hand of HInt: a json list with one dict.

    Raises:
        ValueError: not HInt's layout; names the field, what was wanted and what came.
    """
    folder = file.parent
    parsed, stem = parse_folder(folder.name), parse_stem(file.stem)
    if parsed is None or not stem.side:
        raise ValueError(f"the name must end in _l or _r, got {file.stem[-12:]!r}")
    value = json.loads(file.read_bytes())
    if not (isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)):
        raise ValueError("must be a list with one object")
    record: dict[str, Any] = value[0]
    box = _numbers(record, "bbox", (1, 4))[0]
    exists = _numbers(record, "existence", (N_JOINTS,)) > 0
    occluded = _numbers(record, "occlusion", (N_JOINTS,)) > 0
    image = file.with_suffix(".jpg")
    split, source, subset = parsed
    return Hand(
        id=f"{folder.name}/{file.stem}",
        frame_id=file.stem[:-2],
        points=_numbers(record, "keypoints", (N_JOINTS, 2)),
        exists=exists,
        occluded=occluded & exists,  # HInt's own flags may say both; an absent joint is scored nowhere
        box=box,
        side=stem.side,
        source=source,
        split=split,
        subset=subset,
        video_id=stem.video_id,
        frame_index=stem.frame_index,
        image=image.relative_to(base).as_posix() if image.is_file() else "",
        state="submitted",
    )


def _numbers(record: dict[str, Any], field: str, shape: tuple[int, ...]) -> Any:
    if field not in record:
        raise ValueError(f"has no field {field!r}")
    value = np.array(record[field], dtype=np.float64)
    if value.shape != shape:
        raise ValueError(f"{field} must have shape {shape}, got {value.shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"{field} must be numbers, got NaN or infinity")
    if (np.abs(value) > FARTHEST).any():
        raise ValueError(f"{field} must be pixels, got {np.abs(value).max():g}")
    return value


def pair_record(hand: Hand) -> list[dict[str, Any]]:
    """The json content of one hand in HInt's layout; a point that is not known is written as 0, 0."""
    points = np.where(np.isfinite(hand.points), hand.points, 0.0)
    return [
        {
            "bbox": [hand.box.tolist()],
            "keypoints": points.tolist(),
            "existence": hand.exists.astype(int).tolist(),
            "occlusion": hand.occluded.astype(int).tolist(),
        }
    ]
