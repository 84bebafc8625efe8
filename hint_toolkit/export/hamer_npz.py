"""HaMeR's evaluation npz: `hamer_npz/TEST_newdays_img_{all,vis,occ}.npz`, a trio for every folder of hands.

What the three share: imgname (`<stem>.jpg`), center (N, 2), scale (N,), right (N,), hand_keypoints_2d (N, 21, 3).
All hands stand in each; only the third number of a keypoint differs. It is 1 where the joint exists (`all`), exists
and is not occluded (`vis`), exists and is occluded (`occ`), else 0; the joint's place is kept either way. Pictures go
to `hamer_npz/images/<folder>/`, the `IMG_DIR` of the trio.

    center = ((x1 + x2) / 2, (y1 + y2) / 2)      scale = max(x2 - x1, y2 - y1)

in pixels of the picture, from the annotated box: the normaliser `bbox-max` of `protocol.py`. HaMeR divides `scale` by
200 on reading, crops 2 * scale around `center`, and divides errors by `scale`. How the published files were made is
stated nowhere (github.com/geopavlakos/hamer, issue 107); `hint-eval normaliser` compares, for who has them.

Facts: HaMeR's `ImageDataset` (hamer/datasets/image_dataset.py) and datasets_eval.yaml. It loads with pickles allowed,
but text is plain unicode here, so that nobody has to. Numbers are float64, because float32 moves a point of a 4K
picture by up to 1e-4 pixels. An id that is not `<folder>/<stem>` is kept in a further array, `hint_id`.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.export.base import Dataset, ExportOptions, safe_name
from hint_toolkit.geometry import finite
from hint_toolkit.io.hint_names import folder_name, parse_folder
from hint_toolkit.io.truth import id_of_picture
from hint_toolkit.io.truth_npz import NPZ_FOLDER, NPZ_PICTURES
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

SUBSETS = ("all", "vis", "occ")
_ROW = np.dtype(
    [
        ("center", "<f8", (2,)),
        ("scale", "<f8"),
        ("right", "<f4"),
        ("points", "<f8", (N_JOINTS, 2)),
        ("exists", "?", (N_JOINTS,)),
        ("occluded", "?", (N_JOINTS,)),
    ]
)
_CHUNK = 4096
"""Rows in memory at a time when an array is written."""
Chunks = Iterator[NDArray[Any]]


@dataclass
class _Folder:
    """The hands of one folder: rows in a file on their way, names in memory (about 150 bytes a hand)."""

    spool: Path
    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write a trio for every (split, source, subset), and the pictures that may go along.

    Raises:
        InputError: a hand without box or with an existing joint without coordinates, a folder that HInt could not
            name, two hands of one name in a folder, or a missing picture.
    """
    root = target / NPZ_FOLDER
    root.mkdir(parents=True, exist_ok=True)
    folders: dict[str, _Folder] = {}
    issues = Issues()
    try:
        for batch in dataset.batches():
            _check(batch, issues)
            _spool(batch, root, folders)
            for hand_id, group, image in zip(batch.id, _groups(batch), batch.image, strict=True):
                if image:
                    dataset.pictures.place(image, root / NPZ_PICTURES / group / _imgname(hand_id))
        issues.raise_errors("correct these hands, or leave them out")
        for group, folder in folders.items():
            _write_trio(root, group, folder)
    finally:
        for folder in folders.values():
            folder.spool.unlink(missing_ok=True)


def _groups(batch: Hands) -> list[str]:
    return [folder_name(*parts) for parts in zip(batch.split, batch.source, batch.subset, strict=True)]


def _imgname(hand_id: str) -> str:
    return f"{hand_id.rsplit('/', 1)[-1]}.jpg"


def _check(batch: Hands, issues: Issues) -> None:
    size = batch.box[:, 2:] - batch.box[:, :2]
    for hand_id in batch.id[~(np.isfinite(batch.box).all(axis=1) & (size >= 0).all(axis=1) & (size > 0).any(axis=1))]:
        issues.error("has no box, or one without size", id=hand_id, field="box")
    for hand_id in batch.id[(batch.exists & ~finite(batch.points)).any(axis=1)]:
        issues.error("has a joint that exists without coordinates", id=hand_id, field="points")


