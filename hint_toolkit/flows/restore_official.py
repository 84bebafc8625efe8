"""The md5 that HInt's own script compares, and what can keep a restored release from having it.

The script (github.com/ddshan/hint, `prep_HInt/prep_ego4d.py`, task `verify_hint`) zips the whole complete release:
folders and files in the order of their names, every file at `HInt_annotation/<folder>/<file>` with mode 0644 and the
local time 24 April 2024 10:10:10, Deflate of Python's zipfile at its default level; then it takes the md5 of the zip.

So the md5 hangs on four things, and only the first two are about the data:

1. every byte of every file of all folders, the other sources' too, and no file more (a .DS_Store, a report);
2. every JPEG of Ego4D: the same ffmpeg build as the authors' (5.1.2 is named; its encoder writes "Lavc59.37.100" into
   each file), on the same kind of processor;
3. the Deflate of the zlib that Python was built with: zlib-ng and others compress to other bytes;
4. version 2 of the annotation (without the 28 removed pairs).

An md5 cannot say which one it was. What can be looked at a file at a time: the encoder that each JPEG names, files
that do not belong, and a list of sha256 by somebody whose md5 was right.
"""

import hashlib
import io
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.flows.restore_ffmpeg import jpg_encoder
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.hint_counts import HANDS
from hint_toolkit.io.hint_names import parse_folder

MD5 = "4c47fc4e3657274713db7aaf3a890037"
"""Of the authors' own zip."""
ENCODER = "Lavc59.37.100"
"""What ffmpeg 5.1 calls its encoder in every JPEG."""
_TIME = (2024, 4, 24, 10, 10, 10)
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
Progress = Callable[[int, int], None]


