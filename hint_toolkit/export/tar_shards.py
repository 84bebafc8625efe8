"""Tar shards that are the same bytes for the same hands: names, sizes and bytes, no clock and no owner."""

import io
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from hint_toolkit.errors import InputError

SHARD_HANDS = 1000
MOST_SERIES = 64
_SIGNS = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}


def sample_key(hand_id: str) -> str:
    """The name of a sample: the id, with everything but letters, digits, `_`, `-`, `~` and `/` as `%XX` of its UTF-8.

    WebDataset ends a key at the first dot of a name, and passes over names that begin with `__`: a dot and such an
    underscore are encoded, too. No two ids get one key, and `urllib.parse.unquote` gives the id back.
    """
    key = quote(hand_id, safe="/").replace(".", "%2E")
    return f"%5F{key[1:]}" if key.startswith("__") else key


def series_name(split: str) -> str:
    """A split as a part of a file's name: lower case, so that loaders that look for "train" find it."""
    return re.sub(r"[^a-z0-9-]", "_", split.lower()) or "unsplit"


def picture_suffix(data: bytes, image: str) -> str:
    """The suffix that a picture's first bytes stand for, "jpg" or "png".

    Raises:
        InputError: it is neither; loaders of shards decode no other.
    """
    for sign, suffix in _SIGNS.items():
        if data.startswith(sign):
            return suffix
    raise InputError("is neither JPEG nor PNG", where=image, next_step="convert it, or export with --no-pictures")


class Shards:
    """Several series of numbered tars, one open file a series.

    A series is how the paths of its shards begin, e.g. `webdataset/hands-train-`; six digits and `.tar` follow.
    """

    def __init__(self, folder: Path, size: int | None) -> None:
        """`size` is the number of hands in a shard; a sample is never split."""
        self.folder, self.size = folder, size or SHARD_HANDS
        self._open: dict[str, tuple[int, int, tarfile.TarFile]] = {}

    def __enter__(self) -> "Shards":
        """Nothing is made before the first sample."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every series."""
        for _, _, archive in self._open.values():
            archive.close()

    def add(self, series: str, hands: int, members: Sequence[tuple[str, bytes]]) -> None:
        """Write one sample.

        Args:
            series: that it goes to.
            hands: how many it holds.
            members: names and bytes, one behind the other.

        Raises:
            InputError: more series than files that should be open at a time.
        """
        number, held, archive = self._open.get(series) or (-1, 0, None)
        if archive is None or held + hands > self.size:
            if archive is not None:
                archive.close()
            elif len(self._open) >= MOST_SERIES:
                raise InputError(
                    f"there are more than {MOST_SERIES} splits", next_step="name a split TRAIN, VAL or TEST"
                )
            number, held = number + 1, 0
            path = self.folder / f"{series}{number:06d}.tar"
            path.parent.mkdir(parents=True, exist_ok=True)
            archive = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 (closed with its series)
        for name, data in members:
            info = tarfile.TarInfo(name)  # its time is 0, its owner 0 without a name, its mode 0644
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header until the archive is closed
        self._open[series] = (number, held + hands, archive)
