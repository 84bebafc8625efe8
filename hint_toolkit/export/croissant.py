"""`croissant.json`: the release described for machines, in MLCommons' Croissant 1.1.

Vocabulary and context after the specification (docs.mlcommons.org/croissant). Every Parquet file of hands is a
`FileObject` with its sha256; the hands are a record set with one field a column, arrays with their shape. A release
without Parquet is described by its files alone. Nothing here needs the Croissant library, and no clock is read.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.described import (
    SPDX,
    ParquetFiles,
    counted,
    is_hint,
    kinds_of_files,
    parquet_files,
    percent,
    simulated,
    title,
    version,
)
from hint_toolkit.export.summary import Summary
from hint_toolkit.licences import ANNOTATIONS, CITATION
from hint_toolkit.records import HAND_FIELDS, Hands

FILE: Final = "croissant.json"
HANDS: Final = "hands"
_CONFORMS: Final = "http://mlcommons.org/croissant/1.1"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{
        word: f"cr:{word}"
        for word in (
            *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject"),
            *("fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5"),
            *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
            *("separator", "source", "subField", "transform"),
        )
    },
}
_PARQUET: Final = "application/x-parquet"
_MEDIA: Final = {
    ".parquet": _PARQUET,
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".npz": "application/zip",
    ".tar": "application/x-tar",
}
_OTHER: Final = "application/octet-stream"
_TYPES: Final = {"O": "sc:Text", "f": "cr:Float64", "i": "cr:Int64", "b": "sc:Boolean"}
"""By the letter of numpy's kind."""
_SPLITS: Final = {"TRAIN": "cr:TrainingSplit", "VAL": "cr:ValidationSplit", "TEST": "cr:TestSplit"}
_MEANING: Final = {
    "id": "Name of the hand; unique.",
    "frame_id": "Name of the picture that the hand is in.",
    "points": "21 keypoints (x, y) in pixels of the original image; the centre of the top-left pixel is (0, 0).",
    "exists": "Whether each of the 21 joints is in the image.",
    "occluded": "Whether each of the 21 joints exists and is hidden.",
    "box": "x1, y1, x2, y2 in pixels.",
    "side": "left or right, of the person.",
    "score": "Confidence of a detector in each point; NaN for people.",
    "presence": "Confidence of a detector that there is a hand; NaN for people.",
    "side_score": "Confidence of a detector in the side; NaN for people.",
    "source": "Name of the data source.",
    "split": "TRAIN, VAL or TEST.",
    "subset": "img for single pictures, seq for short tracks.",
    "video_id": "The video that the frame is of; empty where it is unknown.",
    "frame_index": "Number of the frame in its video, from 0; -1 where it is unknown.",
    "time": "Seconds from the first frame; NaN where it is unknown.",
    "width": "Of the image in pixels; 0 where it is unknown.",
    "height": "Of the image in pixels; 0 where it is unknown.",
    "image": "Path of the picture from the release folder; empty where none goes along.",
    "detector": "Detector that the label started from; empty for none.",
    "annotator": "Who labelled the hand; simulated is the scripted annotator.",
    "seconds": "Time spent on the hand; NaN where it is unknown.",
    "prelabel_id": "Name of the pre-label that the label started from; empty for none.",
    "state": "What the row is; submitted for a finished label.",
    "licence": "Of the pixels.",
    "redistributable": "Whether the pixels may be passed on.",
    "original": "What the file that it was converted from said and no other column can hold, as JSON.",
}


def write(dataset: Dataset, target: Path, options: ExportOptions, manifest: dict[str, Any]) -> None:
    """Write `croissant.json`, the same bytes for the same release."""
    text = json.dumps(described(dataset.summary, target, options, manifest), indent=2, ensure_ascii=False)
    (target / FILE).write_text(text + "\n", "utf-8")


def described(summary: Summary, target: Path, options: ExportOptions, manifest: dict[str, Any]) -> dict[str, Any]:
    """The description as plain JSON.

    Args:
        summary: of the hands.
        target: the release folder with all data in it.
        options: `published` becomes `datePublished`.
        manifest: of the release, with its files.
    """
    parquet = parquet_files(summary, manifest)
    what = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title(summary),
        "description": _description(summary),
        "conformsTo": _CONFORMS,
        "license": _licences(summary),
        "citeAs": CITATION if is_hint(summary) else f"Labelling scheme: {CITATION}",
        "version": semantic_version(version(manifest), summary.content),
        **({"datePublished": options.published} if options.published else {}),
        "keywords": ["hand pose", "keypoints", "occlusion"],
        "distribution": [*_file_objects(manifest), *_parquet_set(parquet), *_file_sets(target, manifest)],
    }
    if parquet:
        what["recordSet"] = [_splits(summary), _hands(summary, parquet)]
    return what


