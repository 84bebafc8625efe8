"""Hands to learn from out of every dataset that can be one.

- Parquet releases, HInt's folders and every other truth with pictures on disk (`io.release.read_truth`): 2D points.
- Tar shards, of this toolkit or HaMeR's own (docs/tars.md): pictures are found again by their place in the archive, so
  a shard must not be compressed. HaMeR's may hold 3D joints, pose and shape.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import finite
from hint_toolkit.io.archives import Member, is_tar, members
from hint_toolkit.io.hamer_record import CROP, Person, read_person, read_targets
from hint_toolkit.io.hand_json import parse_hand
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.safe_pickle import load_plain
from hint_toolkit.io.truth_tar import tar_files
from hint_toolkit.models.training.examples import Examples, Picture, Rows
from hint_toolkit.records import Hand

_PICTURES: Final = ("jpg", "jpeg", "png")
_LABELS: Final = ("data.pyd", "json")
_NEXT: Final = "see docs/training.md for what can be learned from"
_LARGEST: Final = 8 << 20
"""Bytes of annotations in one sample."""


def read_examples(path: Path, *, split: str = "", occluded: float = 1.0) -> Examples:
    """The hands of a dataset.

    Args:
        path: a release, HInt's folders, tar shards or a folder of them.
        split: only hands of this split, where they state one; "" takes all.
        occluded: confidence of a joint that exists and is hidden, where that is known; 0 leaves them out.

    Raises:
        InputError: nothing there, no hand of the split, a picture is missing, or a file is damaged; names it.
    """
    files = _shards(path)
    rows, splits = Rows(), set[str]()
    if files:
        for file in files:
            _add_shard(rows, file, split, occluded, splits)
    else:
        _add_truth(rows, path, split, occluded, splits)
    if not len(rows):
        there = f"those there are {', '.join(sorted(splits))}" if splits else ""
        what = f"holds no hands of the split {split} with a picture" if split else "holds no hands with a picture"
        raise InputError(what, where=str(path), why=there, next_step=_NEXT)
    return rows.finish()


def _shards(path: Path) -> list[Path]:
    """The tars that a path stands for, [] if it is something else."""
    if path.is_dir():
        # A release may hold Parquet beside its shards; then its pictures are on disk, and Parquet is read.
        return [] if list(path.glob("hands*.parquet")) else tar_files(path)
    if not path.is_file():
        raise InputError("no such dataset", where=str(path), next_step=_NEXT)
    with path.open("rb") as handle:
        return [path] if is_tar(handle.read(512)) else []


def _add_truth(rows: Rows, path: Path, split: str, occluded: float, splits: set[str]) -> None:
    truth = read_truth(path)
    for hand in truth.hands:
        splits.add(hand.split)
        if (split and hand.split != split) or not hand.image or not _has_box(hand):
            continue
        picture = truth.image_root / hand.image
        if not picture.is_file():
            raise InputError("the picture is missing", where=str(picture), next_step="fetch it, or leave the hand out")
        _add_hand(rows, hand, Picture(picture), occluded)


def _add_hand(rows: Rows, hand: Hand, picture: Picture, occluded: float) -> None:
    """A hand of this toolkit: 2D only, a square of twice the box's longer side."""
    known = hand.exists & finite(hand.points)
    sure = np.where(hand.occluded, occluded, 1.0) * known
    points = np.concatenate([np.where(known[:, None], hand.points, 0.0), sure[:, None]], axis=1)
    side = CROP * float((hand.box[2:] - hand.box[:2]).max())
    center = (hand.box[:2] + hand.box[2:]) / 2
    rows.add(hand.id, picture, points=points, center=center, size=side, right=hand.side == "right")


def _has_box(hand: Hand) -> bool:
    return bool(np.isfinite(hand.box).all() and (hand.box[2:] > hand.box[:2]).all())


def _add_shard(rows: Rows, file: Path, split: str, occluded: float, splits: set[str]) -> None:
    for key, suffix, data, picture in _samples(file):
        try:
            if suffix == "json":
                hand = parse_hand(data)
                splits.add(hand.split)
                if _has_box(hand) and split in ("", hand.split):
                    _add_hand(rows, hand, picture, occluded)
            else:
                _add_persons(rows, data, key, picture, split, occluded, splits)
        except ValueError as error:
            raise InputError("holds no hand", where=f"{file.name} > {key}", why=str(error), next_step=_NEXT) from error


def _add_persons(
    rows: Rows, data: bytes, key: str, picture: Picture, split: str, occluded: float, splits: set[str]
) -> None:
    listed = load_plain(data, records=True)
    if not isinstance(listed, list):
        raise ValueError(f"must be a list of dicts, got {type(listed).__name__}")
    for k, value in enumerate(listed):
        person, targets = read_person(value), read_targets(value)
        if person.hand is not None:
            splits.add(person.hand.split)
            if split not in ("", person.hand.split):
                continue
        rows.add(
            person.hand.id if person.hand is not None else f"{key}#{k}",
            picture,
            points=np.concatenate([person.points, _sure(person, occluded)[:, None]], axis=1),
            center=person.center,
            size=person.crop,
            right=person.right,
            joints=targets.joints,
            pose=targets.pose,
            betas=targets.betas,
            has_pose=targets.has_pose,
            has_betas=targets.has_betas,
            reprojection=targets.reprojection,
        )


def _sure(person: Person, occluded: float) -> Any:
    """(21,) confidences; those of joints that our own label calls hidden are weighed."""
    if person.hand is None or person.changed:
        return person.confidence
    return person.confidence * np.where(person.hand.occluded, occluded, 1.0)


def _samples(file: Path) -> Iterator[tuple[str, str, bytes, Picture]]:
    """Key, suffix and bytes of the annotations, and the picture, of every sample of a shard that has both."""
    key, label, picture = "", ("", b""), None
    for member in members(file, lambda name: _split(name)[1] in _LABELS):
        if member.begin < 0:
            raise InputError("is compressed", where=str(file), next_step="unpack it to a plain .tar to learn from it")
        found, suffix = _split(member.name)
        if found != key:
            if picture is not None and label[0]:
                yield key, *label, picture
            key, label, picture = found, ("", b""), None
        if suffix in _PICTURES:
            picture = Picture(file, member.begin, member.size)
        elif suffix in _LABELS:
            label = suffix, _checked(member, file)
    if picture is not None and label[0]:
        yield key, *label, picture


def _checked(member: Member, file: Path) -> bytes:
    if member.size > _LARGEST or member.data is None:
        raise InputError(f"is larger than {_LARGEST >> 20} MB", where=f"{file.name} > {member.name}")
    return member.data


def _split(name: str) -> tuple[str, str]:
    """Key and suffix: a key ends at the first dot of a name, as WebDataset has it."""
    folder, slash, last = name.rpartition("/")
    stem, _, suffix = last.partition(".")
    return folder + slash + stem, suffix.lower()
