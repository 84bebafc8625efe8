"""Parquet releases: shards, pictures, metadata, and that other libraries open them as they are."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export import parquet
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.io import parquet_writer
from hint_toolkit.io.parquet import read_hands
from hint_toolkit.io.release import content_hash, read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.licences import CITATION
from hint_toolkit.records import HAND_FIELDS, Hands

JPG = b"\xff\xd8\xff"  # how a JPEG begins; nothing here looks further


@pytest.fixture
def mixed(tmp_path, make_hands):
    """Hands of three splits, each with a picture of its own but for the first."""
    from PIL import Image

    parts = [make_hands(n, "newdays", split=split) for split, n in (("TEST", 7), ("TRAIN", 4), ("VAL", 1))]
    hands = Hands.concat(parts).sorted()
    images = [f"{hand_id}.jpg" for hand_id in hands.id]
    for k, image in enumerate(images):
        (tmp_path / "in" / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8 + k, 6), (20 * k, 0, 0)).save(tmp_path / "in" / image)
    return hands.replace(image=["", *images[1:]], licence=["CC-BY-4.0"] * len(hands))


def export(hands, tmp_path, name="out", size=3, change=None, **options):
    dataset = Dataset(of_hands(hands, size), Pictures(tmp_path / "in", change))
    parquet.write(dataset, tmp_path / name, ExportOptions(**options))
    return tmp_path / name


def equal(a, b, but=("image",)):
    for name in HAND_FIELDS:
        if name not in but:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_shards_hold_one_split_each_and_come_back_whole(tmp_path, mixed):
    out = export(mixed, tmp_path, shard_hands=3)
    assert sorted(file.name for file in out.glob("*.parquet")) == [
        "hands-test-00000-of-00003.parquet",
        "hands-test-00001-of-00003.parquet",
        "hands-test-00002-of-00003.parquet",
        "hands-train-00000-of-00002.parquet",
        "hands-train-00001-of-00002.parquet",
        "hands-validation-00000-of-00001.parquet",
    ]
    assert [len(read_hands(file)) for file in sorted(out.glob("*.parquet"))] == [3, 3, 1, 3, 1, 1]
    truth = read_truth(out)
    equal(truth.hands.sorted(), mixed)
    assert truth.version == content_hash(mixed)
    assert truth.issues == ()


def test_splits_whose_ids_interleave_still_get_files_of_their_own(tmp_path, make_hands):
    hands = make_hands(9)
    hands = hands.replace(id=[f"hand{k}" for k in range(9)], split=["TEST", "VAL", "TRAIN"] * 3)
    out = export(hands, tmp_path, shard_hands=2)
    for file in out.glob("*.parquet"):
        assert len(set(read_hands(file).split)) == 1
    equal(read_truth(out).hands.sorted(), hands)


def test_an_incomplete_dataset_is_not_read_as_a_whole_one(tmp_path, mixed):
    out = export(mixed, tmp_path, shard_hands=3)
    (out / "hands-validation-00000-of-00001.parquet").unlink()
    (issue,) = read_truth(out).issues
    assert "11 of the 12 hands of the dataset are here" in str(issue)
    (issue,) = read_truth(out / "hands-test-00001-of-00003.parquet").issues
    assert "3 of the 12 hands" in str(issue)
    other = export(mixed.replace(box=mixed.box + 1), tmp_path, "other", shard_hands=3)
    one = out / "hands-train-00001-of-00002.parquet"
    whole = one.read_bytes()
    one.write_bytes((other / one.name).read_bytes())
    with pytest.raises(InputError, match="holds shards of 2 versions"):
        read_truth(out)
    one.write_bytes(whole)
    (out / "hands-test-00001-of-00003.parquet").unlink()
    with pytest.raises(
        InputError, match=r"2 of 3 files of test are there; missing: hands-test-00001-of-00003\.parquet"
    ):
        read_truth(out)
    os.rename(out / "hands-test-00002-of-00003.parquet", out / "hands-test-00002-of-99999999999.parquet")
    with pytest.raises(InputError, match="several exports: test was cut into 3 and into 99999999999 files"):
        read_truth(out)
    (out / "hands-test-00000-of-00003.parquet").unlink()
    with pytest.raises(InputError, match=r"00005-of-99999999999\.parquet and 99999999993 more"):
        read_truth(out)


def test_a_split_that_would_leave_the_folder_is_refused(tmp_path, make_hands):
    for splits in (["../x"] * 2, ["Val", "VAL"], [""] * 2):
        hands = make_hands(2).replace(split=splits)
        if splits[0] == "Val":
            hands = hands.replace(split=["validation", "VAL"])
        with pytest.raises(InputError, match="cannot (name a file|be part of a file name)"):
            export(hands, tmp_path, shard_hands=1)


@pytest.mark.parametrize("options", [{}, {"shard_hands": 4}, {"embed": True}])
def test_every_file_says_version_licence_and_citation(tmp_path, mixed, options):
    hands = mixed
    out = export(hands, tmp_path, **options)
    for file in out.glob("*.parquet"):
        said = json.loads(pq.ParquetFile(file).metadata.metadata[b"hint_toolkit"])
        assert said == {
            "schema_version": "2",
            "content": content_hash(hands),
            "hands": 12,
            "splits": {"TEST": 7, "TRAIN": 4, "VAL": 1},
            "licence": {"annotations": "MIT", "pixels": ["CC-BY-4.0"]},
            "citation": CITATION,
        }
    ours = export(hands.replace(source=["folder"] * 12), tmp_path, "ours")
    said = json.loads(pq.ParquetFile(ours / "hands.parquet").metadata.metadata[b"hint_toolkit"])
    assert "citation" not in said


@pytest.mark.parametrize("options", [{}, {"shard_hands": 4}, {"embed": True}])
def test_same_hands_same_bytes_however_they_come(tmp_path, mixed, options, monkeypatch):
    monkeypatch.setattr(parquet_writer, "ROW_GROUP", 5)
    a, b = export(mixed, tmp_path, "a", size=2, **options), export(mixed, tmp_path, "b", size=100, **options)
    files = sorted(file.name for file in a.glob("*.parquet"))
    assert files == sorted(file.name for file in b.glob("*.parquet"))
    for file in files:
        assert (a / file).read_bytes() == (b / file).read_bytes()
    if not options:
        groups = pq.ParquetFile(a / "hands.parquet").metadata
        assert [groups.row_group(k).num_rows for k in range(groups.num_row_groups)] == [5, 5, 2]


def test_coordinates_are_compressed_without_dictionary_and_pictures_not_at_all(tmp_path, mixed):
    file = pq.ParquetFile(next(export(mixed, tmp_path, embed=True).glob("hands-test*"))).metadata.row_group(0)
    columns = {file.column(k).path_in_schema: file.column(k) for k in range(file.num_columns)}
    points, picture = columns["points.list.element.list.element"], columns["picture.bytes"]
    assert points.compression == columns["id"].compression == "ZSTD"
    assert "PLAIN_DICTIONARY" not in points.encodings
    assert "RLE_DICTIONARY" not in points.encodings
    assert "RLE_DICTIONARY" in columns["split"].encodings
    assert picture.compression == "UNCOMPRESSED"
    assert picture.statistics is None
    assert columns["id"].statistics.min == "TEST_newdays_img/clip0_frame00000000_h0_l"


def test_pictures_in_a_folder_keep_one_file_a_source_picture(tmp_path, mixed):
    out = export(mixed, tmp_path)
    back = read_truth(out).hands
    assert back.image.tolist() == ["", *(f"images/{hand_id}.jpg" for hand_id in mixed.id[1:])]
    for k in range(1, 12):
        assert (out / back.image[k]).read_bytes() == (tmp_path / "in" / mixed.image[k]).read_bytes()


def test_two_pictures_of_one_frame_and_two_hands_of_one_picture(tmp_path, make_hands):
    (tmp_path / "in/sub").mkdir(parents=True)
    images = ["a.jpg", "a.jpg", "sub/b.jpg", "c.png", "d", "sub/b.jpg"]
    for image in set(images):
        (tmp_path / "in" / image).write_bytes(JPG + image.encode())
    hands = make_hands(6).replace(frame_id=["f", "f", "f", "f", "../up", "f"], image=images).sorted()
    out = export(hands, tmp_path, size=1)
    back = read_truth(out).hands
    assert sorted(set(back.image)) == [
        "images/TEST_folder_img_clip1_frame00000004_h0_l.jpg",
        "images/f.jpg",
        "images/f.png",
        "images/f~2.jpg",
    ]
    for k in range(6):
        assert (out / back.image[k]).read_bytes() == JPG + hands.image[k].encode()
    assert {p.name for p in out.iterdir()} == {"hands.parquet", "images"}
    assert export(hands, tmp_path, "again").joinpath("hands.parquet").read_bytes() == (
        (out / "hands.parquet").read_bytes()
    )


@pytest.mark.parametrize("frame_id", ["", "..", "x" * 300, "~root", "a\\b", "/etc/x"])
def test_a_frame_id_that_is_no_safe_name_does_not_name_a_file(tmp_path, make_hands, frame_id):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(JPG)
    hands = make_hands(1).replace(image=["a.jpg"], frame_id=[frame_id])
    (image,) = read_truth(export(hands, tmp_path)).hands.image
    assert image == f"images/{hands.id[0].replace('/', '_')}.jpg"


def test_changed_pictures_are_jpg_whatever_they_were(tmp_path, make_hands):
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in/a.png")
    hands = make_hands(1).replace(image=["a.png"])
    out = export(hands, tmp_path, change=lambda pixels: pixels + 100)
    (image,) = read_truth(out).hands.image
    assert image == f"images/{hands.frame_id[0]}.jpg"
    assert (out / image).read_bytes().startswith(b"\xff\xd8")


def test_embedded_pictures_are_the_files_and_their_row_groups_are_small(tmp_path, mixed, monkeypatch):
    sizes = [(tmp_path / "in" / image).stat().st_size if image else 0 for image in mixed.image]
    monkeypatch.setattr(parquet_writer, "PICTURE_BYTES", sizes[1] + sizes[2])
    out = export(mixed, tmp_path, embed=True)
    assert not (out / "images").exists()
    file = pq.ParquetFile(out / "hands-test-00000-of-00001.parquet")
    assert file.metadata.num_row_groups > 2
    rows = file.read().to_pylist()
    assert rows[0]["picture"] is None
    for k in range(1, 7):
        assert rows[k]["picture"]["bytes"] == (tmp_path / "in" / mixed.image[k]).read_bytes()
        assert rows[k]["picture"]["path"] == mixed.image[k].split("/")[-1]
        assert rows[k]["image"] == ""
    equal(read_truth(out).hands.sorted(), mixed)


def test_reading_hands_leaves_the_pictures_on_the_disk(tmp_path, mixed, monkeypatch):
    out = export(mixed, tmp_path, embed=True)
    seen = []
    read = pq.ParquetFile.read
    monkeypatch.setattr(pq.ParquetFile, "read", lambda self, **k: seen.append(k["columns"]) or read(self, **k))
    read_hands(out / "hands-test-00000-of-00001.parquet")
    assert seen == [list(HAND_FIELDS)]


def points_of(value):
    return np.array([[list(point) for point in hand] for hand in value])


@pytest.mark.parametrize("options", [{}, {"shard_hands": 5}, {"embed": True}])
def test_pandas_polars_duckdb_and_pyarrow_open_it_unchanged(tmp_path, mixed, options):
    duckdb, pl, pd = (pytest.importorskip(name) for name in ("duckdb", "polars", "pandas"))
    out = export(mixed, tmp_path, **options)
    pattern = str(out / "hands*.parquet")
    arrow = pa.concat_tables([pq.read_table(file) for file in sorted(out.glob("hands*.parquet"))])
    assert str(arrow.schema.field("points").type).startswith("fixed_size_list<element: fixed_size_list<element: double")
    pandas = pd.concat([pd.read_parquet(file) for file in sorted(out.glob("hands*.parquet"))])
    polars = pl.read_parquet(pattern)
    assert polars.schema["points"] == pl.Array(pl.Float64, (21, 2)) or polars.schema["points"] == pl.List(
        pl.List(pl.Float64)
    )
    query = duckdb.sql(
        f"SELECT id, points, exists, len(points), len(points[1]) FROM '{pattern}' ORDER BY id"
    ).fetchall()
    assert {row[3:] for row in query} == {(21, 2)}
    for ids, points in (
        (pandas["id"], pandas["points"]),
        (polars["id"], polars["points"].to_list()),
        ([row[0] for row in query], [row[1] for row in query]),
        (arrow["id"].to_pylist(), arrow["points"].to_pylist()),
    ):
        order = np.argsort(np.array(list(ids)))
        assert [list(ids)[k] for k in order] == mixed.id.tolist()
        np.testing.assert_array_equal(points_of(points)[order], mixed.points)


DATASETS = """
import json, sys
import datasets
files = {"train": sys.argv[1] + "/hands-train-*.parquet", "test": sys.argv[1] + "/hands-test-*.parquet"}
loaded = datasets.load_dataset("parquet", data_files=files)
rows = loaded["test"]
print(json.dumps({
    "hands": {name: len(split) for name, split in loaded.items()},
    "picture": repr(rows.features.get("picture")),
    "points": repr(rows.features["points"]), "exists": repr(rows.features["exists"]), "box": repr(rows.features["box"]),
    "frame_index": repr(rows.features["frame_index"]), "side": repr(rows.features["side"]),
    "kind": [type(row["picture"]).__name__ for row in rows] if "picture" in rows.features else [],
    "sizes": [row["picture"].size for row in rows if row["picture"]] if "picture" in rows.features else [],
    "first": rows[0]["points"],
}))
"""


@pytest.mark.parametrize("options", [{"shard_hands": 3}, {"embed": True}])
def test_datasets_shows_pictures_and_types(tmp_path, mixed, options):
    pytest.importorskip("datasets")
    out = export(mixed, tmp_path, **options)
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DATASETS, str(out)], env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["hands"] == {"train": 4, "test": 7}
    assert said["points"] == "List(List(Value('float64'), length=2), length=21)"
    assert said["exists"] == "List(Value('bool'), length=21)"
    assert said["box"] == "List(Value('float64'), length=4)"
    assert (said["frame_index"], said["side"]) == ("Value('int64')", "Value('string')")
    assert said["first"] == mixed.points[0].tolist()
    if "embed" in options:
        assert said["picture"].startswith("Image(")
        assert said["kind"] == ["NoneType"] + ["JpegImageFile"] * 6
        assert said["sizes"] == [[8 + k, 6] for k in range(1, 7)]


def test_a_picture_that_is_missing_is_named(tmp_path, mixed):
    (tmp_path / "in" / mixed.image[3]).unlink()
    for options in ({}, {"embed": True}):
        with pytest.raises(InputError, match="the picture is missing"):
            export(mixed, tmp_path, "x", **options)


def test_no_hands_are_a_file_with_no_rows(tmp_path):
    assert len(read_truth(export(Hands.of([]), tmp_path)).hands) == 0
    assert io.BytesIO((tmp_path / "out/hands.parquet").read_bytes()).read(4) == b"PAR1"