def _spool(batch: Hands, root: Path, folders: dict[str, _Folder]) -> None:
    rows = np.zeros(len(batch), _ROW)
    rows["center"] = (batch.box[:, :2] + batch.box[:, 2:]) / 2
    rows["scale"] = (batch.box[:, 2:] - batch.box[:, :2]).max(axis=1)
    rows["right"] = batch.side == "right"
    rows["points"] = np.where(np.isfinite(batch.points), batch.points, 0.0)
    rows["exists"], rows["occluded"] = batch.exists, batch.occluded
    groups = np.array(_groups(batch), dtype=object)
    for group in sorted(set(groups.tolist())):
        if group not in folders:
            _check_group(group, batch.take(groups == group))
            folders[group] = _Folder(root / f".{group}.rows")
        folder, here = folders[group], groups == group
        with folder.spool.open("ab") as handle:
            handle.write(rows[here].tobytes())
        folder.ids += batch.id[here].tolist()
        folder.names += map(_imgname, batch.id[here].tolist())


def _check_group(group: str, hands: Hands) -> None:
    """A folder's name must say split, source and subset again."""
    said = (hands.split[0], hands.source[0], hands.subset[0])
    if "/" in group or not safe_name(group) or parse_folder(group) != said:
        wanted = "split must be TRAIN, VAL or TEST, subset img or seq, source a word"
        raise InputError(f"cannot name a folder of HInt: {one_line(repr(group))}", where=hands.id[0], why=wanted)


def _write_trio(root: Path, group: str, folder: _Folder) -> None:
    if len(set(folder.names)) < len(folder.names):
        twice = next(name for name in folder.names if folder.names.count(name) > 1)
        raise InputError(f"names two hands of {group}", where=twice, next_step="give hands of a folder different stems")
    n = len(folder.names)
    rows = np.memmap(folder.spool, _ROW, "r", shape=(n,))

    def chunks(of: Callable[[Any], Any]) -> Chunks:
        for start in range(0, n, _CHUNK):
            yield np.asarray(of(rows[start : start + _CHUNK]))

    for subset in SUBSETS:
        with zipfile.ZipFile(root / f"{group}_{subset}.npz", "w") as archive:
            _write_texts(archive, "imgname", folder.names)
            _write_array(archive, "center", "<f8", (n, 2), chunks(lambda part: part["center"]))
            _write_array(archive, "scale", "<f8", (n,), chunks(lambda part: part["scale"]))
            _write_array(archive, "right", "<f4", (n,), chunks(lambda part: part["right"]))
            labelled = chunks(lambda part, subset=subset: _keypoints(part, subset))  # type: ignore[misc]
            _write_array(archive, "hand_keypoints_2d", "<f8", (n, N_JOINTS, 3), labelled)
            if folder.ids != [id_of_picture(name, group) for name in folder.names]:
                _write_texts(archive, "hint_id", folder.ids)


def _keypoints(rows: Any, subset: str) -> NDArray[np.float64]:
    """(n, 21, 3) x, y, and whether the joint counts in this file."""
    flags = {"all": rows["exists"], "vis": rows["exists"] & ~rows["occluded"], "occ": rows["occluded"]}[subset]
    return np.concatenate([rows["points"], flags[:, :, None]], axis=2, dtype=np.float64)


def _write_texts(archive: zipfile.ZipFile, name: str, texts: list[str]) -> None:
    kind = f"<U{max(map(len, texts))}"
    parts = (np.array(texts[start : start + _CHUNK], kind) for start in range(0, len(texts), _CHUNK))
    _write_array(archive, name, kind, (len(texts),), parts)


def _write_array(archive: zipfile.ZipFile, name: str, kind: str, shape: tuple[int, ...], chunks: Chunks) -> None:
    """One array, uncompressed as `numpy.savez` does it; the date in the zip is its first (1980), never the clock's."""
    info = zipfile.ZipInfo(f"{name}.npy")
    info.create_system = 3  # the same bytes on every system
    numpy_format: Any = np.lib.format  # numpy ships it without types
    with archive.open(info, "w", force_zip64=True) as handle:
        numpy_format.write_array_header_1_0(handle, {"descr": kind, "fortran_order": False, "shape": shape})
        for chunk in chunks:
            handle.write(np.ascontiguousarray(chunk, kind).tobytes())
