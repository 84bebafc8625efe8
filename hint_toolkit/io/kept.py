"""Results that are dear to compute, kept under a key: one line of JSON each, added to the end of a file.

A killed program loses at most the line it was writing, which the next one cuts off. Only one process may write.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEX = 32


class Kept:
    """A file of results. Keys are looked up in memory, values are read from the disk when they are asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open the file of this name (anything: it is hashed), or begin it.

        Args:
            folder: made if there is none.
            name: all that the results depend on beside the keys, e.g. a detector's name.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.jsonl"
        self._places: dict[str, tuple[int, int]] = {}
        self._groups: dict[str, list[str]] = {}
        self._file = self.path.open("a+b")
        self._index()

    def _index(self) -> None:
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            self._note(line[:_HEX].decode("ascii", "replace"), end + _HEX + 1, len(line) - _HEX - 2)
            end += len(line)
        self._file.truncate(end)

    def _note(self, key: str, start: int, size: int) -> None:
        self._groups.setdefault(key[: _HEX // 2], []).append(key)
        self._places[key] = (start, size)

    def group(self, key: str) -> list[str]:
        """All keys of `joined_key` with the same first part as this one."""
        return self._groups.get(key[: _HEX // 2], [])

    def __contains__(self, key: object) -> bool:
        """Whether there is a result."""
        return key in self._places

    def __len__(self) -> int:
        """How many results there are."""
        return len(self._places)

    def __getitem__(self, key: str) -> Any:
        """The value as it was kept; numbers that are not finite are None."""
        import orjson

        start, size = self._places[key]
        self._file.seek(start)
        return orjson.loads(self._file.read(size))

    def keep(self, key: str, value: Any) -> None:
        """Add a result; arrays become lists, NaN null."""
        import orjson

        if key in self._places:
            return
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
        self._file.seek(0, 2)
        start = self._file.tell()
        self._file.write(key.encode("ascii") + b" " + text + b"\n")
        self._file.flush()
        self._note(key, start + _HEX + 1, len(text))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def key_of(*parts: str | bytes | NDArray[np.float64] | Sequence[str]) -> str:
    """32 hex digits for texts, bytes and arrays; different parts give different keys."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            data = repr(part.shape).encode() + np.ascontiguousarray(part, np.float64).tobytes()
        elif isinstance(part, bytes):
            data = part
        else:
            data = part.encode() if isinstance(part, str) else "\0".join(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:_HEX]


def joined_key(first: str, second: str) -> str:
    """One key of two that `key_of` made: results of one group, e.g. about one picture, share their beginning."""
    return first[: _HEX // 2] + second[: _HEX // 2]
