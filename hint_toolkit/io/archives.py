"""Tar archives of strangers, walked without unpacking them.

An own reader of the format (POSIX.1-2001 pax and ustar, GNU's long names), because python's `tarfile` follows whatever
a header says: sparse maps, links, extended headers of any size, and in some versions a negative offset for ever. Here
a member is a file with a plain relative name, once, inside of the archive's own bytes; everything else is refused.
Nothing is written, and of what is not wanted nothing is held.
"""

import bz2
import gzip
import hashlib
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hint_toolkit.errors import InputError, one_line

BLOCK = 512
_PIECE = 1 << 20
_LONGEST_NAME = 4096
_LARGEST_EXTENSION = 1 << 16  # bytes of an extended header
_MOST_EXTENSIONS = 4  # before one member
_DRIVE = re.compile(r"[A-Za-z]:")
_PACKED = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
_KINDS = {
    **{"1": "a hard link", "2": "a symbolic link", "3": "a device", "4": "a device", "6": "a FIFO"},
    **{"S": "a sparse file", "K": "a link with a long name", "M": "a part of a file", "D": "a dump of a folder"},
}
_DAMAGE: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, MemoryError)
_NEXT = "fetch it again, or leave it out"


@dataclass(frozen=True)
class Limits:
    """What an archive may ask for; more is taken for a trap.

    Attributes:
        member: bytes of one file.
        members: files and folders in an archive.
        unpacked: bytes of a compressed archive once it is unpacked.
        ratio: unpacked bytes a compressed byte; JPEG gives about 1, text 20, zeros 1,000.
        free: unpacked bytes that no ratio is asked of.
    """

    member: int = 256 << 20
    members: int = 1_000_000
    unpacked: int = 64 << 30
    ratio: int = 100
    free: int = 64 << 20


LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        name: relative, parts joined by `/`.
        size: bytes.
        data: the bytes, None where they were not wanted.
        begin: where they stand in the archive; -1 in a compressed one.
    """

    name: str
    size: int
    data: bytes | None
    begin: int = -1


class _Refused(Exception):
    """Why an archive is not read on."""


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with these 512 bytes is a tar archive, or compressed and may be one."""
    return head[257:262] == b"ustar" or any(head.startswith(magic) for magic in _PACKED)


def members(path: Path, wanted: Callable[[str], bool] = lambda name: True, limits: Limits = LIMITS) -> Iterator[Member]:
    """The files of a tar, plain or compressed with gzip, bzip2 or xz, in their order; folders are passed over.

    Args:
        path: of the archive.
        wanted: whether the bytes of a file are read, by its name; the others are skipped.
        limits: of sizes.

    Raises:
        InputError: not a tar, damaged, cut short, beyond a limit, or with a member that is no plain file, leads out
            of the archive or stands there twice; names it.
    """
    place = path.name
    try:
        with _open(path, limits) as source:
            for name, size in _headers(source, limits):
                place = f"{path.name} > {one_line(repr(name))[:120]}"
                begin = source.given if source.packed is None else -1
                data = source.read(size) if wanted(name) else None
                source.skip((0 if data is not None else size) + -size % BLOCK)
                yield Member(name, size, data, begin)
                place = f"{path.name}, behind {one_line(repr(name))[:120]}"
    except _Refused as error:
        raise InputError(str(error), where=place, next_step=_NEXT) from None
    except _DAMAGE as error:
        raise InputError("cannot be read as a tar", where=place, why=str(error), next_step=_NEXT) from error


class _Source:
    """Bytes from the start to the end, no more than there are and no more than the limits allow."""

    def __init__(self, handle: BinaryIO, packed: int | None, limits: Limits, path: Path) -> None:
        """`packed` is the size of the compressed file, None for a plain one."""
        self.handle, self.limits, self.given, self.packed = handle, limits, 0, packed
        self.allowed = path.stat().st_size
        if packed is not None:
            self.allowed = min(limits.unpacked, limits.free + limits.ratio * packed)

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.close()

    def _take(self, size: int) -> None:
        self.given += size
        if self.given > self.allowed:
            raise _Refused("is cut short" if self.packed is None else "unpacks to far more than a dataset would")

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        self._take(size)
        parts = []
        while size:
            part = self.handle.read(min(size, _PIECE))
            if not part:
                raise _Refused("is cut short")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        if self.packed is None:
            self._take(size)
            self.handle.seek(size, 1)
            return
        while size:
            size -= len(self.read(min(size, _PIECE)))

    def block(self) -> bytes:
        """The next 512 bytes, or nothing at the end."""
        if self.packed is None:
            return b"" if self.given == self.allowed else self.read(BLOCK)
        first = self.handle.read(1)
        self._take(len(first))
        return first + self.read(BLOCK - 1) if first else b""

    def finish(self) -> None:
        """Unpack what stands behind the end: a compressed file's checksum comes last."""
        while self.packed is not None and (rest := self.handle.read(_PIECE)):
            self._take(len(rest))


