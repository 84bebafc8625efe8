"""One predicted hand as a row of a prediction file: the points, what is known about them, and the hand in space.

Every file of predictions begins with the columns that docs/predictions.md describes, and a reader that knows no more
leaves the others alone. Columns of the hand in space are there only where they were asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import from_arrow, to_arrow
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]

SOLID: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "joints3d": (N_JOINTS, 3),
        "translation": (3,),
        "focal": (),
        "camera": (3,),
        "vertices": (-1, 3),
        "rotations": (16, 3, 3),
        "betas": (10,),
    }
)
"""Columns of the hand in space, as `prelabel.base.Pose3D` has it, and their shapes; -1: as many as there are."""

WITH: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "3d": ("joints3d", "translation", "focal", "camera"),
        "vertices": ("vertices", "translation", "focal"),
        "mano": ("rotations", "betas"),
    }
)
"""What can be asked for, and the columns that it brings."""

PLAIN: Final = ("id", "keypoints", "score", "visibility", "side", "presence", "box")
_RESERVED: Final = {*PLAIN, *SOLID, "points", "ids", "imgname", "file_name", "image_id", "annotation_id", "hand_side"}


def _unknown() -> Floats:
    return np.full(N_JOINTS, np.nan)


@dataclass(frozen=True)
class PredictionRow:
    """One hand.

    Attributes:
        id: unique in a file.
        points: (21, 2) pixels of the original image, HInt order, NaN where missing; None: the method found no hand.
        score: (21,) confidence a joint, NaN where not given.
        visibility: (21,) probability that a joint is visible, NaN where not given.
        side: "left", "right", or "" where nobody knows.
        presence: confidence that this is a hand, NaN if not given.
        box: (4,) x1, y1, x2, y2 pixels, the one that the model was given; NaN where there was none.
        extra: further columns, text or numbers, e.g. video_id, frame_index, time, track. All rows of a file have the
            same, of the same types.
        solid: of the hand in space, keys of `SOLID`; what is not there becomes NaN (no vertices).
    """

    id: str
    points: Floats | None
    score: Floats = field(default_factory=_unknown)
    visibility: Floats = field(default_factory=_unknown)
    side: str = ""
    presence: float = float("nan")
    box: Floats = field(default_factory=lambda: np.full(4, np.nan))
    extra: Mapping[str, str | int | float] = field(default_factory=dict)
    solid: Mapping[str, Any] = field(default_factory=dict)


def solid_columns(with_: Sequence[str]) -> tuple[str, ...]:
    """The columns of the hand in space that these words of `WITH` bring, in the order of `SOLID`.

    Raises:
        InputError: a word is not known.
    """
    for word in with_:
        if word not in WITH:
            raise InputError(f"no {word!r} to write with the points", next_step=f"use some of: {', '.join(WITH)}")
    wanted = {name for word in with_ for name in WITH[word]}
    return tuple(name for name in SOLID if name in wanted)


def rows_table(rows: Sequence[PredictionRow], solid: Sequence[str]) -> Any:
    """Rows as an Arrow table without nulls: fixed-size lists of float64; vertices are lists of float32 triples.

    Args:
        rows: one or more.
        solid: the columns of `SOLID` to write.

    Raises:
        ValueError: rows differ in their extra columns, or one has a reserved name; names the row.
    """
    import pyarrow as pa

    columns = {
        "id": to_arrow(np.array([row.id for row in rows], object)),
        "keypoints": to_arrow(_stack([row.points for row in rows], (N_JOINTS, 2))),
        "score": to_arrow(_stack([row.score for row in rows], (N_JOINTS,))),
        "visibility": to_arrow(_stack([row.visibility for row in rows], (N_JOINTS,))),
        "side": to_arrow(np.array([row.side for row in rows], object)),
        "presence": to_arrow(np.array([row.presence for row in rows], np.float64)),
        "box": to_arrow(_stack([row.box for row in rows], (4,))),
    }
    kinds = {name: type(value) for name, value in rows[0].extra.items()}
    for row in rows:
        if {name: type(value) for name, value in row.extra.items()} != kinds or set(kinds) & _RESERVED:
            raise ValueError(f"{row.id}: extra columns {dict(row.extra)}, wanted {kinds}, none of {sorted(_RESERVED)}")
    for name, kind in kinds.items():
        columns[name] = to_arrow(np.array([row.extra[name] for row in rows], _EXTRA[kind]))
    for name in solid:
        values = [row.solid.get(name) for row in rows]
        columns[name] = _lists(values) if name == "vertices" else to_arrow(_stack(values, SOLID[name]))
    return pa.table(columns)


_EXTRA: Final[Mapping[type, Any]] = {str: object, int: np.int64, float: np.float64, bool: np.bool_}


def _stack(values: Sequence[Any], shape: tuple[int, ...]) -> Floats:
    """(n, *shape), NaN for None."""
    result = np.full((len(values), *shape), np.nan)
    for k, value in enumerate(values):
        if value is not None:
            result[k] = value
    return result


def _lists(values: Sequence[Any]) -> Any:
    """Arrow lists of triples, of any length each; float32, which is what networks compute in."""
    import pyarrow as pa

    arrays = [np.zeros((0, 3), np.float32) if v is None else np.asarray(v, np.float32).reshape(-1, 3) for v in values]
    ends = np.cumsum([0, *(len(array) for array in arrays)]).astype(np.int32)
    return pa.ListArray.from_arrays(to_arrow(ends), to_arrow(np.concatenate(arrays)))


def table_rows(table: Any) -> Iterator[PredictionRow]:
    """The rows of a table (or batch) that `rows_table` made; a column that is not there is not known."""
    names = table.schema.names
    held = {name: table.column(name) for name in names if name != "vertices"}
    plain = {name: from_arrow(_whole(column)) for name, column in held.items()}
    vertices = _whole(table.column("vertices")) if "vertices" in names else None
    extra = [name for name in names if name not in PLAIN and name not in SOLID]
    solid = [name for name in names if name in SOLID and name != "vertices"]
    blank: dict[str, Any] = {
        "score": _unknown(),
        "visibility": _unknown(),
        "side": "",
        "presence": np.nan,
        "box": np.full(4, np.nan),
    }
    for k in range(table.num_rows):
        given = {name: plain[name][k] if name in plain else value for name, value in blank.items()}
        points = plain["keypoints"][k]
        more = {name: plain[name][k] for name in solid}
        if vertices is not None:
            more["vertices"] = from_arrow(vertices[k].values)
        yield PredictionRow(
            id=plain["id"][k],
            points=points if np.isfinite(points).any() else None,
            score=given["score"],
            visibility=given["visibility"],
            side=given["side"],
            presence=float(given["presence"]),
            box=given["box"],
            extra={name: _scalar(plain[name][k]) for name in extra},
            solid=more,
        )


def _scalar(value: Any) -> str | int | float:
    found: str | int | float = value.item() if isinstance(value, np.generic) else value
    return found


def _whole(column: Any) -> Any:
    """One Arrow array of a column that may lie in pieces."""
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def read_rows(path: Path, *, batch: int = 256) -> Iterator[PredictionRow]:
    """The rows of a Parquet file that `hint-eval predict` wrote, a few at a time: memory does not grow with the file.

    Args:
        path: of the file.
        batch: rows held at once.

    Raises:
        InputError: not such a file.
    """
    with _opened(path) as file:
        for part in file.iter_batches(batch_size=batch):
            yield from table_rows(part)


@dataclass(frozen=True)
class Poses:
    """The N hands in space of a prediction file; NaN where no hand was found. None: the file has no such column.

    Attributes:
        ids: one a hand.
        side: "left", "right" or "".
        joints: (N, 21, 3) metres about the model's own origin, x right, y down, z away.
        translation: (N, 3) metres, what brings them before the camera of the whole picture.
        focal: (N,) pixels; the principal point is the picture's middle.
        camera: (N, 3) s, tx, ty of the crop.
        rotations: (N, 16, 3, 3) of MANO's joints.
        betas: (N, 10) MANO's shape.
        vertices: N times (V, 3) float32 metres, V = 0 where no hand was found; only where asked for.
    """

    ids: list[str]
    side: list[str]
    joints: Floats | None = None
    translation: Floats | None = None
    focal: Floats | None = None
    camera: Floats | None = None
    rotations: Floats | None = None
    betas: Floats | None = None
    vertices: list[NDArray[np.float32]] | None = None


def read_poses(path: Path, *, vertices: bool = False) -> Poses:
    """The hands in space of a Parquet file that `hint-eval predict --with 3d` wrote.

    Args:
        path: of the file.
        vertices: read these, too: 9 KB a hand. `read_rows` gives them hand by hand.

    Raises:
        InputError: not such a file, or it has no hands in space.
    """
    with _opened(path) as file:
        names = [name for name in SOLID if name in file.schema_arrow.names and (vertices or name != "vertices")]
        if not names:
            next_step = "make it with: hint-eval predict --with 3d --out preds.parquet"
            raise InputError("has no hands in space", where=str(path), next_step=next_step)
        table = file.read(columns=["id", "side", *names]).combine_chunks()
    found: dict[str, Any] = {n: from_arrow(_whole(table.column(n))) for n in ("id", "side", *names) if n != "vertices"}
    if "vertices" in names:
        column = _whole(table.column("vertices"))
        found["vertices"] = [from_arrow(column[k].values) for k in range(len(column))]
    renamed = {"joints" if name == "joints3d" else name: value for name, value in found.items()}
    return Poses(ids=renamed.pop("id").tolist(), side=renamed.pop("side").tolist(), **renamed)


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError("is not a readable Parquet file", where=str(path), why=str(error)) from error
    if not {"id", "keypoints", "side"} <= set(file.schema_arrow.names):
        file.close()
        raise InputError("holds no predictions that this toolkit wrote", where=str(path))
    return file
