"""Frames and hands: the one data model, and the Arrow schemas that its files have.

Two booleans per joint, never one "visible": `exists` (the joint is in the image) and `occluded` (it exists
but something hides it). Coordinates are pixels of the original image, float64 (HInt's json files carry
decimals that float32 cannot return, and a distance on the border of a threshold must not move), x right,
y down, centre of the top-left pixel (0, 0). A joint that does not exist may still carry a point.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS, SIDES

SCHEMA_VERSION: Final = "2"
READABLE_SCHEMAS: Final = ("1", "2")
"""Columns that came with a later version than the file's take their default."""
STATES: Final = ("prelabel", "submitted", "skipped", "empty")
"""What a hand row is: a detector's guess, a person's answer, a task a person skipped, a frame with no hand."""

_HAND_ARRAYS: Final[dict[str, tuple[tuple[int, ...], Any]]] = {
    "points": ((N_JOINTS, 2), np.float64),
    "exists": ((N_JOINTS,), np.bool_),
    "occluded": ((N_JOINTS,), np.bool_),
    "score": ((N_JOINTS,), np.float64),
    "box": ((4,), np.float64),
}


def _nan_scores() -> NDArray[np.float64]:
    return np.full(N_JOINTS, np.nan)


@dataclass(frozen=True)
class Frame:
    """One sampled picture and where it came from.

    Attributes:
        id: unique in a workspace, safe as a file name; `<video id>_frame<decode index, 8 digits>`.
        source: name of the data source, e.g. "ego4d", "folder".
        video_id: the clip, the unit that splits and intervals group by.
        video: file name of the video, relative to the folder that was sampled.
        frame_index: k of the k-th image of a full sequential decode, 0-based.
        time: presentation time in seconds from the first frame.
        width: of the displayed image (rotation applied), pixels.
        height: likewise.
        sha256: of the decoded RGB bytes, row by row, before any JPEG.
        path: of the jpg, relative to the workspace.
        reason: why the plan chose it.
        split: "TRAIN", "VAL" or "TEST".
        licence: of the pixels, as the user stated it.
        redistributable: whether the pixels may be passed on.
        group: what a split must not part: participant, canonical video, YouTube id; "" stands for `video_id`.
        image_number: of the file that `ffmpeg -i clip out_%10d.jpg` would write it to, from 1; -1 if unknown.
        sharpness: of the picture, see `video.measures`; NaN if it was not measured.
        hand_presence: confidence 0..1 that the picture shows a hand; NaN if it was not measured.
        likeness: fingerprint for near-duplicates, see `video.likeness`; empty if it was not taken.
    """

    id: str
    source: str
    video_id: str
    video: str
    frame_index: int
    time: float
    width: int
    height: int
    sha256: str
    path: str
    reason: str
    split: str
    licence: str
    redistributable: bool = True
    group: str = ""
    image_number: int = -1
    sharpness: float = float("nan")
    hand_presence: float = float("nan")
    likeness: bytes = b""


