"""Tables of hands and frames as Parquet, with schema version and provenance in the file's metadata."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import from_arrow, to_arrow
from hint_toolkit.io.atomic import replacing
from hint_toolkit.records import (
    ADDED,
    ADDED_TO_FRAMES,
    FRAME_FIELDS,
    HAND_FIELDS,
    READABLE_SCHEMAS,
    SCHEMA_VERSION,
    Frame,
    Hands,
    frame_schema,
    hand_schema,
)

METADATA_KEY = b"hint_toolkit"


def hands_to_table(hands: Hands) -> Any:
    """An Arrow table of `hand_schema`, without copying point by point."""
    import pyarrow as pa

    schema = hand_schema()
    arrays = [to_arrow(getattr(hands, name)) for name in schema.names]
    return pa.table(arrays, schema=schema)


def hands_to_pandas(hands: Hands) -> Any:
    """A pandas DataFrame of `hand_schema`'s columns, one row a hand; lists become arrays of arrays."""
    return hands_to_table(hands).to_pandas()


def table_to_hands(table: Any, where: str) -> Hands:
    """Back from an Arrow table; extra columns are left alone, columns that came later take their default.

    Raises:
        InputError: a column is missing or does not fit; names it and the file.
    """
    missing = [name for name in HAND_FIELDS if name not in table.column_names and name not in ADDED]
    if missing:
        raise InputError(
            f"no column {', '.join(missing)}",
            where=where,
            why=f"a table of hands of schema {SCHEMA_VERSION} is wanted",
            next_step="write it with: hint-build export",
        )
    columns: dict[str, Any] = {}
    for column in hand_schema():
        if column.name not in table.column_names:
            columns[column.name] = [ADDED[column.name][1]] * table.num_rows
            continue
        chunked = table.column(column.name).combine_chunks()
        if chunked.null_count:
            raise InputError("has empty cells", where=f"{where} > {column.name}", next_step="export it again")
        try:
            columns[column.name] = from_arrow(chunked.cast(column.type))
        except (ValueError, NotImplementedError) as error:
            place = f"{where} > {column.name}"
            raise InputError(f"has the type {chunked.type}, not {column.type}", where=place) from error
    try:
        return Hands(columns)
    except ValueError as error:
        raise InputError(str(error), where=where) from error


def frames_to_table(frames: Sequence[Frame]) -> Any:
    """An Arrow table of `frame_schema`."""
    import pyarrow as pa

    rows = [{name: getattr(frame, name) for name in FRAME_FIELDS} for frame in frames]
    return pa.Table.from_pylist(rows, schema=frame_schema())


def table_to_frames(table: Any, where: str) -> list[Frame]:
    """Back from an Arrow table.

    Raises:
        InputError: a column is missing.
    """
    held = [name for name in FRAME_FIELDS if name in table.column_names]
    missing = [name for name in FRAME_FIELDS if name not in held and name not in ADDED_TO_FRAMES]
    if missing:
        raise InputError(f"no column {', '.join(missing)}", where=where, next_step="sample again: hint-build sample")
    return [Frame(**row) for row in table.select(held).to_pylist()]


def encode_metadata(metadata: dict[str, Any]) -> dict[bytes, bytes]:
    """Key and value as they stand in a file: plain JSON with the schema version."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **metadata}, sort_keys=True, allow_nan=False)
    return {METADATA_KEY: text.encode()}


def write_table(path: Path, table: Any, metadata: dict[str, Any], *, compression: str = "zstd") -> None:
    """Write a table with `metadata` (plain JSON) and the schema version; same input, same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        # A dictionary of coordinates saves nothing and costs a quarter of the time.
        texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
        table = table.replace_schema_metadata(encode_metadata(metadata))
        pq.write_table(table, temporary, compression=compression, use_dictionary=texts)


def read_table(path: Path, wanted: Collection[str] | None = None) -> tuple[Any, dict[str, Any]]:
    """Table and our metadata ({} when the file carries none).

    Args:
        path: of a Parquet file.
        wanted: columns to read of those that are there (pictures may be many times the rest); None for all.

    Raises:
        InputError: no such file, not Parquet, or of a later schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError("no such file", where=str(path))
    try:
        with pq.ParquetFile(path) as file:
            held = file.schema_arrow.names
            table = file.read(columns=held if wanted is None else [name for name in held if name in wanted])
            metadata = _metadata(file.metadata.metadata, path)
    except (pa.ArrowException, OSError) as error:
        raise InputError("is not a readable Parquet file", where=str(path), why=str(error)) from error
    version = str(metadata.get("schema_version", SCHEMA_VERSION))
    if version not in READABLE_SCHEMAS:
        raise InputError(
            f"has schema version {version}, this toolkit reads {' and '.join(READABLE_SCHEMAS)}",
            where=str(path),
            next_step="upgrade with: pip install -U hint-toolkit",
        )
    return table, metadata


def _metadata(held: dict[bytes, bytes] | None, path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads((held or {}).get(METADATA_KEY, b"{}"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            "holds damaged metadata", where=str(path), why=str(error), next_step="export it again"
        ) from error
    if not isinstance(metadata, dict):
        raise InputError("holds damaged metadata", where=str(path), next_step="export it again")
    return metadata


def read_hands_and_facts(path: Path) -> tuple[Hands, dict[str, Any]]:
    """A file of hands and our metadata; columns that are no field of a hand, pictures above all, are not read.

    Raises:
        InputError: as `read_table` and `table_to_hands`.
    """
    table, facts = read_table(path, HAND_FIELDS)
    return table_to_hands(table, str(path)), facts


def read_hands(path: Path) -> Hands:
    """A file of hands.

    Raises:
        InputError: as `read_table` and `table_to_hands`.
    """
    return read_hands_and_facts(path)[0]
