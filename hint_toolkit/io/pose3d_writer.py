"""`[xyz, verts]` in the making: parts of 256 hands beside the file, joined at the end, never all in memory.

A killed run leaves its parts in `.<name>.parts/<key>/`; the next one with the same key goes on behind them and ends
with the same bytes. Numbers are written to a tenth of a micrometre.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.atomic import replacing
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
PART: Final = 256
DECIMALS: Final = 7
N_VERTICES: Final = 778
"""Of MANO, whose mesh both benchmarks want."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Pose3DWriter:
    """Takes hands in their order, gives the file.

    Attributes:
        done: hands that an earlier run left; the next to be added is this one.
        empty: places of hands that were not found, those of earlier runs included.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Find what is there.

        Args:
            out: the file.
            key: of all that the numbers depend on; parts of another key are removed.
        """
        self._out = out
        self._parent = out.with_name(f".{out.name}.parts")
        self._folder = self._parent / hashlib.sha256(key.encode()).hexdigest()[:16]
        for other in self._parent.glob("*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._waiting: list[Floats] = []
        self._parts = 0
        self.empty: list[int] = []
        while (held := _kept(self._part(self._parts))) is not None:
            self.empty += (np.flatnonzero(~held.any(axis=(1, 2))) + self._parts * PART).tolist()
            self._parts += 1
        self.done = self._parts * PART

    def __enter__(self) -> "Pose3DWriter":
        """For a with block; at its end nothing is finished by itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Keep what is kept; an empty folder goes."""
        if not self._parts:
            shutil.rmtree(self._parent, ignore_errors=True)

    def add(self, joints: Floats | None, vertices: Floats | None) -> None:
        """The next hand, (21, 3) and (778, 3) metres; None: none was found, which these files write as zeros."""
        if joints is None or vertices is None:
            both: Floats = np.zeros((N_JOINTS + N_VERTICES, 3))
            self.empty.append(self.done)
        else:
            both = np.concatenate([joints, vertices]).round(DECIMALS) + 0.0  # no -0.0
        self._waiting.append(both)
        self.done += 1
        if len(self._waiting) == PART:
            self._flush()

    def finish(self, *, packed: Path | None = None) -> None:
        """Write the file, and beside it a zip that holds it, as the servers want it; the parts go."""
        if self._waiting:
            self._flush()
        with replacing(self._out) as temporary, temporary.open("w", encoding="ascii") as handle:
            for first, (start, stop) in enumerate(((0, N_JOINTS), (N_JOINTS, None))):
                handle.write(", [" if first else "[[")
                for place, hand in enumerate(self._hands()):
                    handle.write((", " if place else "") + json.dumps(hand[start:stop].tolist()))
                handle.write("]")
            handle.write("]")
        if packed is not None:
            with replacing(packed) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                entry = zipfile.ZipInfo("pred.json", _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as target, self._out.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
        shutil.rmtree(self._parent, ignore_errors=True)
        self._parts = 0

    def _part(self, k: int) -> Path:
        return self._folder / f"{k:06d}.npy"

    def _flush(self) -> None:
        with replacing(self._part(self._parts)) as temporary, temporary.open("wb") as handle:
            _save(handle, np.stack(self._waiting))
        self._waiting = []
        self._parts += 1

    def _hands(self) -> Iterator[Floats]:
        for k in range(self._parts):
            yield from np.load(self._part(k), allow_pickle=False)


def _kept(part: Path) -> Floats | None:
    """A full part; the last one of a run that was killed while it wrote its file is made again."""
    try:
        held = np.load(part, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return held if len(held) == PART else None


def _save(handle: IO[bytes], values: Floats) -> None:
    np.save(handle, values, allow_pickle=False)
