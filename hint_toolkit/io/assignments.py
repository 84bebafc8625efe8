"""Who is asked what: one row a hand that was planned for people, kept in the workspace and never on the server."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.answers import PURPOSES
from hint_toolkit.io.parquet import read_table, write_table


@dataclass(frozen=True)
class Assignment:
    """One hand that people are asked about.

    Attributes:
        hint_id: the hand.
        project: title of the Label Studio project that holds its task.
        purpose: one of `io.answers.PURPOSES`.
        wanted: how many different people shall answer.
        shown: whether the task shows a pre-label.
        rank: place in the order of work, from 0; -1 without an order.
    """

    hint_id: str
    project: str
    purpose: str = "label"
    wanted: int = 1
    shown: bool = True
    rank: int = -1


_NAMES: Final = tuple(field.name for field in fields(Assignment))


def write_assignments(path: Path, assignments: Sequence[Assignment]) -> None:
    """Write the table, sorted by project and hand."""
    import pyarrow as pa

    kinds = dict(zip(_NAMES, (pa.string(), pa.string(), pa.string(), pa.int64(), pa.bool_(), pa.int64()), strict=True))
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])
    ordered = sorted(assignments, key=lambda one: (one.project, one.hint_id))
    rows = [{name: getattr(one, name) for name in _NAMES} for one in ordered]
    write_table(path, pa.Table.from_pylist(rows, schema=schema), {})


def read_assignments(path: Path) -> list[Assignment]:
    """Read the table; [] when there is none.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return []
    table, _ = read_table(path)
    if missing := [name for name in _NAMES if name not in table.column_names]:
        raise InputError(f"no column {', '.join(missing)}", where=str(path), next_step="run: hint-build push")
    found = [Assignment(**row) for row in table.select(list(_NAMES)).to_pylist()]
    for one in found:
        if one.purpose not in PURPOSES:
            raise InputError(f"unknown purpose {one.purpose!r}", where=f"{path} > {one.hint_id}")
    return found
