"""Truth from disk: our own release, one Parquet file, or the HInt release folders."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.parquet import read_hands
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand, Hands

HANDS_FILE = "hands.parquet"
MANIFEST_FILE = "release.json"
LATEST = "latest"
"""A text file in a folder of releases that holds the name of the newest."""


@dataclass(frozen=True)
class Truth:
    """Hands to score against.

    Attributes:
        hands: ids are `<folder>/<stem>`, e.g. `TEST_newdays_img/ND_..._r`.
        path: where they were read.
        image_root: folder that the `image` column is relative to.
        version: content hash.
        scale: (N,) pixels, the `scale` column of HaMeR's evaluation npz where the truth is one; else None.
    """

    hands: Hands
    path: Path
    image_root: Path
    version: str
    scale: NDArray[np.float64] | None = None


def content_hash(hands: Hands) -> str:
    """Version of a set of hands: sha256 of ids, sides, boxes, points and flags, whatever their order.

    All NaN are one NaN, and -0.0 is 0.0; pixels and provenance are not part of it. An absent joint without a
    point is the same whether it is written as NaN (Parquet) or as 0, 0 (HInt's json has no NaN).
    """
    digest = hashlib.sha256()
    ordered = hands.sorted()
    for name in ("id", "side"):
        digest.update("\n".join(getattr(ordered, name)).encode() + b"\0")
    nowhere = ~ordered.exists & (ordered.points == 0).all(axis=2)
    points = np.where(nowhere[:, :, None], np.nan, ordered.points)
    for values in (ordered.box + 0.0, points + 0.0):
        digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    for name in ("exists", "occluded"):
        digest.update(np.packbits(getattr(ordered, name)).tobytes())
    return digest.hexdigest()


def read_truth(path: Path) -> Truth:
    """Read a release folder of this toolkit, a Parquet file of hands, or HInt's folders.

    Raises:
        InputError: nothing there that is truth, or it is damaged or contradicts itself; names file and field.
    """
    if path.is_file():
        hands = read_hands(path)
        root = path.parent
    elif (path / HANDS_FILE).is_file():
        hands = read_hands(path / HANDS_FILE)
        root = path
    elif path.is_dir():
        hands = read_hint_folders(path)
        root = path
    else:
        raise InputError("no such file or folder", where=str(path), next_step="pass --gt RELEASE")
    _check_unique(hands, str(path))
    return Truth(hands, path, root, content_hash(hands))


def _check_unique(hands: Hands, where: str) -> None:
    ids, counts = np.unique(hands.id.astype(str), return_counts=True)
    issues = Issues()
    for hand_id in ids[counts > 1]:
        issues.error("stands there more than once", file=where, id=hand_id)
    issues.raise_errors()


def read_hint_folders(root: Path) -> Hands:
    """Every hand of a HInt release, or of one of its folders; jpg files are optional.

    Raises:
        InputError: no hand there, or json files that are not HInt's; the first five are named.
    """
    folders = [root] if parse_folder(root.name) else sorted(p for p in root.rglob("*") if parse_folder(p.name))
    base = root.parent if parse_folder(root.name) else root
    issues, hands = Issues(), []
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            try:
                hands.append(_read_pair(file, base))
            except (ValueError, KeyError, TypeError, IndexError, OSError) as error:
                issues.error(str(error), file=f"{folder.name}/{file.name}")
    if not hands and not issues:
        raise InputError(
            "holds no hands",
            where=str(root),
            why=f"looked for {HANDS_FILE} and for folders like TEST_newdays_img with json files",
        )
    issues.raise_errors()
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
    value = json.loads(file.read_text(encoding="utf-8"))
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


def latest_release(folder: Path) -> Path | None:
    """The newest release in a folder of releases, or None."""
    pointer = folder / LATEST
    if not pointer.is_file():
        return None
    release = folder / Path(pointer.read_text("utf-8").strip()).name
    return release if release.is_dir() else None
