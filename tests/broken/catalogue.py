"""Broken files that people send, and what must be said about each: file, id, field and remedy, in one line."""

import io
import pickle
import zipfile
from dataclasses import dataclass

import numpy as np

from tests.broken import valid
from tests.broken.valid import IDS, POINTS, N, dump, npz, preds_arrays, preds_value, record, table, truth_arrays


class Bomb:
    """A pickle that runs code when it is loaded."""

    def __reduce__(self):
        return print, ("this must never run",)


@dataclass(frozen=True)
class Broken:
    """A file and what its one line must hold."""

    name: str
    file: str
    data: bytes
    says: tuple[str, ...]
    truth: bool = False


def _first(**changed):
    return dump(preds_value(predictions=[record(0, **changed), *(record(k) for k in range(1, N))]))


def _columns(**changed):
    return table(**{k: v for k, v in (valid.preds_columns() | changed).items() if v is not None})


def _coco(change):
    value = valid.coco_truth_value()
    change(value)
    return dump(value)


def _unzipped(member, change):
    """The evaluation npz with the raw bytes of one member changed."""
    source, target = zipfile.ZipFile(io.BytesIO(npz(**truth_arrays()))), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(name, change(data) if name == member else data)
    return target.getvalue()


def _without(mapping, key):
    return {k: v for k, v in mapping.items() if k != key}


def _moved(k, value):
    points = POINTS.tolist()[0]
    points[k] = value
    return points


DOCS = "see docs/predictions.md"
TEXT = dump(preds_value())
P = [
    ("empty file", "p.json", b"", ("is not JSON", DOCS)),
    ("cut off half-way", "p.json", TEXT[: len(TEXT) // 2], ("is not JSON", "at the end", DOCS)),
    ("a comma too many", "p.json", TEXT[:-2] + b",]}", ("is not JSON", "at character", DOCS)),
    ("text after the end", "p.json", TEXT + b"x", ("more text after the end", DOCS)),
    ("Latin-1 text", "p.json", TEXT.replace(b'"m"', b'"\xe9"'), ("is not JSON", "UTF-8", DOCS)),
    ("nested too deeply", "p.json", b'{"predictions": [' + b"[" * 10_000, ("nested too deeply", DOCS)),
    ("no list of predictions", "p.json", dump({"header": {}}), ('a list "predictions"', DOCS)),
    ("gzip", "p.json.gz", b"\x1f\x8b\x08\x00" + b"0" * 20, ("packed with gzip", "gunzip")),
    ("a pickle", "p.pkl", pickle.dumps(Bomb()), ("is a Python pickle", "write preds.json")),
    ("header with NaN", "p.json", TEXT.replace(b'"m"', b"NaN"), ("header", "must not hold NaN", "write null")),
    ("unknown joint order", "p.json", TEXT.replace(b'"hint"', b'"smplx"'), ("header", "'smplx'", "name the order")),
    ("no id", "p.json", _first(id=None), ("predictions[0]", 'a text "id"', DOCS)),
    ("the same id twice", "p.json", _first(id=IDS[1]), (IDS[1], "more than once", DOCS)),
    ("half a character", "p.json", _first(id="\ud800"), ("predictions[0] > id", "half a character", DOCS)),
    ("keypoints misspelt", "p.json", dump([_without(record(0), "keypoints")]), (IDS[0], "> keypoints", "null")),
    ("20 joints", "p.json", _first(keypoints=POINTS[0, :20].tolist()), (IDS[0], "> keypoints", "(21, 2)", "(20, 2)")),
    ("text for a number", "p.json", _first(keypoints=_moved(3, ["1", 2])), (IDS[0], "> keypoints", "numbers", DOCS)),
    ("infinity", "p.json", _first(keypoints=_moved(3, [1e999, 2])), (IDS[0], "> keypoints", "infinity", DOCS)),
    ("far outside", "p.json", _first(keypoints=_moved(3, [1e200, 2])), (IDS[0], "> keypoints", "1e+200", DOCS)),
    ("scores of 20 joints", "p.json", _first(score=[1] * 20), (IDS[0], "> score", "(21,)", DOCS)),
    ("visibility of 2", "p.json", _first(visibility=[2] * 21), (IDS[0], "> visibility", "between 0", "got 2", DOCS)),
    ("side as a number", "p.json", _first(side=1), (IDS[0], "> side", "'left', 'right'", "1", DOCS)),
    ("3D third coordinate", "p.json", dump({"a_l": [[1, 2, -0.3]] * 21}), ("a_l", "keypoints", "hint-eval pose3d")),
    ("[xyz, verts]", "p.json", dump([[[[0.1] * 3] * 21] * 2, [[[0.1] * 3] * 9] * 2]), ("p.json", "hint-eval pose3d")),
    ("points without ids", "p.json", dump(POINTS.tolist()), ("p.json", "without ids", 'records with "id"')),
    ("COCO truth as predictions", "p.json", dump(valid.coco_truth_value()), ("p.json", "annotations", "--gt")),
    ("Parquet without ids", "p.parquet", _columns(id=None), ("p.parquet", "no column id", DOCS)),
    ("Parquet cut off", "p.parquet", _columns()[:-40], ("p.parquet", "not a readable Parquet", DOCS)),
    (
        "Parquet of 20 joints",
        "p.parquet",
        _columns(keypoints=POINTS[:, :20].tolist()),
        (IDS[0], "keypoints", "(21, 2)"),
    ),
    ("npz without ids", "p.npz", npz(**_without(preds_arrays(), "ids")), ("p.npz", "no column id", DOCS)),
    ("npz of 20 joints", "p.npz", npz(**preds_arrays() | {"keypoints": POINTS[:, :20]}), ("> keypoints", "(3, 20, 2)")),
    ("npz cut off", "p.npz", npz(**preds_arrays())[:-30], ("p.npz", "not a readable npz", "save it again")),
    (
        "npz that runs code",
        "p.npz",
        npz(**preds_arrays() | {"ids": np.array([Bomb()] * N, dtype=object)}),
        ("p.npz > ids", "asks to run builtins.print", "text as arrays"),
    ),
]
T = [
    ("truth npz without scale", "t.npz", npz(**_without(truth_arrays(), "scale")), ("t.npz", "no array scale", "pass")),
    (
        "truth npz with a zero scale",
        "t.npz",
        npz(**truth_arrays() | {"scale": np.array([1.0, 0.0, 1.0])}),
        (f"t.npz > {IDS[1]} > scale", "positive pixels", "pass HaMeR"),
    ),
    (
        "truth npz whose header lies",
        "t.npz",
        _unzipped("center.npy", lambda data: data.replace(b"(3, 2)", b"(9, 2)")),
        ("t.npz > center", "says shape (9, 2)", "save it again"),
    ),
    (
        "COCO truth without its image",
        "t.json",
        _coco(lambda v: v["images"].pop()),
        ("t.json > annotations[2] > image_id", "no image", DOCS),
    ),
    (
        "COCO truth of 17 joints",
        "t.json",
        _coco(lambda v: v["annotations"][0].update(keypoints=[1] * 51)),
        ("t.json > annotations[0] id 100", "keypoints must be 63 numbers", DOCS),
    ),
    ("a HInt json as truth", "ND_l.json", dump(valid.hint_pair_value()), ("ND_l.json", "with the folder", "pass --gt")),
    ("predictions as truth", "t.parquet", _columns(), ("t.parquet", "no column", "hint-build export")),
]
CATALOGUE = [Broken(*entry) for entry in P] + [Broken(*entry, truth=True) for entry in T]