class _Xz:
    """xz unpacked with bounded memory; python's own file class lets the file ask for a dictionary of 4 GB."""

    _MEMORY = 256 << 20

    def __init__(self, path: Path) -> None:
        self.handle = path.open("rb")
        self.unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, self._MEMORY)

    def read(self, size: int) -> bytes:
        while not self.unpacker.eof:
            packed = self.handle.read(1 << 16) if self.unpacker.needs_input else b""
            if self.unpacker.needs_input and not packed:
                raise _Refused("is cut short")
            if data := self.unpacker.decompress(packed, size):
                return data
        return b""

    def close(self) -> None:
        self.handle.close()


def _open(path: Path, limits: Limits) -> _Source:
    with path.open("rb") as handle:
        head = handle.read(6)
    kind = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), "")
    openers: dict[str, Callable[[Path], Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": _Xz, "": _plain}
    return _Source(openers[kind](path), path.stat().st_size if kind else None, limits, path)


def _plain(path: Path) -> BinaryIO:
    return path.open("rb")


def _headers(source: _Source, limits: Limits) -> Iterator[tuple[str, int]]:
    """Name and size of every file; the caller takes its bytes before it asks for the next."""
    seen: set[bytes] = set()
    extra: dict[str, str] = {}
    extensions = 0
    while block := source.block():
        if not block.strip(b"\0"):
            if source.block().strip(b"\0") or extensions:
                raise _Refused("is damaged: its end is none")
            source.finish()
            return
        kind, name, size = _header(block)
        if kind in "xgL":
            extensions += 1
            extra |= _extension(source, kind, size, extensions)
            continue
        name, size = extra.get("path", name), int(extra.get("size", size))
        extra, extensions = {}, 0
        _check_kind(kind, name, size, limits)
        name = _plain_name(name, kind)
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        if digest in seen:
            raise _Refused(f"holds {one_line(repr(name))[:120]} more than once")
        if len(seen) >= limits.members:
            raise _Refused(f"holds more than {limits.members} members")
        seen.add(digest)
        if kind == "0":
            yield name, size
    raise _Refused("is cut short" if seen or extensions else "is empty")


def _header(block: bytes) -> tuple[str, str, int]:
    """Kind, name and size that a header block gives."""
    if block[257:262] != b"ustar":
        raise _Refused("is no tar archive, or damaged")
    if _number(block[148:156]) != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        raise _Refused("is damaged: a header's checksum is wrong")
    kind = block[156:157].replace(b"\0", b"0").decode("latin-1")
    raw = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return kind, _text(prefix + b"/" + raw if prefix else raw), _number(block[124:136])


def _number(field: bytes) -> int:
    """A number of a header: octal digits, or GNU's big-endian binary for what does not fit."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0")[0].strip(b" ")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise _Refused("is damaged: a header's number is none")
    return int(digits or b"0", 8)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused("holds a name that is no UTF-8") from None


def _extension(source: _Source, kind: str, size: int, extensions: int) -> dict[str, str]:
    """What an extended header says of the next member."""
    if size > _LARGEST_EXTENSION or extensions > _MOST_EXTENSIONS:
        raise _Refused("holds extended headers beyond any need")
    data = source.read(size)
    source.skip(-size % BLOCK)
    if kind == "L":
        return {"path": _text(data.split(b"\0")[0])}
    records = _pax(data)
    if kind == "g" and records:
        raise _Refused("names or sizes all members at once")
    return records


def _pax(data: bytes) -> dict[str, str]:
    """`path` and `size` of records "length key=value"; what else they say does not concern the bytes."""
    records, at = {}, 0
    while at < len(data):
        digits = data[at : at + 8].split(b" ")[0]
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise _Refused("is damaged: an extended header is none")
        if key.startswith(b"GNU.sparse") or key == b"hdrcharset":
            raise _Refused(f"holds {'a sparse file' if key.startswith(b'GNU') else 'names in another charset'}")
        if key == b"size" and not re.fullmatch(rb"\d{1,15}", value):
            raise _Refused("is damaged: a size is no number")
        if key in (b"path", b"size"):
            records[key.decode()] = _text(value)
        at = end
    return records


def _check_kind(kind: str, name: str, size: int, limits: Limits) -> None:
    shown = one_line(repr(name))[:120]
    if kind not in "05":
        raise _Refused(f"holds {shown}, {_KINDS.get(kind, 'a member of unknown kind')}")
    if size > limits.member:
        raise _Refused(f"holds {shown} of {size} bytes, more than any sample has")
    if kind == "5" and size:
        raise _Refused(f"holds {shown}, a folder with bytes in it")


def _plain_name(name: str, kind: str) -> str:
    """The name without a leading `./`, if it is relative, printable, and leads nowhere else."""
    plain = name.removeprefix("./")
    if kind == "5":
        plain = plain.removesuffix("/")
        if plain in ("", "."):
            return "."
    parts = plain.split("/")
    odd = not plain.isprintable() or "\\" in plain or _DRIVE.match(plain) or len(name) > _LONGEST_NAME
    if odd or any(part in ("", ".", "..") for part in parts):
        raise _Refused(f"holds a member whose name is no plain path: {one_line(repr(name))[:120]}")
    return plain