@dataclass(frozen=True)
class Hand:
    """One hand in one image.

    Attributes:
        id: stable key, `<frame id>_h<k>`; never changes when a person corrects the side.
        frame_id: the frame it is in.
        points: (21, 2) pixels, HInt order; NaN where nothing is known.
        exists: (21,) the joint is in the image.
        occluded: (21,) the joint exists and is hidden.
        score: (21,) confidence of a detector in 0..1, NaN for people.
        box: (4,) x1, y1, x2, y2 pixels.
        side: "left" or "right", of the person, on an unmirrored image.
        presence: confidence that there is a hand at all, NaN for people and detectors that give none.
        side_score: confidence in `side`, likewise.
        source: as in `Frame`.
        split: as in `Frame`.
        subset: "img" for single pictures, "seq" for HInt's short tracks.
        video_id: as in `Frame`.
        frame_index: as in `Frame`.
        time: as in `Frame`.
        width: of the image.
        height: of the image.
        image: path of the picture, relative to the file that holds the row.
        detector: name and version of the detector that made or started it, else "".
        annotator: who decided; "" for a detector, "simulated" for the scripted annotator.
        seconds: that the annotator spent, NaN if unknown.
        prelabel_id: id of the pre-label that the annotator started from, else "".
        state: one of `STATES`.
        licence: of the pixels.
        redistributable: whether the pixels may be passed on.
        original: what the file that it was read from says and no other column can hold (the spelling of numbers,
            flags of absent joints), as JSON; "" when there is nothing of the kind.
        group: as in `Frame`.
    """

    id: str
    frame_id: str
    points: NDArray[np.float64]
    exists: NDArray[np.bool_]
    occluded: NDArray[np.bool_]
    box: NDArray[np.float64]
    side: str
    score: NDArray[np.float64] = field(default_factory=_nan_scores)
    presence: float = float("nan")
    side_score: float = float("nan")
    source: str = ""
    split: str = "TEST"
    subset: str = "img"
    video_id: str = ""
    frame_index: int = -1
    time: float = float("nan")
    width: int = 0
    height: int = 0
    image: str = ""
    detector: str = ""
    annotator: str = ""
    seconds: float = float("nan")
    prelabel_id: str = ""
    state: str = "prelabel"
    licence: str = ""
    redistributable: bool = True
    original: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        """Check the shape of every array and the spelling of side and state.

        Raises:
            ValueError: names the field, what was wanted, what came, and the hand.
        """
        for name, (shape, dtype) in _HAND_ARRAYS.items():
            value = np.asarray(getattr(self, name), dtype=dtype)
            if value.shape != shape:
                raise ValueError(f"hand {self.id}: {name} must have shape {shape}, got {value.shape}")
            object.__setattr__(self, name, value)
        if self.side not in SIDES:
            raise ValueError(f"hand {self.id}: side must be one of {SIDES}, got {self.side!r}")
        if self.state not in STATES:
            raise ValueError(f"hand {self.id}: state must be one of {STATES}, got {self.state!r}")
        if bool((self.occluded & ~self.exists).any()):
            raise ValueError(f"hand {self.id}: occluded must be a part of exists, but a joint is occluded and absent")


def frame_facts(frame: Frame) -> dict[str, Any]:
    """What every hand takes over from the frame it is in, as arguments of `Hand`."""
    same = (
        "source",
        "split",
        "video_id",
        "frame_index",
        "time",
        "width",
        "height",
        "licence",
        "redistributable",
        "group",
    )
    return {"frame_id": frame.id, "image": frame.path, **{name: getattr(frame, name) for name in same}}


HAND_FIELDS: Final = tuple(f.name for f in fields(Hand))
FRAME_FIELDS: Final = tuple(f.name for f in fields(Frame))
ADDED: Final[dict[str, tuple[str, Any]]] = {"original": ("2", ""), "group": ("2", "")}
"""Columns of hands that older files lack: the schema version that brought them, and what they hold there."""
ADDED_TO_FRAMES: Final = ("redistributable", "group", "image_number", "sharpness", "hand_presence", "likeness")
"""Columns of frames that came with schema version 2."""
_SCALARS: Final = {"str": object, "float": np.float64, "int": np.int64, "bool": np.bool_}


def _word(column: Any) -> str:
    """The type of a dataclass field, as it is written."""
    return column.type if isinstance(column.type, str) else column.type.__name__


def _dtype(column: Any) -> Any:
    """Numpy type of a scalar dataclass field."""
    return _SCALARS[_word(column)]


_HAND_SCALARS: Final = {f.name: _dtype(f) for f in fields(Hand) if f.name not in _HAND_ARRAYS}


def _layout(name: str) -> tuple[tuple[int, ...], Any]:
    """Shape of one cell and numpy type of a column of hands."""
    return _HAND_ARRAYS[name] if name in _HAND_ARRAYS else ((), _HAND_SCALARS[name])


