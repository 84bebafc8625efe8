"""Hands to a Parquet file batch by batch, with their pictures in a column if wanted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hint_toolkit.io.parquet import encode_metadata, hands_to_table
from hint_toolkit.records import Hands, hand_schema

PICTURE = "picture"
"""Column of pictures, a struct of `bytes` (a whole jpg or png file) and `path` (its name)."""
ROW_GROUP = 8192
"""Hands in a row group. A column of it (2.7 MB of points) is read in one go, which is what reading by column wants;
larger ones save nothing more and would have to be held while they are written."""
PICTURE_BYTES = 32 << 20
"""A row group with pictures ends when it holds this much: that is what a reader must load to show one of them."""
HUGGING_FACE = b"huggingface"
"""Where `datasets` looks for the types of columns that Arrow has no type for."""


class HandsWriter:
    """A Parquet file in the making; the file is complete only after `close`. Same hands, same bytes."""

    def __init__(self, path: Path, *, pictures: bool = False) -> None:
        """Begin a file of `hand_schema`, with the column `picture` if `pictures`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = hand_schema()
        if pictures:
            kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            schema = schema.append(pa.field(PICTURE, kind))
            schema = schema.with_metadata({HUGGING_FACE: json.dumps(_features(schema), sort_keys=True).encode()})
        leaves = _leaves(schema)
        plain = [leaf for leaf in leaves if not leaf.startswith(f"{PICTURE}.")]
        self._schema, self._pending, self._rows, self._bytes = schema, [], 0, 0  # type: Any, list[Any], int, int
        self._writer = pq.ParquetWriter(
            path,
            schema,
            # A jpg does not become smaller; a dictionary of coordinates saves nothing and costs a quarter of the time.
            compression={leaf: "zstd" if leaf in plain else "none" for leaf in leaves},
            use_dictionary=[field.name for field in schema if pa.types.is_string(field.type)],
            write_statistics=plain,
        )

    def write(self, hands: Hands, pictures: Sequence[tuple[bytes, str] | None] | None = None) -> None:
        """Add some hands.

        Args:
            hands: in the order that the file shall have.
            pictures: of each hand, its bytes and name, or None; for a file with pictures.
        """
        import pyarrow as pa

        table = hands_to_table(hands)
        if pictures is not None:
            held = [None if p is None else {"bytes": p[0], "path": p[1]} for p in pictures]
            table = table.append_column(self._schema.field(PICTURE), pa.array(held, self._schema.field(PICTURE).type))
        start = 0
        for i in range(len(hands)):
            picture = pictures[i] if pictures else None
            self._rows += 1
            self._bytes += len(picture[0]) if picture else 0
            if self._rows == ROW_GROUP or self._bytes >= PICTURE_BYTES:
                self._pending.append(table.slice(start, i + 1 - start))
                self._flush()
                start = i + 1
        if start < len(hands):
            self._pending.append(table.slice(start))

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            group = pa.concat_tables(self._pending).combine_chunks().replace_schema_metadata(self._schema.metadata)
            self._writer.write_table(group, row_group_size=max(len(group), 1))
        self._pending, self._rows, self._bytes = [], 0, 0

    def close(self, facts: dict[str, Any]) -> None:
        """Write what is pending, and `facts` (plain JSON), which may be known only now."""
        self._flush()
        self._writer.add_key_value_metadata(encode_metadata(facts))
        self._writer.close()


def _leaves(schema: Any) -> list[str]:
    """The names that Parquet has for the columns, as its writer's options want them (`points.list.element...`)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema).close()
    columns = pq.ParquetFile(sink.getvalue()).schema
    return [columns.column(i).path for i in range(len(columns))]


def _features(schema: Any) -> dict[str, Any]:
    """The types of all columns in the words of `datasets`; its old versions know fixed-size lists as Sequence only."""
    import pyarrow as pa

    def feature(kind: Any) -> dict[str, Any]:
        if pa.types.is_fixed_size_list(kind):
            return {"feature": feature(kind.value_type), "length": kind.list_size, "_type": "Sequence"}
        return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}

    known = {field.name: feature(field.type) for field in schema if field.name != PICTURE}
    return {"info": {"features": known | {PICTURE: {"_type": "Image"}}}}
