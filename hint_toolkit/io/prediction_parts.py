"""A prediction file in the making: parts of up to 256 hands beside it, joined at the end, never all in memory.

A killed run leaves its parts in `<out>.parts/<key>/`; the next one of the same key goes on behind them and ends with
the same bytes. Parts of another key (other inputs, options or weights) are left alone and not used.
"""

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import from_arrow
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.prediction_rows import PredictionRow, rows_table, solid_columns, table_rows
from hint_toolkit.io.predictions_table import PARQUET_HEADER

PART_ROWS: Final = 256
PART_SECONDS: Final = 60.0
"""A part is written after so long even if it is smaller: a kill costs a slow model no more."""
GROUP_ROWS: Final = 1024
"""Hands in a row group of the finished file, whatever the parts: with vertices 10 MB."""
_STAMP: Final = b"hint_stamp"
_SUFFIXES: Final = (".json", ".parquet")
_DROPPED: Final = ("score", "visibility")
"""Columns that are left out where no hand has them."""


class PredictionParts:
    """Takes rows in their order, gives `out`.

    Attributes:
        done: ids of the rows that an earlier run of this key left; they are not to be added again.
        others: whether there are parts of another key.
        rows: how many there are, those of earlier runs included.
        found: how many of them have points, likewise.
    """

    def __init__(
        self,
        out: Path,
        header: dict[str, Any],
        key: str,
        with_: tuple[str, ...] = (),
        stamps: Mapping[str, str] | None = None,
    ) -> None:
        """Find what is there, and hold the file until `close` or `finish`.

        Args:
            out: ends in .json or .parquet.
            header: of the finished file; plain JSON.
            key: names all that the rows depend on: inputs, options, weights.
            with_: words of `prediction_rows.WITH`.
            stamps: id -> what tells one version of its picture from another, e.g. size and time of the file. Parts
                from the first row on whose picture has changed are made again.

        Raises:
            InputError: another kind of file is wanted, vertices in JSON, or another process writes this file.
        """
        if out.suffix not in _SUFFIXES:
            raise InputError(f"cannot write {out.suffix or 'a file without suffix'}", where=str(out),
                             next_step="name a file that ends in .json or .parquet")  # fmt: skip
        self._solid = solid_columns(with_)
        if out.suffix == ".json" and "vertices" in self._solid:
            next_step = "write them with --out FILE.parquet, or as files with --meshes FOLDER"
            raise InputError("JSON cannot hold the vertices of many hands", where=str(out), next_step=next_step)
        self.out, self._header = out, json.dumps(header, sort_keys=True, allow_nan=False)
        self._base = out.with_name(f"{out.name}.parts")
        self._folder = self._base / hashlib.sha256(key.encode()).hexdigest()[:16]
        self.others = any(p.is_dir() and p != self._folder for p in self._base.glob("*"))
        self._lock: Any = None
        self._hold()
        self._waiting: list[PredictionRow] = []
        self._begun = time.monotonic()
        self._stamps = stamps or {}
        self.rows = self.found = 0
        self._count, self.done = self._earlier()

    def add(self, rows: Iterable[PredictionRow]) -> None:
        """Further rows. Every 256th of them, and every minute, makes them safe from a kill.

        Raises:
            ValueError: extra columns differ from those before.
        """
        for row in rows:
            self._waiting.append(row)
            self.rows += 1
            self.found += row.points is not None
            if len(self._waiting) >= PART_ROWS or time.monotonic() - self._begun > PART_SECONDS:
                self._flush()

    def finish(self) -> Path:
        """Join the parts to the file and remove them."""
        if self._waiting:
            self._flush()
        parts = [self._part(k) for k in range(self._count)]
        with replacing(self.out) as temporary:
            (_write_json if self.out.suffix == ".json" else _write_parquet)(temporary, parts, self._header, self._solid)
        shutil.rmtree(self._folder, ignore_errors=True)
        self.close()
        return self.out

    def close(self) -> None:
        """Let the file go, finished or not; what is not finished stays in parts."""
        if self._lock is not None:
            if self._waiting:
                self._flush()
            if not any(path.is_dir() for path in self._base.iterdir()):
                shutil.rmtree(self._base, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def _part(self, number: int) -> Path:
        return self._folder / f"{number:06d}.parquet"

    def _hold(self) -> None:
        self._base.mkdir(parents=True, exist_ok=True)
        self._lock = (self._base / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InputError("another process writes this file", where=str(self.out),
                             next_step="wait for it to end, or name another --out") from error  # fmt: skip

    def _earlier(self) -> tuple[int, frozenset[str]]:
        """How many parts there are, and the ids in them; one that is damaged or stale goes, and all behind it."""
        import pyarrow as pa

        ids: list[str] = []
        number = 0
        while self._part(number).is_file():
            try:
                held = _read(self._part(number), ["id", "keypoints"])
            except (pa.ArrowException, OSError):
                break
            here = from_arrow(held.column("id").combine_chunks()).tolist()
            if (held.schema.metadata or {}).get(_STAMP) != self._stamp(here):
                break
            ids += here
            self.found += int(np.isfinite(from_arrow(held.column("keypoints").combine_chunks())).any((1, 2)).sum())
            number += 1
        self.rows = len(ids)
        for further in self._folder.glob("*.parquet"):
            if not further.stem.isdigit() or int(further.stem) >= number:
                further.unlink()
        return number, frozenset(ids)

    def _stamp(self, ids: Iterable[str]) -> bytes:
        return hashlib.sha256("\n".join(self._stamps.get(one, "") for one in ids).encode()).hexdigest().encode()

    def _flush(self) -> None:
        import pyarrow.parquet as pq

        rows, self._waiting = self._waiting, []
        self._begun = time.monotonic()
        table = rows_table(rows, self._solid)
        table = table.replace_schema_metadata({_STAMP: self._stamp(row.id for row in rows)})
        with replacing(self._part(self._count)) as temporary:
            pq.write_table(table, temporary, compression="zstd", use_dictionary=False)
        self._count += 1


def _read(part: Path, columns: list[str] | None = None) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        return file.read(columns=columns)


def _tables(parts: list[Path], left_out: list[str], rows: int) -> Iterator[Any]:
    """All rows in tables of this many, in one piece each; the last has what is left."""
    import pyarrow as pa

    held = None
    for part in parts:
        table = _read(part).drop_columns(left_out)
        held = table if held is None else pa.concat_tables([held, table])
        while len(held) >= rows:
            yield held.slice(0, rows).combine_chunks()
            held = held.slice(rows)
    if held is not None and len(held):
        yield held.combine_chunks()


def _unused(parts: list[Path]) -> list[str]:
    """Optional columns without a number in any part."""
    unused = set(_DROPPED)
    for part in parts:
        for name in list(unused):
            if np.isfinite(from_arrow(_read(part, [name]).column(name).combine_chunks())).any():
                unused.remove(name)
        if not unused:
            break
    return sorted(unused)


def _write_parquet(path: Path, parts: list[Path], header: str, solid: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    left_out = _unused(parts)
    empty = rows_table([PredictionRow("", None)], solid).slice(0, 0).drop_columns(left_out)
    schema = _read(parts[0]).drop_columns(left_out).schema if parts else empty.schema
    text = [field.name for field in schema if pa.types.is_string(field.type)]
    schema = schema.with_metadata({PARQUET_HEADER: header.encode()})
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=text) as writer:
        for table in _tables(parts, left_out, GROUP_ROWS):
            writer.write_table(table.replace_schema_metadata(schema.metadata), row_group_size=max(len(table), 1))


def _write_json(path: Path, parts: list[Path], header: str, solid: tuple[str, ...]) -> None:
    first = True
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"header": {header},\n"predictions": [\n')
        for table in _tables(parts, [], PART_ROWS):
            for row in table_rows(table):
                file.write(("" if first else ",\n") + json.dumps(_record(row), allow_nan=False))
                first = False
        file.write("\n]}\n")


def _record(row: PredictionRow) -> dict[str, Any]:
    record: dict[str, Any] = {"id": row.id, "keypoints": None if row.points is None else _plain(row.points)}
    for name, value in (("score", row.score), ("visibility", row.visibility), ("box", row.box)):
        if np.isfinite(value).any():
            record[name] = _plain(value)
    if row.side:
        record["side"] = row.side
    if np.isfinite(row.presence):
        record["presence"] = round(row.presence, 4)
    for name, extra in row.extra.items():
        record[name] = None if isinstance(extra, float) and not np.isfinite(extra) else extra
    for name, solid in row.solid.items():
        if np.isfinite(solid).all():
            record[name] = _nine_digits(np.asarray(solid))
    return record


def _plain(values: Any) -> Any:
    """Lists with null for NaN, 4 decimals: as `io.predictions.write_predictions` has them."""
    if values.ndim > 1:
        return [_plain(row) for row in values]
    return [round(float(v), 4) if np.isfinite(v) else None for v in values]


def _nine_digits(values: Any) -> Any:
    """Lists of numbers of nine digits, which hold every float32: metres and rotations want more than 4 decimals."""
    if values.ndim:
        return [_nine_digits(value) for value in values]
    return float(f"{float(values):.9g}")