class Hands(Sequence[Hand]):
    """Many hands as arrays with first axis N: `hands.points` is (N, 21, 2), `hands.id` is (N,) of str.

    Text columns are object arrays, numbers float64 or int64, flags bool. Indexing with a number gives a
    `Hand`, with a slice, positions or a boolean mask gives `Hands`. Columns are not meant to be written to.
    """

    id: NDArray[np.object_]
    frame_id: NDArray[np.object_]
    points: NDArray[np.float64]
    exists: NDArray[np.bool_]
    occluded: NDArray[np.bool_]
    score: NDArray[np.float64]
    box: NDArray[np.float64]
    side: NDArray[np.object_]
    presence: NDArray[np.float64]
    side_score: NDArray[np.float64]
    source: NDArray[np.object_]
    split: NDArray[np.object_]
    subset: NDArray[np.object_]
    video_id: NDArray[np.object_]
    frame_index: NDArray[np.int64]
    time: NDArray[np.float64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    image: NDArray[np.object_]
    detector: NDArray[np.object_]
    annotator: NDArray[np.object_]
    seconds: NDArray[np.float64]
    prelabel_id: NDArray[np.object_]
    state: NDArray[np.object_]
    licence: NDArray[np.object_]
    redistributable: NDArray[np.bool_]
    original: NDArray[np.object_]
    group: NDArray[np.object_]

    def __init__(self, columns: Mapping[str, Any]) -> None:
        """Take one array or list for every field of `Hand`.

        Raises:
            ValueError: a column is missing or unknown, or has the wrong shape or value; names the first hand.
        """
        missing, unknown = set(HAND_FIELDS) - set(columns), set(columns) - set(HAND_FIELDS)
        if missing or unknown:
            raise ValueError(f"columns of Hands: missing {sorted(missing)}, unknown {sorted(unknown)}")
        self._n = len(columns["id"])
        for name in HAND_FIELDS:
            shape, dtype = _layout(name)
            value = np.array(columns[name], dtype=dtype)
            if self._n == 0:
                value = np.zeros((0, *shape), dtype=dtype)
            if value.shape != (self._n, *shape):
                raise ValueError(f"{name} must have shape {(self._n, *shape)}, got {value.shape}")
            setattr(self, name, value)
        self._check_words("side", SIDES)
        self._check_words("state", STATES)
        contradiction = np.asarray((self.occluded & ~self.exists).any(axis=1))
        self._check("occluded", ~contradiction, "has a joint that does not exist")

    def _check_words(self, name: str, allowed: tuple[str, ...]) -> None:
        if not set(getattr(self, name).tolist()) <= set(allowed):
            self._check(name, np.array([word in allowed for word in getattr(self, name)]), f"must be one of {allowed}")

    def _check(self, name: str, good: NDArray[np.bool_], wanted: str) -> None:
        if not good.all():
            first = int(np.flatnonzero(~good)[0])
            got = getattr(self, name)[first]
            shown = f", got {got!r}" if isinstance(got, str) else ""
            raise ValueError(f"hand {self.id[first]}: {name} {wanted}{shown}")

    @classmethod
    def of(cls, hands: Iterable[Hand]) -> "Hands":
        """From single hands, in their order."""
        listed = list(hands)
        return cls({name: [getattr(hand, name) for hand in listed] for name in HAND_FIELDS})

    @classmethod
    def concat(cls, parts: Iterable["Hands"]) -> "Hands":
        """All parts in their order."""
        listed = list(parts)
        if not listed:
            return cls.of([])
        return cls({name: np.concatenate([getattr(part, name) for part in listed]) for name in HAND_FIELDS})

    def __len__(self) -> int:
        """How many hands there are."""
        return self._n

    @overload
    def __getitem__(self, index: int) -> Hand: ...
    @overload
    def __getitem__(self, index: slice) -> "Hands": ...
    def __getitem__(self, index: int | slice) -> "Hand | Hands":
        """One hand for a number, `Hands` for a slice."""
        if isinstance(index, slice):
            return self.take(np.arange(self._n)[index])
        values = {name: getattr(self, name)[index] for name in HAND_FIELDS}
        return Hand(**{k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()})

    def take(self, chosen: NDArray[Any]) -> "Hands":
        """The hands at the given positions, or where a boolean mask of length N is true."""
        return Hands({name: getattr(self, name)[chosen] for name in HAND_FIELDS})

    def replace(self, **columns: Any) -> "Hands":
        """A copy with some columns exchanged."""
        return Hands({name: columns.get(name, getattr(self, name)) for name in HAND_FIELDS})

    def sorted(self) -> "Hands":
        """The same hands in the order of their ids."""
        return self.take(np.argsort(self.id.astype(str), kind="stable"))


def hand_schema() -> Any:
    """The Arrow schema of a table of hands: one row a hand, fixed-size lists for the arrays."""
    import pyarrow as pa

    kinds = {object: pa.string(), np.float64: pa.float64(), np.int64: pa.int64(), np.bool_: pa.bool_()}
    columns = []
    for name in HAND_FIELDS:
        shape, dtype = _layout(name)
        kind = kinds[dtype]
        for size in reversed(shape):
            kind = pa.list_(kind, size)
        columns.append(pa.field(name, kind, nullable=False))
    return pa.schema(columns)


def frame_schema() -> Any:
    """The Arrow schema of a table of frames."""
    import pyarrow as pa

    kinds = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "bytes": pa.binary()}
    return pa.schema([pa.field(f.name, kinds[_word(f)], nullable=False) for f in fields(Frame)])