def semantic_version(name: str, content: str) -> str:
    """`MAJOR.MINOR.PATCH+<content hash>`: from a release called v1, 1.2 or v1.2.3, else 0.0.0.

    Croissant wants three numbers; the hash after them is what tells two datasets apart.
    """
    found = re.fullmatch(r"v?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?", name)
    numbers = ".".join(part or "0" for part in found.groups()) if found else "0.0.0"
    return f"{numbers}+{content[:12]}"


def _description(summary: Summary) -> str:
    existing, occluded = int(summary.existing.sum()), int(summary.occluded.sum())
    text = (
        f"{counted(summary.hands, 'hand')} in {counted(summary.frames, 'frame')}, each with 21 keypoints and, for "
        "every joint, whether it exists in the image and whether it is occluded "
        f"({percent(occluded, existing)} of the existing ones are). Labelled by the scheme of HInt."
    )
    drawn = simulated(summary)
    return f"{text} {counted(drawn, 'hand')} were labelled by a scripted annotator, not by people." if drawn else text


def _licences(summary: Summary) -> list[str]:
    """Of the annotations where it is known, and of the pixels; an SPDX name as its page."""
    stated = {r.licence for r in summary.rights if r.licence} | ({ANNOTATIONS} if is_hint(summary) else set())
    return [f"https://spdx.org/licenses/{s}.html" if s in SPDX else s for s in sorted(stated)] or ["not stated"]


def _file_objects(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables and archives wherever they lie, and all that lies at the top."""
    return [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{facts['bytes']} B",
            "encodingFormat": _MEDIA.get(_suffix(path), _OTHER),
            "sha256": facts["sha256"],
        }
        for path, facts in manifest["files"].items()
        if _is_object(path)
    ]


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _is_object(path: str) -> bool:
    return "/" not in path or _suffix(path) in (".parquet", ".npz", ".tar")


def _parquet_set(parquet: list[ParquetFiles]) -> list[dict[str, Any]]:
    """Several files that are read as one table."""
    if sum(len(one.paths) for one in parquet) < 2:
        return []
    return [_set("hand-tables", [one.pattern for one in parquet], _PARQUET)]


def _file_sets(target: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Pictures and labels that lie in folders, too many to be named one by one."""
    return [
        _set(f"{folder}/*{suffix}", [f"{folder}/*{suffix}"], _MEDIA.get(suffix.lower(), _OTHER))
        for folder, suffix in kinds_of_files(target)
        if not _is_object(f"{folder}/x{suffix}")
    ]


def _set(name: str, includes: list[str], media: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": media, "includes": includes}


def _splits(summary: Summary) -> dict[str, Any]:
    rows = [
        {"splits/name": name, **({"splits/url": _SPLITS[name]} if name in _SPLITS else {"splits/url": "cr:Split"})}
        for name in summary.counts["split"]
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The parts of the data, as `split` of a hand names them.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [_field("splits/name", "name", "sc:Text"), _field("splits/url", "url", "sc:URL")],
        "data": rows,
    }


def _field(name: str, label: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": name, "name": label, "dataType": kind, **more}


def _hands(summary: Summary, parquet: list[ParquetFiles]) -> dict[str, Any]:
    several = bool(_parquet_set(parquet))
    place = {"fileSet": {"@id": "hand-tables"}} if several else {"fileObject": {"@id": parquet[0].paths[0]}}
    fields, empty = [], Hands.of([])
    for name in HAND_FIELDS:
        column = getattr(empty, name)
        shape, kind = column.shape[1:], column.dtype.kind
        more: dict[str, Any] = {
            "description": _MEANING.get(name, name),
            "source": {**place, "extract": {"column": name}},
        }
        if shape:
            more |= {"isArray": True, "arrayShape": ",".join(map(str, shape))}
        fields.append(_field(f"{HANDS}/{name}", name, _TYPES[kind], **more))
    return {
        "@type": "cr:RecordSet",
        "@id": HANDS,
        "name": HANDS,
        "description": f"One row a hand, {summary.hands} in all.",
        "key": {"@id": f"{HANDS}/id"},
        "field": fields,
    }
