"""Hands to learn from, as arrays, and where their pictures lie: about 1.5 kB a hand in memory, pictures on disk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.hamer_record import N_BETAS, N_POSE
from hint_toolkit.io.images import decode_image, read_image
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "points": (N_JOINTS, 3), "center": (2,), "size": (), "right": (), "joints": (N_JOINTS, 4), "pose": (N_POSE,),
    "betas": (N_BETAS,), "has_pose": (), "has_betas": (), "reprojection": (),
}  # fmt: skip


class Picture(NamedTuple):
    """Where the bytes of a picture are: a file, or `size` bytes of a tar from `begin`."""

    path: Path
    begin: int = 0
    size: int = 0

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB, without regard to EXIF's orientation.

        Raises:
            InputError: it is gone, or no picture.
        """
        if not self.size:
            return read_image(self.path)
        try:
            with self.path.open("rb") as handle:
                handle.seek(self.begin)
                data = handle.read(self.size)
        except OSError as error:
            raise InputError("cannot be read", where=str(self.path), why=error.strerror or "") from error
        return decode_image(data, f"{self.path} at byte {self.begin}")


@dataclass(frozen=True)
class Examples:
    """N hands as they are in their pictures: a left hand is a left hand.

    Attributes:
        ids: names.
        pictures: where each is seen.
        points: (N, 21, 3) x, y in pixels of the picture, and a confidence; 0 where a joint is not to be learned.
        center: (N, 2) pixels, of the square that is cut out.
        size: (N,) pixels, its side.
        right: (N,) 1 for right hands.
        joints: (N, 21, 4) metres along the camera's axes, and a confidence.
        pose: (N, 48) radians about axes, global orientation first.
        betas: (N, 10).
        has_pose: (N,) 1 where the pose is known.
        has_betas: (N,) 1 where the shape is.
        reprojection: (N,) loss of the fit that gave them; NaN where it is not said.
    """

    ids: tuple[str, ...]
    pictures: tuple[Picture, ...]
    points: Floats
    center: Floats
    size: Floats
    right: NDArray[np.float32]
    joints: NDArray[np.float32]
    pose: NDArray[np.float32]
    betas: NDArray[np.float32]
    has_pose: NDArray[np.float32]
    has_betas: NDArray[np.float32]
    reprojection: NDArray[np.float32]

    def __len__(self) -> int:
        """How many hands."""
        return len(self.ids)

    def take(self, chosen: NDArray[Any]) -> "Examples":
        """Some of them, by number or by flag."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        names: dict[str, Any] = {
            name: tuple(values[i] for i in rows)
            for name, values in (("ids", columns.pop("ids")), ("pictures", columns.pop("pictures")))
        }
        return Examples(**names, **{name: value[rows] for name, value in columns.items()})


class Rows:
    """Hands one after the other, until they become `Examples`."""

    def __init__(self) -> None:
        """None yet."""
        self._ids: list[str] = []
        self._pictures: list[Picture] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _SHAPES}

    def __len__(self) -> int:
        """How many so far."""
        return len(self._ids)

    def add(self, name: str, picture: Picture, **values: Any) -> None:
        """One hand: points, center, size and right; what else is not given is unknown."""
        self._ids.append(name)
        self._pictures.append(picture)
        for column, shape in _SHAPES.items():
            unknown = np.full(shape, np.nan if column == "reprojection" else 0.0)
            self._columns[column].append(np.asarray(values.get(column, unknown), np.float64).astype(_dtype(column)))

    def finish(self) -> Examples:
        """All of them."""
        columns = {
            name: np.array(values, _dtype(name)).reshape(len(values), *_SHAPES[name])
            for name, values in self._columns.items()
        }
        return Examples(tuple(self._ids), tuple(self._pictures), **columns)


def _dtype(column: str) -> Any:
    return np.float64 if column in ("points", "center", "size") else np.float32


@dataclass(frozen=True)
class Filters:
    """Which hands HaMeR learns from (its mix of all data sets), and what it forgets about them.

    Attributes:
        confidence: a joint that is less sure than this is not learned.
        joints: a hand needs more joints than this.
        reprojection: a hand whose fit lost this much or more is left out.
        betas: a shape with a larger number, either way, is not believed; the pose that was fitted with it neither.
        regularise: hands without a shape learn the mean one, zeros; only together with others does that do no harm.
    """

    confidence: float = 0.3
    joints: int = 4
    reprojection: float = 31_000.0
    betas: float = 3.0
    regularise: bool = True


def filtered(examples: Examples, how: Filters) -> Examples:
    """The hands that are learned from, with what is believed of them.

    Shape and pose are believed together or not at all; the wish for a mean shape comes last, as in HaMeR's loader.
    """
    points = examples.points.copy()
    points[points[..., 2] < how.confidence, 2] = 0
    enough = (points[..., 2] > 0).sum(axis=1) > how.joints
    fits = ~(examples.reprojection >= how.reprojection)  # what says nothing passes
    believed = (np.abs(examples.betas) <= how.betas).all(axis=1) & (examples.has_betas > 0) & (examples.has_pose > 0)
    has = believed.astype(np.float32)
    betas, has_betas = examples.betas.copy(), has.copy()
    if how.regularise:
        betas[~believed], has_betas[~believed] = 0, 1
    columns = {f.name: getattr(examples, f.name) for f in fields(examples)}
    columns |= {"points": points, "betas": betas, "has_betas": has_betas, "has_pose": has}
    return Examples(**columns).take(enough & fits)


def joined(parts: Sequence[Examples]) -> Examples:
    """Several after one another."""
    columns: dict[str, Any] = {}
    for f in fields(Examples):
        values: Iterable[Any] = [getattr(part, f.name) for part in parts]
        columns[f.name] = sum(values, ()) if f.name in ("ids", "pictures") else np.concatenate(list(values))
    return Examples(**columns)
