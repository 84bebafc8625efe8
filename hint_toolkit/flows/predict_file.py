"""A model's predictions for a dataset or for pictures, into a file: boxes first, then the model, hand by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict import CROP_FACTOR, WAYS, header_of
from hint_toolkit.flows.predict_boxes import FoundBoxes, Progress, find_boxes
from hint_toolkit.flows.predict_inputs import (
    Sheet,
    Wanted,
    check_pictures,
    check_sides,
    dataset_sheets,
    digest,
    file_boxes,
    find_pictures,
    image_sheets,
    stamps,
)
from hint_toolkit.flows.predict_overlay import Overlay
from hint_toolkit.flows.predict_run import Meshes, Run
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.io.boxes import read_boxes
from hint_toolkit.io.picture_size import PictureFacts
from hint_toolkit.io.prediction_parts import PredictionParts
from hint_toolkit.io.release import Truth
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import opened

Boxes = Mapping[Path, Sequence[Prompt]]
_OWNER: Final = {"gt": "given", "detector": "detected", "file": "file's"}


@dataclass(frozen=True)
class PredictOptions:
    """What is predicted and how.

    Attributes:
        model: a detector of the registry and its options.
        boxes: "gt": the dataset's own; "detector"; or a file that `io.boxes.read_boxes` reads.
        box_detector: for "detector".
        enlarge: how much larger than its box the one is that the model is given.
        way: one of `flows.predict.WAYS`.
        with_: words of `io.prediction_rows.WITH`: what of the hand in space is written.
        meshes: where one mesh a hand goes.
        overlay: folder for pictures with their hands drawn, and a sheet of all; pictures only.
        limit: the first so many hands of a dataset, or pictures.
        workers: processes, see `predict_run.Run`.
        cache: where a detector's boxes are kept; None: the cache folder.
    """

    model: Recipe
    boxes: str | Path = "gt"
    box_detector: Recipe = field(default_factory=lambda: Recipe("mediapipe"))
    enlarge: float = 1.0
    way: str = "box"
    with_: tuple[str, ...] = ()
    meshes: Meshes | None = None
    overlay: Path | None = None
    limit: int | None = None
    workers: int = 0
    cache: Path | None = None


@dataclass
class FileReport:
    """What came of it.

    Attributes:
        method: the model's name.
        out: the file.
        pictures: how many.
        hands: rows in the file.
        found: of them those for which the model gave points.
        unboxed: hands of a dataset for which no box was found; they have a row without points.
        empty: pictures in which no hand was found.
        resumed: hands that an earlier, killed run had done.
        others: whether parts of a run with other inputs or options lie there, unused.
        box_detector: its name, "" without.
        box_calls: how often it was asked.
        box_known: pictures whose boxes were known.
        box_kept: False where another process kept the answers of this run from being kept.
        unknown: pictures of the box file that are none here.
    """

    method: str
    out: str
    pictures: int = 0
    hands: int = 0
    found: int = 0
    unboxed: int = 0
    empty: list[str] = field(default_factory=list)
    resumed: int = 0
    others: bool = False
    box_detector: str = ""
    box_calls: int = 0
    box_known: int = 0
    box_kept: bool = True
    unknown: list[str] = field(default_factory=list)


@dataclass
class _Boxes:
    """Boxes of pictures, and what a header and a report say of them. `found` None: the dataset's own."""

    found: Boxes | None
    header: dict[str, Any]
    by: FoundBoxes | None = None
    unknown: list[str] = field(default_factory=list)


def predict_dataset(
    truth: Truth,
    out: Path,
    options: PredictOptions,
    *,
    progress: Progress | None = None,
    box_progress: Progress | None = None,
) -> FileReport:
    """Predict the hands of a dataset; of them only picture, box, side and id are used, never the points.

    A hand that nobody finds gets a row without points, which scores as wrong.

    Args:
        truth: with pictures.
        out: .json or .parquet.
        options: what is predicted and how.
        progress: called with hands done and their number.
        box_progress: called with pictures and their number, while a detector looks for boxes.

    Raises:
        InputError: there are no hands; pictures are missing, not readable or of another size; hands have no box; the
            model cannot give what is wanted; or an option is not known.
    """
    if options.overlay:
        raise InputError("an overlay is made of pictures only", next_step="pass --images instead of --gt")
    if options.limit is not None:
        truth = replace(truth, hands=truth.hands[: options.limit])
    hands = truth.hands
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path))
    sizes = {
        truth.image_root / (image or f"{hand_id} (no picture is named)"): (int(width), int(height))
        for hand_id, image, width, height in zip(hands.id, hands.image, hands.width, hands.height, strict=True)
    }
    facts = check_pictures(sizes)
    names = {
        truth.image_root / image: (Path(image).stem, str(frame))
        for image, frame in zip(hands.image, hands.frame_id, strict=True)
    }
    boxes = _boxes(options, facts, names, box_progress)
    sheets = dataset_sheets(truth, boxes.found, enlarge=options.enlarge)
    about = {"dataset": {"version": truth.version, "format": truth.format, "hands": len(hands)}}
    return _predicted(sheets, out, options, boxes, about, progress)


