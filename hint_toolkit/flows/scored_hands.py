"""Scored hands as arrays, from a predictions file and a truth, or from what `hint-eval` wrote: the same for both.

Comparison and breakdown start here. A results folder needs no truth beside it: per_hand.parquet carries it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.results import HANDS_FILE, read_results
from hint_toolkit.flows.score import Scored, score
from hint_toolkit.io.parquet import read_table
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.metrics.pck import pixel_distances
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.protocol import DEFAULT_NORMALISER, HAMER_V1, NORMALISERS, PROTOCOLS, Protocol

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]
_SHAPES = {"box": (4,), "truth": (21, 2), "pred": (21, 2), "exists": (21,), "occluded": (21,), "distance": (21,)}
_TEXTS = ("id", "source", "video_id", "side", "image")
FACTS = ("protocol", "normaliser", "missing_rule", "truth version")
"""What must agree before two results may be compared."""


@dataclass(frozen=True)
class ScoredHands:
    """N hands with what one method predicts for them. Arrays have N first.

    Attributes:
        method: name in the header of the predictions.
        path: of the predictions file or results folder.
        facts: protocol, normaliser, missing_rule, truth version; `FACTS` are its keys.
        protocol: the rules.
        id: of each hand.
        source: likewise.
        clip: what intervals resample: the video, the frame where it is unknown.
        frame: which hands share a picture.
        side: "left" or "right".
        image: path of the picture relative to `image_root`, or "".
        width: of the picture, 0 where unknown.
        height: likewise.
        box: (N, 4) pixels.
        truth: (N, 21, 2) pixels.
        points: (N, 21, 2) pixels, NaN where missing.
        exists: (N, 21).
        occluded: (N, 21).
        sizes: (N,) pixels, the normaliser.
        image_root: folder of the pictures, None when there are none.
        kind: one sentence on what the truth is worth.
    """

    method: str
    path: Path
    facts: dict[str, str]
    protocol: Protocol
    id: Texts
    source: Texts
    clip: Texts
    frame: Texts
    side: Texts
    image: Texts
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    box: Floats
    truth: Floats
    points: Floats
    exists: Flags
    occluded: Flags
    sizes: Floats
    image_root: Path | None = None
    kind: str = field(default="", compare=False)

    def __len__(self) -> int:
        """How many hands."""
        return len(self.id)

    @property
    def pixels(self) -> Floats:
        """(N, 21) distances; inf where missing, NaN where there is no truth."""
        return pixel_distances(self.points, self.truth)

    def take(self, rows: NDArray[Any]) -> "ScoredHands":
        """The hands at these positions, or where a mask is true."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: v[rows] for name, v in arrays.items() if isinstance(v, np.ndarray)})

    def joined(self, other: "ScoredHands") -> "ScoredHands":
        """These hands, then the other's; everything else is as here."""
        arrays = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return replace(self, **{n: np.concatenate(v) for n, v in arrays.items() if isinstance(v[0], np.ndarray)})


def read_scored(
    path: Path, truth: Callable[[], Truth], *, protocol: Protocol = HAMER_V1, normaliser: str | None = None
) -> ScoredHands:
    """A results folder, or a predictions file scored against a truth.

    Args:
        path: folder with results.json and per_hand.parquet, or predictions in any format of docs/predictions.md.
        truth: gives the truth; only asked for a predictions file.
        protocol: for a predictions file; a folder has its own.
        normaliser: likewise.

    Raises:
        InputError: not readable, not ours, or what `score` refuses.
    """
    if path.is_dir():
        return _from_folder(path)
    against = truth()
    predictions = read_predictions(path)
    # By the scorer itself, so that no second reading of the rules can grow here; its intervals are not used.
    scored = score(against, predictions, protocol=protocol, normaliser=normaliser, resamples=1)
    return from_scored(scored, against, path, protocol)


def from_scored(scored: Scored, truth: Truth, path: Path, protocol: Protocol = HAMER_V1) -> ScoredHands:
    """What `score` gave, with the truth that it was given and a path to name it by."""
    hands, results = scored.hands, scored.results
    names = ("id", "source", "side", "image", "width", "height", "box", "exists", "occluded")
    return ScoredHands(
        method=str(results["method"]),
        path=path,
        facts=_facts(results),
        protocol=protocol,
        clip=np.where(hands.video_id == "", hands.frame_id, hands.video_id),
        frame=hands.frame_id,
        truth=hands.points,
        points=scored.points,
        sizes=scored.sizes,
        image_root=truth.image_root,
        kind=str(results["truth"]["kind"]),
        **{name: getattr(hands, name) for name in names},
    )


