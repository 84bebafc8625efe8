"""Files and folders of other people's programs: which kind it is, seen from the content, and all hands in it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import NEXT, ForeignHand, ForeignHands, Mano
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.io.npz import file_sha256, npz_names, read_npz
from hint_toolkit.io.predictions_fitted import ARRAYS, fitted_hands, is_fitted
from hint_toolkit.io.predictions_meshes import SUFFIX, Meshes
from hint_toolkit.io.predictions_mmpose import is_mmpose, mmpose_hands
from hint_toolkit.io.predictions_positions import position_hands
from hint_toolkit.io.safe_pickle import load_plain

FORMATS: Final = MappingProxyType(
    {
        "mmpose": "results of mmpose",
        "fitted": "a dump of HaMeR, WiLoR or a fork of theirs",
        "meshes": "meshes of the demo of HaMeR, WiLoR or Hamba",
        "positions": "3D points by position, [xyz, verts]",
    }
)
_PICKLES: Final = (".pkl", ".pickle")
_SUFFIXES: Final = (SUFFIX, ".json", ".npz", *_PICKLES)
_LOOKED_AT: Final = 20
"""Files of a folder that are opened to see what they are: the first pictures may show no hand."""
_LARGEST_PICKLE: Final = 4 << 30
_SKIPPED: Final = ("header", "predictions")


@dataclass(frozen=True)
class Reading:
    """What a reader has to be told.

    Attributes:
        mano: gives the hand model where meshes are read.
        joint_order: a key of `joints.TO_HINT`; None: the format's own.
        cameras: `evaluation_K.json` for 3D by position.
        names: pictures of 3D by position, a line each.
        axes: of 3D by position, "opencv" or "opengl".
    """

    mano: Mano
    joint_order: str | None = None
    cameras: Path | None = None
    names: Path | None = None
    axes: str = "opencv"


def recognise(path: Path) -> str:
    """A key of `FORMATS`, or "" where the content is none of them, or cannot be read."""
    try:
        if path.is_dir():
            return next((kind for file in _files(path)[:_LOOKED_AT] if (kind := recognise(file))), "")
        with path.open("rb") as handle:
            head = handle.read(512)
            if head.startswith(b"\x80"):
                return "fitted"
            if head.startswith(b"PK"):
                return "fitted" if is_fitted(dict.fromkeys(npz_names(path))) else ""
            if path.suffix.lower() == SUFFIX or head.lstrip().startswith(
                (b"v ", b"# https://github.com/mikedh/trimesh")
            ):
                return "meshes"
            handle.seek(0)
            return _kind(JsonStream(handle))
    except (OSError, ValueError, RecursionError, InputError):
        return ""


def _kind(stream: JsonStream) -> str:
    if stream.peek() == "[":
        if stream.head().replace(" ", "").startswith("[[[["):
            return "positions"
        return next((kind for value in stream.items() if (kind := _kind_of(value)) or value), "")
    if stream.peek() != "{":
        return ""
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key in _SKIPPED:
            return ""
        if key in ("meta_info", "instance_info"):
            return "mmpose"
        if kind := _kind_of({key: stream.value()}):
            return kind
    return ""


def _kind_of(value: Any) -> str:
    """Of one value; an empty list says nothing."""
    return "mmpose" if is_mmpose(value) else "fitted" if is_fitted(value) else ""


def read_foreign(path: Path, reading: Reading, kind: str = "auto") -> ForeignHands:
    """All hands of a file or a folder, with the names of the pictures that it tells of.

    Args:
        path: a file, or a folder with a file a picture or a hand, folders in it included.
        reading: what the readers have to be told.
        kind: a key of `FORMATS`; "auto" looks at the content.

    Raises:
        InputError: nothing there, of no known kind, damaged, or not as described; names file and place.
    """
    if not path.exists():
        raise InputError("no such file or folder", where=str(path), next_step="pass --pred FILE")
    found = recognise(path) if kind == "auto" else kind
    if found not in FORMATS:
        raise InputError(
            "is the output of no program that is known here",
            where=str(path),
            next_step="write preds.json, which docs/predictions.md describes, or name its kind with --format",
        )
    if found == "positions":
        order = reading.joint_order or "freihand"
        hands = position_hands(path, reading.cameras, reading.names, order=order, axes=reading.axes)
        return ForeignHands(hands, [hand.picture for hand in hands], FORMATS[found], file_sha256(path))
    files = _files(path, found) if path.is_dir() else [path]
    digest = hashlib.sha256()
    hands, pictures = [], dict[str, None]()
    for picture, some in _read(files, path, found, reading):
        hands += some
        pictures[picture] = None
    for file in files:
        digest.update(bytes.fromhex(file_sha256(file)))
    total = digest.hexdigest() if path.is_dir() else file_sha256(path)
    return ForeignHands(hands, list(pictures), FORMATS[found], total)


def _files(folder: Path, kind: str = "") -> list[Path]:
    """The files of a folder that a reader may take, in the order of their names."""
    wanted = (SUFFIX,) if kind == "meshes" else _SUFFIXES[1:] if kind else _SUFFIXES
    found = [file for file in folder.rglob("*") if file.suffix.lower() in wanted and file.is_file()]
    if kind and not found:
        raise InputError(f"holds no {' or '.join(wanted)}", where=str(folder), next_step=NEXT)
    return sorted(found)


def _read(files: list[Path], top: Path, kind: str, reading: Reading) -> Iterator[tuple[str, list[ForeignHand]]]:
    meshes = Meshes(reading.mano()) if kind == "meshes" else None
    for file in files:
        folder = file.parent.relative_to(top).as_posix() if top.is_dir() else ""
        folder = "" if folder == "." else folder
        if meshes is not None:
            hand = meshes.hand(file, folder)
            yield hand.picture, [hand]
            continue
        stem = file.stem.removeprefix("results_") if kind == "mmpose" else file.stem
        picture = f"{folder}/{stem}" if folder else stem
        for value, where in _contents(file, whole=kind == "mmpose"):
            if kind == "mmpose":
                yield from mmpose_hands(value, picture, where)
            else:
                order = reading.joint_order or "hint"
                yield from fitted_hands(value, picture, where, mano=reading.mano, order=order)


def _contents(file: Path, *, whole: bool) -> Iterator[tuple[Any, str]]:
    """What a file holds, with its place: JSON in parts that belong together, or as a whole."""
    try:
        with file.open("rb") as handle:
            head = handle.read(8)
    except OSError as error:
        raise InputError("cannot be read", where=str(file), why=error.strerror or "", next_step=NEXT) from error
    if head.startswith(b"PK"):
        yield {name: values.tolist() if values.dtype.kind in "OSU" else values
               for name, values in read_npz(file, ARRAYS).items()}, file.name  # fmt: skip
        return
    if head.startswith(b"\x80") or file.suffix.lower() in _PICKLES:
        yield _plain(file), file.name
        return
    try:
        if whole:
            yield json.loads(file.read_bytes()), file.name
            return
        with file.open("rb") as handle:
            yield from _parts(JsonStream(handle), file.name)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=file.name, why=str(error), next_step=NEXT) from error


def _parts(stream: JsonStream, where: str) -> Iterator[tuple[Any, str]]:
    if stream.peek() == "[":
        empty = True
        for k, one in enumerate(stream.items()):
            empty = False
            yield one, f"{where}[{k}]"
        if empty:
            yield [], where
        stream.end()
        return
    held: dict[str, Any] = {}
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        value = stream.value()
        if held or key in ARRAYS or not isinstance(value, list | dict):
            held[key] = value
        else:
            yield {key: value}, where
    stream.end()
    if held:
        yield held, where


def _plain(file: Path) -> Any:
    """The content of a pickle that holds plain data and arrays; nothing in it runs."""
    if file.stat().st_size > _LARGEST_PICKLE:
        raise InputError("is too large for a pickle of predictions", where=file.name, next_step="split it by pictures")
    try:
        return load_plain(file.read_bytes(), records=True)
    except ValueError as error:
        raise InputError(
            "is a Python pickle that holds more than numbers, text, lists and dicts; nothing of it was run",
            where=file.name,
            why=str(error)[:200],
            next_step="dump plain numpy arrays (tensor.cpu().numpy()), or JSON",
        ) from error