@dataclass
class Official:
    """What was found.

    Attributes:
        md5: of the zip.
        files: how many files it holds.
        encoders: encoder named in the JPEGs of Ego4D -> how many; "" for none.
        wrong_encoder: files whose encoder is not `ENCODER`: their bytes cannot be the authors'.
        foreign: files that are no part of HInt.
        counts: folder -> (files there, files in the published release) where they differ.
        differing: with a list: files that differ from it, or stand on one side only.
        compared: whether a list was given.
        zlib: version of the Deflate that was used.
    """

    md5: str
    files: int
    encoders: dict[str, int]
    wrong_encoder: list[str]
    foreign: list[str]
    counts: dict[str, tuple[int, int]]
    differing: list[str] = field(default_factory=list)
    compared: bool = False
    zlib: str = zlib.ZLIB_RUNTIME_VERSION

    @property
    def equal(self) -> bool:
        """Whether this is the authors' zip."""
        return self.md5 == MD5

    def reasons(self) -> list[str]:
        """What is known to make the md5 another one, one line each; empty when it is equal."""
        if self.equal:
            return []
        out = [f"{name} holds {have} files, the release {want}" for name, (have, want) in self.counts.items()]
        if self.foreign:
            out.append(f"{len(self.foreign)} files are no part of HInt, e.g. {self.foreign[0]}")
        if self.wrong_encoder:
            named = ", ".join(f"{n} by {name or 'another encoder'}" for name, n in self.encoders.items())
            text = f"{len(self.wrong_encoder)} Ego4D jpgs were not written by ffmpeg 5.1 ({ENCODER}): {named}"
            out.append(f"{text}; restore --quality ffmpeg --force with ffmpeg 5.1.2 writes its bytes")
        if self.differing:
            out.append(f"{len(self.differing)} files differ from the list, e.g. {self.differing[0]}")
        elif self.compared:
            out.append(
                f"all {self.files} files equal the list: only the Deflate of this Python's zlib ({self.zlib}) differs"
            )
        return out or [
            "all that can be seen fits: left are single bytes of a file, another build of ffmpeg 5.1, and the Deflate "
            f"of this Python's zlib ({self.zlib}); a list by somebody whose md5 was right (--known) would tell"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        names = ("md5", "files", "encoders", "wrong_encoder", "foreign", "differing", "compared", "zlib")
        return {name: getattr(self, name) for name in names} | {"equal": self.equal, "reasons": self.reasons()}


def official(root: Path, *, known: Path | None = None, progress: Progress | None = None) -> Official:
    """Zip a release as HInt's script does, into a hash instead of a file, and look for what makes it differ.

    Args:
        root: the complete release; nothing in it is changed (the script itself sets modes and times).
        known: list of sha256 as `sha256sum` writes it, paths relative to the release.
        progress: called with files done and all.

    Raises:
        InputError: no such folder, or a damaged list.
    """
    if not root.is_dir():
        raise InputError("no such folder", where=str(root))
    wanted = read_list(known) if known else None
    files = list(_in_order(root))
    sink = _Md5()
    encoders: Counter[str] = Counter()
    wrong, foreign, differing = [], [], []
    for done, name, data in _zipped(root, files, sink):
        folder = parse_folder(name.partition("/")[0])
        if folder is None or name.count("/") != 1 or not name.endswith((".jpg", ".json")):
            foreign.append(name)
        elif folder[1] == "ego4d" and name.endswith(".jpg"):
            encoders[jpg_encoder(data)] += 1
            if jpg_encoder(data) != ENCODER:
                wrong.append(name)
        if wanted is not None and wanted.pop(name, "") != hashlib.sha256(data).hexdigest():
            differing.append(name)
        if progress:
            progress(done, len(files))
    found = Official(sink.hexdigest(), len(files), dict(sorted(encoders.items())), wrong, foreign, _counts(files))
    found.differing, found.compared = sorted([*differing, *(wanted or ())]), wanted is not None
    return found


def read_list(path: Path) -> dict[str, str]:
    """Path -> sha256 out of a list as `sha256sum` writes it.

    Raises:
        InputError: no such file, or a line that is none.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), why=str(error)) from error
    out = {}
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise InputError("is no line of sha256sum", where=f"{path} > line {number}")
        out[found[2].removeprefix("./")] = found[1]
    return out


def write_list(path: Path, root: Path) -> int:
    """The list of a release, for others; gives the number of files."""
    names = list(_in_order(root))
    lines = []
    for name in names:
        with (root / name).open("rb") as handle:
            lines.append(f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {name}\n")
    write_text(path, "".join(lines))
    return len(names)


def _in_order(root: Path) -> Iterator[str]:
    """Relative names in the order in which the script zips them."""
    for folder, _, files in sorted(os.walk(root)):
        for name in sorted(files):
            yield Path(folder, name).relative_to(root).as_posix()


def _counts(files: list[str]) -> dict[str, tuple[int, int]]:
    held = Counter(name.partition("/")[0] for name in files if name.endswith((".jpg", ".json")))
    return {name: (held[name], 2 * hands) for name, hands in HANDS.items() if held[name] != 2 * hands}


def _zipped(root: Path, files: list[str], sink: "_Md5") -> Iterator[tuple[int, str, bytes]]:
    """Put the files into the zip one by one; gives each with its content."""
    with zipfile.ZipFile(sink, "w", compression=zipfile.ZIP_DEFLATED) as zipped:
        for done, name in enumerate(files, 1):
            data = (root / name).read_bytes()
            entry = zipfile.ZipInfo(f"HInt_annotation/{name}", _TIME)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, len(data)
            with zipped.open(entry, "w") as target:
                shutil.copyfileobj(io.BytesIO(data), target, 8192)
            sink.settle()
            yield done, name, data


class _Md5(io.RawIOBase):
    """A file that keeps only the md5 of what is written; the last entry waits, as zipfile goes back to its header."""

    def __init__(self) -> None:
        super().__init__()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._settled = 0
        self._open = io.BytesIO()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._open.write(data)

    def tell(self) -> int:
        return self._settled + self._open.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._settled:
            raise io.UnsupportedOperation("only the last entry can be changed")
        return self._settled + self._open.seek(offset - self._settled)

    def settle(self) -> None:
        """Nothing before the end will be changed any more."""
        data = self._open.getvalue()
        self._digest.update(data)
        self._settled += len(data)
        self._open = io.BytesIO()

    def hexdigest(self) -> str:
        self.settle()
        return self._digest.hexdigest()
