"""The files of a dataset as they lie there: names, links, pairs, pictures, and what its manifest says of them."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_counts import count_note
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.images import read_image
from hint_toolkit.io.picture_size import PictureFacts, picture_facts
from hint_toolkit.io.release import MANIFEST_FILE, hand_files
from hint_toolkit.io.truth import PICTURES
from hint_toolkit.io.truth_hint import Pair
from hint_toolkit.issues import Level
from hint_toolkit.quality.codes import KINDS
from hint_toolkit.quality.labels import printable

_SHARD = re.compile(r"hands-(\d+)(?:-of-(\d+))?\.parquet")
_PICTURE_CODES = {
    "missing": ("picture-missing", "is not there"),
    "empty": ("picture-empty", "has no bytes"),
    "unknown": ("picture-unknown", "is neither JPEG nor PNG, or its size cannot be read"),
    "truncated": ("picture-truncated", "has no end marker"),
}


@dataclass(frozen=True, order=True)
class Finding:
    """One contradiction and its place. Sorts by level (errors first), code, file, id, field, text."""

    level: Level
    code: str
    file: str
    id: str
    field: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Plain dict for `--json`."""
        return {name: getattr(self, name) for name in ("code", "level", "file", "id", "field", "text")}

    @property
    def place(self) -> str:
        """`id > field`, or the file where the id says nothing more."""
        where = self.id or self.file
        return f"{where} > {self.field}" if self.field and where else where or self.text


@dataclass
class Findings:
    """A growing list of findings; texts come out printable, whatever the names in them."""

    found: list[Finding] = field(default_factory=list)

    def add(self, code: str, text: str, *, file: str = "", id: str = "", field: str = "") -> None:
        """Add one; its level is that of its code."""
        self.found.append(Finding(KINDS[code].level, code, shown(file), shown(id), field, shown(text)))