def predict_images(
    named: Sequence[str],
    out: Path,
    options: PredictOptions,
    *,
    progress: Progress | None = None,
    box_progress: Progress | None = None,
) -> FileReport:
    """Predict all hands in pictures; they are called `<stem>_h<k>`, from left to right.

    Args:
        named: folders, files, patterns (`predict_inputs.find_pictures`).
        out: .json or .parquet.
        options: what is predicted and how; `boxes` "gt" is not possible.
        progress: called with hands done and their number.
        box_progress: called with pictures and their number, while a detector looks for boxes.

    Raises:
        InputError: as `predict_dataset`; there are no pictures, or two of one name.
    """
    if options.boxes == "gt":
        raise InputError("pictures have no boxes of their own", next_step="pass --boxes detector, or a file of boxes")
    pictures = find_pictures(named)[: options.limit]
    facts = check_pictures({path: (0, 0) for path in pictures})
    boxes = _boxes(options, facts, {path: (path.stem,) for path in pictures}, box_progress)
    by_stem = {path.stem: found for path, found in (boxes.found or {}).items()}
    sheets = image_sheets(pictures, by_stem, enlarge=options.enlarge)
    report = _predicted(sheets, out, options, boxes, {"pictures": len(pictures)}, progress, name_pictures=True)
    report.empty = [sheet.name for sheet in sheets if not sheet.hands]
    return report


def _boxes(
    options: PredictOptions,
    facts: Mapping[Path, PictureFacts],
    names: Mapping[Path, tuple[str, ...]],
    progress: Progress | None,
) -> _Boxes:
    """Where the model shall look."""
    if options.boxes == "gt":
        return _Boxes(None, {"source": "gt"})
    if options.boxes == "detector":
        by = find_boxes(
            list(facts), options.box_detector, folder=options.cache, workers=options.workers, progress=progress
        )
        return _Boxes(by.boxes, {"source": "detector", "detector": by.detector}, by)
    known = read_boxes(Path(options.boxes))
    found, unknown = file_boxes(known, names, facts)
    return _Boxes(found, {"source": "file", "kind": known.kind, "sha256": known.sha256}, unknown=unknown)


def _predicted(
    sheets: Sequence[Sheet],
    out: Path,
    options: PredictOptions,
    boxes: _Boxes,
    about: dict[str, Any],
    progress: Progress | None,
    *,
    name_pictures: bool = False,
) -> FileReport:
    """The model's answers, into the file."""
    if options.way not in WAYS:
        raise InputError(f"no way {options.way!r} to predict", next_step=f"use one of: {', '.join(WAYS)}")

    def extra(sheet: Sheet, hand: Wanted) -> dict[str, str | int | float]:
        named: dict[str, str | int | float] = {"image": sheet.name} if name_pictures else {}
        if boxes.found is None:
            return named
        return named | {"box_score": float("nan") if hand.prompt is None else hand.prompt.score}

    overlay = Overlay(options.overlay) if options.overlay else None
    with opened(options.model.name, **options.model.options) as detector:
        if options.way == "box" and getattr(detector, "needs_side", False):
            check_sides(sheets, options.model.name)
        header = header_of(detector, _input(options, boxes)) | about | {
            "boxes": boxes.header | {"enlarge": options.enlarge},
            "options": {k: v.name if isinstance(v, Path) else v for k, v in sorted(options.model.options.items())},
            "with": sorted(options.with_),
            "limit": options.limit,
            "toolkit": __version__,
        }  # fmt: skip
        parts = PredictionParts(out, header, digest(sheets, header), options.with_, stamps(sheets))
        try:
            report = FileReport(detector.name, str(out), len(sheets), resumed=len(parts.done), others=parts.others)
            run = Run(
                detector, options.model, options.way, options.workers, options.with_, options.meshes, extra,
                overlay.draw if overlay else None,
            )  # fmt: skip
            run.into(parts, sheets, progress)
            parts.finish()
        finally:
            parts.close()
    if overlay:
        overlay.finish(sheets)
    report.hands, report.found, report.unknown = parts.rows, parts.found, boxes.unknown
    report.unboxed = sum(hand.prompt is None for sheet in sheets for hand in sheet.hands)
    if boxes.by is not None:
        report.box_detector, report.box_calls = boxes.by.detector, boxes.by.calls
        report.box_known, report.box_kept = boxes.by.known, boxes.by.kept
    return report


def _input(options: PredictOptions, boxes: _Boxes) -> str:
    """What the model was shown, in words."""
    owner = _OWNER[boxes.header["source"]]
    grown = "" if options.enlarge == 1 else f", enlarged {options.enlarge:g} times"
    if options.way == "box":
        return f"the {owner} bbox{grown} and side, by the detector's own crop"
    return f"square of {CROP_FACTOR} x the longer side of the {owner} bbox{grown}, cut to the image"
