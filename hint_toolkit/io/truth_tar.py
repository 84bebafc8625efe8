"""Tar shards as truth: those of this toolkit, plain or for HaMeR, and HaMeR's own training shards.

A sample is the files that follow each other and share everything up to the first dot of their names, as WebDataset
has it. A `<key>.json` is a hand of this toolkit (`io.hand_json`), a `<key>.data.pyd` a list of hands as HaMeR reads
them (`io.hamer_record`). The archive and the pickle may come from strangers (`io.archives`, `io.safe_pickle`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.archives import LIMITS, Limits, members
from hint_toolkit.io.hamer_record import CROP, Person, read_person
from hint_toolkit.io.hand_json import parse_hand
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.safe_pickle import load_plain
from hint_toolkit.io.truth import Parsed
from hint_toolkit.issues import Issues
from hint_toolkit.joints import SIDES
from hint_toolkit.records import Hand, Hands

_SAMPLE = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)")
_SHARD = re.compile(r".+\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz)")
_FIRST = ("000000.tar", "no-picture-000000.tar")
_ORIGIN = re.compile(r"(?:(.*)[-_])?(train|training|val|valid|validation|test|eval|evaluation)", re.IGNORECASE)
_SPLITS = {"tr": "TRAIN", "va": "VAL", "te": "TEST", "ev": "TEST"}
_PICTURES = ("jpg", "jpeg", "png")
_WANTED = ("data.pyd", "json")
_LARGEST = 8 << 20
"""Bytes of annotations in one sample: some thousand hands."""
_NEXT = "see docs/tars.md for what is read"


@dataclass
class _Found:
    """What the warnings are about: numbers of hands and of samples."""

    pictures: int = 0
    foreign: int = 0
    changed: int = 0
    issues: Issues = field(default_factory=Issues)

    def warnings(self, file: str) -> Issues:
        if self.pictures:
            self.issues.warn(f"the pictures of {self.pictures} samples stay in the shards: hands have none", file=file)
        if self.foreign:
            text = f"occlusion is unknown: every labelled joint of {self.foreign} hands counts as visible"
            self.issues.warn(text, file=file, field="keypoints_2d")
            text = f"the box of {self.foreign} hands is the square that HaMeR cuts out, with room around the hand"
            self.issues.warn(f"{text}; a PCK by box is too mild", file=file, field="scale")
        if self.changed:
            text = f"{self.changed} hands have arrays that differ from what was written with them; the arrays are used"
            self.issues.warn(text, file=file, field="data.pyd")
        return self.issues


def tar_files(folder: Path) -> list[Path]:
    """The shards in a folder, in the order of their names.

    Of a release one format is enough: the plain shards, else those for HaMeR. Elsewhere the tars in the folder itself,
    or those of HaMeR's data sets below it; but none in a folder with HInt's folders, which came as a tar, too.
    """
    if release := sorted(folder.glob("webdataset/*.tar")) or sorted(folder.glob("hamer_tar/*/*.tar")):
        return release
    found = [path for path in folder.iterdir() if _SHARD.fullmatch(path.name) and path.is_file()]
    if not found:
        below = {first.parent for name in _FIRST for first in folder.glob(f"*/{name}")}
        found = [path for part in below for path in part.glob("*.tar")]
    if found and (parse_folder(folder.name) or any(parse_folder(path.name) for path in folder.rglob("*"))):
        return []
    return sorted(found)


def read_tar_truth(path: Path, limits: Limits = LIMITS) -> Parsed:
    """Hands of one tar, or of the shards in a folder.

    Pictures stay where they are: the `image` of every hand is empty. HaMeR's own shards hold neither occlusion nor
    boxes; what is assumed instead stands in the warnings.

    Args:
        path: a tar, plain or compressed, or a folder as in `tar_files`.
        limits: of the archives.

    Raises:
        InputError: a shard or a sample is damaged, hostile or holds something else, or there is no hand.
    """
    found = _Found()
    files = tar_files(path) if path.is_dir() else [path]
    hands = Hands.of(hand for file in files for hand in _hands(file, found, limits))
    if not len(hands):
        raise InputError("no sample in it holds a hand", where=str(path), next_step=_NEXT)
    return Parsed(hands, "tar shards", issues=found.warnings(path.name))


def _hands(file: Path, found: _Found, limits: Limits) -> Iterator[Hand]:
    """The hands of one shard; a member that holds none is named."""
    for key, suffix, data in _annotations(file, found, limits):
        try:
            if suffix == "json":
                yield replace(parse_hand(data), image="")
            else:
                yield from _persons(data, key, file, found)
        except ValueError as error:
            place = f"{file.name} > {key}.{suffix}"
            raise InputError("holds no hand", where=place, why=str(error), next_step=_NEXT) from error


def _annotations(file: Path, found: _Found, limits: Limits) -> Iterator[tuple[str, str, bytes]]:
    """Key, suffix and bytes of the annotations in a shard."""
    last, taken, pictured = "", "", ""
    for member in members(file, _wanted, limits):
        if not (name := _SAMPLE.fullmatch(member.name)):
            continue  # WebDataset passes over such names, too
        key, suffix = name[1], name[2].lower()
        if suffix in _PICTURES and pictured != key:
            pictured = key
            found.pictures += 1
        if member.data is None:
            continue
        if member.size > _LARGEST:
            raise InputError(f"is larger than {_LARGEST >> 20} MB", where=f"{file.name} > {member.name}")
        if key == last:
            both = f"has {taken} and {suffix}; only one of them can count"
            raise InputError(both, where=f"{file.name} > {key}", next_step=_NEXT)
        last, taken = key, suffix
        yield key, suffix, member.data


def _wanted(name: str) -> bool:
    parts = _SAMPLE.fullmatch(name)
    return parts is not None and parts[2].lower() in _WANTED


def _persons(data: bytes, key: str, file: Path, found: _Found) -> Iterator[Hand]:
    """The hands of one `data.pyd`."""
    listed = load_plain(data, records=True)
    if not isinstance(listed, list):
        raise ValueError(f"must be a list of dicts, got {type(listed).__name__}")
    for k, value in enumerate(listed):
        try:
            person = read_person(value)
        except ValueError as error:
            raise ValueError(f"entry {k}: {error}") from None
        if person.hand is None:
            found.foreign += 1
            hand = _foreign(person, key, f"#{k}" if len(listed) > 1 else "", file)
        elif person.changed:
            found.changed += 1
            hand = _changed(person, person.hand)
        else:
            hand = person.hand
        stated = parse_stem(hand.id.rsplit("/", 1)[-1].split("#")[0]).side
        if stated in SIDES and stated != hand.side:
            found.issues.warn(f"says {hand.side}, the name says {stated}", file=file.name, id=hand.id, field="right")
        yield hand


def _foreign(person: Person, key: str, number: str, file: Path) -> Hand:
    """A hand that only HaMeR's keys describe; its id is the sample's key, folder and stem."""
    folder, _, stem = "/".join(key.split("/")[-2:]).rpartition("/")
    split, source, subset = parse_folder(folder) or _origin(file)
    facts = parse_stem(stem)
    confidence, half = person.confidence, person.crop / 2
    graded = bool(((confidence > 0) & (confidence < 1)).any() and (confidence <= 1).all() and (confidence >= 0).all())
    return Hand(
        id=(f"{folder}/{stem}" if folder else stem) + number,
        frame_id=stem[:-2] if facts.side else stem,
        points=person.points,
        exists=person.labelled,
        occluded=np.zeros_like(person.labelled),
        score=confidence if graded else np.full_like(confidence, np.nan),
        box=np.concatenate([person.center - half, person.center + half]),
        side="right" if person.right else "left",
        source=source,
        split=split,
        subset=subset,
        video_id=facts.video_id,
        frame_index=facts.frame_index,
        state="submitted",
    )


def _origin(file: Path) -> tuple[str, str, str]:
    """Split, source and subset from names like `freihand-train/000000.tar` or `mine_val.tar`; TEST if they say none."""
    whole = file.resolve()
    name = whole.parent.name if whole.name[:1].isdigit() else whole.name.partition(".")[0]
    said = _ORIGIN.fullmatch(name)
    return (_SPLITS[said[2][:2].lower()], said[1] or "", "img") if said else ("TEST", name, "img")


def _changed(person: Person, hand: Hand) -> Hand:
    """Our hand with what somebody set anew in the arrays."""
    half = person.crop / CROP / 2
    return replace(
        hand,
        points=np.where(person.labelled[:, None], person.points, hand.points),
        exists=person.labelled,
        occluded=hand.occluded & person.labelled,
        box=np.concatenate([person.center - half, person.center + half]),
        side="right" if person.right else "left",
    )
