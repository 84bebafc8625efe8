"""HaMeR's evaluation npz as truth: `TEST_{newdays,epick,ego4d}_img_{all,vis,occ}.npz`.

Keys (HaMeR's `ImageDataset`): imgname, center (N, 2), scale (N,) or (N, 2) in pixels, right, hand_keypoints_2d
(N, 21, 3), whose third number counts as a label above 0.5. The three files of a folder differ in that number
only, so `all` says which joints exist, `occ` which of them are occluded, and `vis` must be the rest. Files of
`export/hamer_npz.py` lie in a folder `hamer_npz` with their pictures, and may have a further array, `hint_id`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import folder_name, parse_folder, parse_stem
from hint_toolkit.io.npz import read_npz, texts
from hint_toolkit.io.truth import FARTHEST, Parsed, blank_columns, id_of_picture
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS, SIDES
from hint_toolkit.records import Hands

NPZ_FOLDER = "hamer_npz"
NPZ_PICTURES = "images"
"""In that folder: `images/<folder>/<imgname>`."""
NAME = re.compile(r"(?P<group>.+)_(?P<subset>all|vis|occ)")
_KEYS = ("imgname", "center", "scale", "right", "hand_keypoints_2d")
_IDS = "hint_id"
_LABELLED = 0.5
_SAME = 1e-3  # pixels; the files hold float32
_NEXT = "pass HaMeR's evaluation npz as they were published"


@dataclass(frozen=True)
class _Table:
    """One npz: ids, pictures (N texts), center (N, 2), scale (N,), right (N,), points (N, 21, 2), labelled (N, 21)."""

    ids: list[str]
    pictures: list[str]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    right: NDArray[np.bool_]
    points: NDArray[np.float64]
    labelled: NDArray[np.bool_]


def npz_files(folder: Path) -> list[Path]:
    """The evaluation npz in a folder, else in its `hamer_npz`, by their names."""
    found = [
        [path for path in here.glob("*.npz") if NAME.fullmatch(path.stem)] for here in (folder, folder / NPZ_FOLDER)
    ]
    return sorted(found[0] or found[1])


def read_npz_truth(path: Path) -> Parsed:
    """One npz, or all evaluation npz of a folder.

    Raises:
        InputError: not an npz, a key is missing or has another shape, or a hand stands there twice.
    """
    issues, groups = Issues(), dict[str, dict[str, _Table]]()
    for file in [path] if path.is_file() else npz_files(path):
        found = NAME.fullmatch(file.stem)
        group, subset = (found["group"], found["subset"]) if found else (file.stem, "all")
        groups.setdefault(group, {})[subset] = _read(file, group)
    parts = [_merged(group, tables, issues) for group, tables in groups.items()]
    hands = _with_pictures(Hands.concat(part for part, _ in parts), path)
    return Parsed(hands, "HaMeR npz", np.concatenate([scale for _, scale in parts]), issues=issues)


def _read(path: Path, group: str) -> _Table:
    arrays = read_npz(path, (*_KEYS, _IDS))
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise InputError(f"has no array {', '.join(missing)}", where=path.name, next_step=_NEXT)
    pictures = _texts(arrays, "imgname", path)
    n = len(pictures)
    center = _column(arrays, "center", path, [(n, 2)])
    scale = _column(arrays, "scale", path, [(n,), (n, 1), (n, 2)])
    scale = scale.max(axis=1) if scale.ndim == 2 else scale
    right = _column(arrays, "right", path, [(n,), (n, 1)]).reshape(n)
    keypoints = _column(arrays, "hand_keypoints_2d", path, [(n, N_JOINTS, 3)])
    ids = _texts(arrays, _IDS, path) if _IDS in arrays else _unique_ids(pictures, group if parse_folder(group) else "")
    if len(ids) != n:
        raise InputError(f"must have {n} texts, got {len(ids)}", where=f"{path.name} > {_IDS}", next_step=_NEXT)
    _check(path, ids, scale > 0, "scale", "must be positive pixels")
    _check(path, ids, (right == 0) | (right == 1), "right", "must be 0 or 1")
    labelled = keypoints[:, :, 2] > _LABELLED
    return _Table(ids, pictures, center, scale, right == 1, keypoints[:, :, :2], labelled)


def _texts(arrays: dict[str, NDArray[Any]], key: str, path: Path) -> list[str]:
    try:
        return texts(arrays[key])
    except ValueError as error:
        raise InputError(str(error), where=f"{path.name} > {key}", next_step=_NEXT) from error


def _with_pictures(hands: Hands, path: Path) -> Hands:
    """In a `hamer_npz`, pictures are named by where they lie, or not at all; elsewhere nobody knows where they are."""
    root = path.parent if path.is_file() else path
    base = "" if root.resolve().name == NPZ_FOLDER else f"{NPZ_FOLDER}/"
    if base and not (root / NPZ_FOLDER).is_dir():
        return hands
    groups = map(folder_name, hands.split, hands.source, hands.subset)
    names = [f"{base}{NPZ_PICTURES}/{group}/{name}" for group, name in zip(groups, hands.image, strict=True)]
    return hands.replace(image=[name if (root / name).is_file() else "" for name in names]) if names else hands


def _column(arrays: dict[str, NDArray[Any]], key: str, path: Path, shapes: list[tuple[int, ...]]) -> Any:
    """A numeric array of one of the shapes, finite and within any picture."""
    try:
        value = arrays[key].astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError("must be numbers", where=f"{path.name} > {key}", next_step=_NEXT) from error
    if value.shape not in shapes:
        wanted = f"must have shape {' or '.join(map(str, shapes))}, got {value.shape}"
        raise InputError(wanted, where=f"{path.name} > {key}", next_step=_NEXT)
    if value.size and not (np.abs(value) <= FARTHEST).all():
        raise InputError("must be finite pixels", where=f"{path.name} > {key}", next_step=_NEXT)
    return value


def _unique_ids(pictures: list[str], folder: str) -> list[str]:
    """Ids of the rows; hands that share a picture get `#0`, `#1`, .. in the order of the file."""
    plain = [id_of_picture(name, folder) for name in pictures]
    total: dict[str, int] = {}
    for name in plain:
        total[name] = total.get(name, 0) + 1
    seen: dict[str, int] = {}
    result = []
    for name in plain:
        seen[name] = seen.get(name, -1) + 1
        result.append(name if total[name] == 1 else f"{name}#{seen[name]}")
    return result


def _check(path: Path, ids: list[str], good: Any, field: str, text: str) -> None:
    issues = Issues()
    for i in np.flatnonzero(~np.asarray(good)):
        issues.error(text, file=path.name, id=ids[i], field=field)
    issues.raise_errors(_NEXT)


def _merged(group: str, tables: dict[str, _Table], issues: Issues) -> tuple[Hands, NDArray[np.float64]]:
    """Hands and their scale from the files of one folder; contradictions and assumptions go to `issues`."""
    base = tables.get("all") or tables.get("vis") or tables["occ"]
    visible = _flags(group, "vis", base, tables, issues)
    occluded = _flags(group, "occ", base, tables, issues)
    exists = base.labelled
    if "all" not in tables:
        exists = np.logical_or.reduce([flags for flags in (visible, occluded) if flags is not None])
        issues.warn("is not there: only the joints of the other files exist", file=f"{group}_all.npz")
    if occluded is None and visible is not None and "all" in tables:
        occluded = exists & ~visible
    if occluded is None:
        issues.warn(
            "occlusion is unknown without the _occ file: every joint counts as visible", file=f"{group}_occ.npz"
        )
        occluded = np.zeros_like(exists)
    elif visible is not None:
        wrong = (exists != (visible | occluded)) | (visible & occluded)
        for i in np.flatnonzero(wrong.any(axis=1)):
            text = f"vis and occ do not split all: joints {np.flatnonzero(wrong[i]).tolist()}; all and occ decide"
            issues.warn(text, file=group, id=base.ids[i], field="hand_keypoints_2d")
    return _hands(group, base, exists, occluded & exists, issues), base.scale


def _flags(
    group: str, subset: str, base: _Table, tables: dict[str, _Table], issues: Issues
) -> NDArray[np.bool_] | None:
    """(N, 21) labels of one file in the order of `base`, joined by id; None without that file."""
    table = tables.get(subset)
    if table is None:
        return None
    position = {name: i for i, name in enumerate(table.ids)}
    file = f"{group}_{subset}.npz"
    for name in sorted(set(table.ids) - set(base.ids)):
        issues.warn("stands there, but not in the _all file; it is left out", file=file, id=name)
    flags = np.zeros_like(base.labelled)
    for i, name in enumerate(base.ids):
        j = position.get(name, -1)
        if j < 0:
            continue  # a hand without such a joint may be left out of the file
        flags[i] = table.labelled[j]
        moved = base.labelled[i] & flags[i] & (np.abs(base.points[i] - table.points[j]) > _SAME).any(axis=1)
        for field, different in (
            ("hand_keypoints_2d", moved.any()),
            ("center", (np.abs(base.center[i] - table.center[j]) > _SAME).any()),
            ("scale", abs(base.scale[i] - table.scale[j]) > _SAME),
            ("right", base.right[i] != table.right[j]),
        ):
            if different:
                issues.warn("differs from the _all file, which is used", file=file, id=name, field=field)
    return flags


def _hands(group: str, base: _Table, exists: Any, occluded: Any, issues: Issues) -> Hands:
    """Hands with the square box of side `scale` around `center`."""
    n = len(base.ids)
    split, source, subset = parse_folder(group) or ("TEST", group, "img")
    stems = [parse_stem(name.rsplit("/", 1)[-1].split("#")[0]) for name in base.ids]
    side = np.where(base.right, "right", "left")
    for i in np.flatnonzero([stem.side in SIDES and stem.side != s for stem, s in zip(stems, side, strict=True)]):
        issues.warn(f"says {side[i]}, the name says {stems[i].side}", file=group, id=base.ids[i], field="right")
    half = base.scale[:, None] / 2
    columns = blank_columns(n)
    columns |= {"id": base.ids, "frame_id": [_frame(name) for name in base.ids], "points": base.points}
    columns |= {"exists": exists, "occluded": occluded, "side": side.astype(object), "image": base.pictures}
    columns |= {"box": np.concatenate([base.center - half, base.center + half], axis=1)}
    columns |= {"source": [source] * n, "split": [split] * n, "subset": [subset] * n}
    columns |= {"video_id": [s.video_id for s in stems], "frame_index": [s.frame_index for s in stems]}
    return Hands(columns)


def _frame(name: str) -> str:
    stem = name.rsplit("/", 1)[-1].split("#")[0]
    return stem[:-2] if parse_stem(stem).side else stem