def shown(text: str) -> str:
    """The text with everything that cannot be printed written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class PictureShelf:
    """The pictures of a dataset, each looked at once and complained about once."""

    def __init__(self, root: Path, findings: Findings, *, decode: bool) -> None:
        """Pictures are named relative to `root`; `decode` decodes each one fully (needs OpenCV)."""
        self._root, self._findings, self._decode = root, findings, decode
        self._inside = str(root.resolve())
        self._known: dict[str, PictureFacts] = {}
        self._folders: dict[str, bool] = {}

    def sizes(self, images: NDArray[np.object_]) -> NDArray[np.int64]:
        """(N, 2) width and height of the pictures, 0 where there is none or it cannot be read."""
        return np.array([self.facts(image)[1:] if image else (0, 0) for image in images], np.int64).reshape(-1, 2)

    def facts(self, image: str) -> PictureFacts:
        """State and size of one picture."""
        if image not in self._known:
            self._known[image] = self._look(image)
        return self._known[image]

    def _look(self, image: str) -> PictureFacts:
        if not self._stays(image):
            self._findings.add("leads-outside", "lies outside the dataset; it was not read", file=image)
            return PictureFacts("missing")
        facts = picture_facts(self._root / image)
        if facts.state in _PICTURE_CODES:
            code, text = _PICTURE_CODES[facts.state]
            self._findings.add(code, text, file=image)
        elif self._decode:
            try:
                read_image(self._root / image)
            except InputError as error:
                self._findings.add("picture-undecodable", error.what, file=image)
        return facts

    def _stays(self, image: str) -> bool:
        """Whether the path, all links followed, lies below the root."""
        if "\0" in image:
            return True  # no file can have this name: it is missing
        folder, name = os.path.split(os.path.join(self._inside, image))
        if folder not in self._folders:
            self._folders[folder] = _below(os.path.realpath(folder), self._inside)
        path = os.path.join(folder, name)
        return _below(os.path.realpath(path), self._inside) if os.path.islink(path) else self._folders[folder]


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def scan_pairs(root: Path, base: Path, shelf: PictureShelf, findings: Findings) -> list[Pair]:
    """Walk the HInt folders below `root` (or `root` itself) and name what is wrong with their files.

    Args:
        root: as in `io.truth_hint.list_pairs`.
        base: folder that pictures are named relative to.
        shelf: looks at pictures that belong to no hand.
        findings: grows.

    Returns:
        the pairs that can be read, in the order of their ids.
    """
    pairs: list[Pair] = []
    for folder in _hint_folders(root, findings):
        stems, pictures = _scan_folder(folder, base, findings)
        for stem in sorted(pictures.keys() - stems):
            findings.add("jpg-without-json", "has no json beside it", file=f"{folder.name}/{stem}{pictures[stem]}")
            shelf.facts(f"{folder.relative_to(base).as_posix()}/{stem}{pictures[stem]}")
        for stem in sorted(stems - pictures.keys()):
            name = f"{folder.name}/{stem}"
            findings.add("json-without-jpg", "has no jpg beside it", file=f"{name}.json", id=name)
        if note := count_note(folder.name, len(stems)):
            findings.add("folder-count", note, file=folder.name)
        for stem in stems:
            if parse_stem(stem).side:
                pairs.append(Pair(str(folder), stem, pictures.get(stem, "")))
            else:
                name = f"{folder.name}/{stem}.json"
                findings.add("no-side", "the name must end in _l or _r; the hand was not read", file=name)
    return sorted(pairs, key=lambda pair: (pair.id, pair.folder))


def _hint_folders(root: Path, findings: Findings) -> list[Path]:
    if parse_folder(root.name):
        return [root]
    found: list[Path] = []
    for here, folders, _ in os.walk(root):
        inner = sorted(name for name in folders if parse_folder(name))
        for name in inner:
            path = Path(here) / name
            if path.is_symlink() and not _below(str(path.resolve()), str(root.resolve())):
                findings.add("leads-outside", f"is a link to {path.resolve()}; it was not read", file=name)
            else:
                found.append(path)
        folders[:] = sorted(set(folders) - set(inner))
    return found


def _scan_folder(folder: Path, base: Path, findings: Findings) -> tuple[set[str], dict[str, str]]:
    """Stems of json files, and of pictures with their suffix; what else lies there is named."""
    stems, pictures = set[str](), dict[str, list[str]]()
    inside = str(base.resolve())
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, suffix = os.path.splitext(entry.name)
            name = f"{folder.name}/{entry.name}"
            known = suffix == ".json" or suffix.lower() in PICTURES
            if not printable(entry.name):
                findings.add("bad-name", "holds a control character; the file was not read", file=name)
            elif not known or entry.name.startswith(".") or (entry.is_dir() and not entry.is_symlink()):
                findings.add("foreign-file", "does not belong there", file=name)
            elif entry.is_symlink() and not _good_link(entry, inside, name, findings):
                continue
            elif suffix == ".json":
                stems.add(stem)
            else:
                pictures.setdefault(stem, []).append(suffix)
    chosen = {stem: min(held, key=lambda s: (PICTURES.index(s.lower()), s)) for stem, held in pictures.items()}
    return stems, chosen


def _good_link(entry: "os.DirEntry[str]", inside: str, place: str, findings: Findings) -> bool:
    """Whether a link is to be followed. A picture outside is named where the pictures are looked at."""
    if not os.path.exists(entry.path):
        findings.add("link-broken", f"is a link to {os.readlink(entry.path)}, which is not there", file=place)
        return False
    if entry.name.endswith(".json") and not _below(os.path.realpath(entry.path), inside):
        findings.add("leads-outside", f"is a link to {os.path.realpath(entry.path)}; it was not read", file=place)
        return False
    return True


def check_shards(folder: Path, findings: Findings) -> None:
    """Numbers missing in a row of shards `hands-00000.parquet`, .. or `hands-00000-of-00005.parquet`, .."""
    shards = [found for file in hand_files(folder) if (found := _SHARD.fullmatch(file.name))]
    if not shards:
        return
    numbers = {int(found[1]) for found in shards}
    total = Counter(int(found[2]) for found in shards if found[2]).most_common(1)
    first = min(0 if 0 in numbers else 1, *numbers)
    last = first + total[0][0] if total else max(numbers) + 1
    for number in sorted(set(range(first, last)) - numbers):
        findings.add(
            "file-missing", f"shard {number} of {shards[0].string} and its like is not there", file=folder.name
        )


def check_manifest(folder: Path, content: str, findings: Findings) -> None:
    """Files and hands against `release.json`, where there is one."""
    file = folder / MANIFEST_FILE
    if not file.is_file():
        return
    try:
        manifest = json.loads(file.read_text("utf-8"))
        listed = dict(manifest.get("files", {}))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        findings.add("unreadable", f"is no manifest ({error})", file=MANIFEST_FILE)
        return
    for name, text, code in _changed(folder, listed):
        findings.add(code, text, file=name)
    said = manifest.get("content")
    if isinstance(said, str) and said != content:
        text = f"the hands have the version {content[:12]}, the manifest says {said[:12]}"
        findings.add("content-changed", text, file=MANIFEST_FILE, field="content")


def _changed(folder: Path, listed: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, said in sorted(listed.items()):
        path = folder / name
        if not _below(str(path.resolve()), str(folder.resolve())):
            yield name, "lies outside the release; it was not read", "leads-outside"
        elif not path.is_file():
            yield name, "is in the manifest and not there", "file-missing"
        elif isinstance(said, dict):
            size, digest = said.get("bytes"), said.get("sha256")
            if path.stat().st_size != size:
                yield name, f"has {path.stat().st_size} bytes, the manifest says {size}", "file-changed"
            elif _sha256(path) != digest:
                yield name, "has another sha256 than the manifest says", "file-changed"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