def _facts(results: dict[str, Any]) -> dict[str, str]:
    """What must agree; a folder of an older toolkit has no missing rule, which then was "miss"."""
    values = results | {"truth version": (results.get("truth") or {}).get("version", "")}
    values.setdefault("missing_rule", "miss")
    return {name: str(values.get(name, "")) for name in FACTS}


def _from_folder(folder: Path) -> ScoredHands:
    results = read_results(folder)
    columns = _columns(folder / HANDS_FILE)
    facts = _facts(results)
    pixels = pixel_distances(columns["pred"], columns["truth"])
    root = results.get("image_root")
    return ScoredHands(
        method=str(results.get("method") or "unnamed"),
        path=folder,
        facts=facts,
        protocol=replace(PROTOCOLS.get(facts["protocol"], HAMER_V1), name=facts["protocol"]),
        clip=np.where(columns["video_id"] == "", columns["frame_id"], columns["video_id"]),
        frame=columns["frame_id"],
        truth=columns["truth"],
        points=columns["pred"],
        sizes=columns["size"] if "size" in columns else _sizes(pixels, columns["distance"], columns["box"]),
        image_root=(folder / str(root)).resolve() if root else None,
        kind=str((results.get("truth") or {}).get("kind", "")),
        **{n: columns[n] for n in ("id", "source", "side", "image", "width", "height", "box", "exists", "occluded")},
    )


def _columns(path: Path) -> dict[str, Any]:
    """The columns of per_hand.parquet as arrays of the shapes that they must have.

    Raises:
        InputError: a column is missing or has another shape, or an id stands there twice.
    """
    table = read_table(path)[0]
    missing = [name for name in (*_TEXTS, *_SHAPES, "width", "height") if name not in table.column_names]
    if missing:
        raise InputError(f"no column {', '.join(missing)}", where=str(path), next_step="score again with hint-eval")
    columns: dict[str, Any] = {name: _nested(table.column(name), name, path) for name in _SHAPES}
    for name in {*_TEXTS, "frame_id"} & set(table.column_names):
        columns[name] = np.array([text or "" for text in table.column(name).to_pylist()], dtype=object)
    for name in {"width", "height", "size"} & set(table.column_names):
        columns[name] = table.column(name).to_numpy()
    if "frame_id" not in columns:
        columns["frame_id"] = np.array([_frame_of(name) for name in columns["id"]], dtype=object)
    ids, counts = np.unique(columns["id"].astype(str), return_counts=True)
    if (counts > 1).any():
        raise InputError(f"ids stand there more than once: {shorten(ids[counts > 1])}", where=str(path))
    return columns


def _nested(column: Any, name: str, path: Path) -> Any:
    """A column of lists as an array."""
    cells, shape = column.combine_chunks(), (len(column), *_SHAPES[name])
    while hasattr(cells.type, "value_type"):
        cells = cells.flatten()
    values = cells.to_numpy(zero_copy_only=False)
    if values.size != int(np.prod(shape)):
        raise InputError(f"is not of shape {shape[1:]} in every row", where=f"{path} > {name}")
    return values.reshape(shape).astype(bool if name in ("exists", "occluded") else np.float64)


def _frame_of(hand_id: str) -> str:
    """The frame in a hand's id `<folder>/<frame>[_h<k>][_l|_r]`, for results that do not carry it."""
    folder, _, stem = hand_id.rpartition("/")
    head, _, tail = stem.rpartition("_")
    stem = head if tail in ("l", "r") and head else stem
    head, _, tail = stem.rpartition("_h")
    return f"{folder}/{head if head and tail.isdigit() else stem}"


def _sizes(pixels: Floats, distance: Floats, box: Floats) -> Floats:
    """The normaliser of results that do not carry it: what turns pixels into the distances that stand there."""
    usable = np.isfinite(pixels) & np.isfinite(distance) & (distance > 0)
    ratio = np.divide(pixels, distance, out=np.full(pixels.shape, np.inf), where=usable)
    first = np.take_along_axis(ratio, usable.argmax(axis=1)[:, None], axis=1)[:, 0]
    # A hand without any usable joint is wrong or perfect whatever its size.
    return np.where(usable.any(axis=1), first, np.maximum(longer_side(box), 1.0))


def normaliser_text(name: str) -> str:
    """What a normaliser is, "" for one that this toolkit does not know."""
    return NORMALISERS.get(name or DEFAULT_NORMALISER, "")
