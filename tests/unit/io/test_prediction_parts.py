"""Rows, parts and the finished file: what goes in comes out, a kill costs nothing, and memory does not grow."""

import json
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io import prediction_parts
from hint_toolkit.io.prediction_parts import PredictionParts
from hint_toolkit.io.prediction_rows import PredictionRow, read_poses, read_rows
from hint_toolkit.io.predictions import read_predictions

HEADER = {"method": "tiny", "joint_order": "hint"}


def row(i, vertices=778):
    rng = np.random.default_rng(i)
    extra = {"image": f"{i}.jpg", "frame_index": i, "time": i / 3}
    if i % 7 == 3:
        return PredictionRow(f"TEST/{i}", None, box=np.array([1.0, 2, 3, 4]), extra=extra)
    return PredictionRow(
        f"TEST/{i}",
        rng.normal(100, 10, (21, 2)),
        score=rng.random(21),
        side=("left", "right")[i % 2],
        presence=float(rng.random()),
        box=rng.random(4),
        extra=extra,
        solid={
            "joints3d": rng.normal(size=(21, 3)).astype(np.float32),
            "vertices": rng.normal(size=(vertices, 3)).astype(np.float32),
            "translation": rng.normal(size=3), "focal": 5000.0 + i, "camera": rng.normal(size=3),
            "rotations": rng.normal(size=(16, 3, 3)), "betas": rng.normal(size=10),
        },
    )  # fmt: skip


def write(path, rows, with_=(), key="k"):
    parts = PredictionParts(path, HEADER, key, with_)
    parts.add(r for r in rows if r.id not in parts.done)
    return parts.finish()


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 8)
    monkeypatch.setattr(prediction_parts, "GROUP_ROWS", 12)


def test_what_goes_into_parquet_comes_out(tmp_path):
    rows = [row(i) for i in range(12)]
    path = write(tmp_path / "a.parquet", rows, ("3d", "vertices", "mano"))
    for wanted, got in zip(rows, read_rows(path, batch=5), strict=True):
        assert (got.id, got.side, got.extra) == (wanted.id, wanted.side, wanted.extra)
        np.testing.assert_array_equal([got.presence, *got.box], [wanted.presence, *wanted.box])
        if wanted.points is None:
            assert got.points is None
            assert got.solid["vertices"].shape == (0, 3)
            assert np.isnan(got.solid["focal"])
            continue
        np.testing.assert_array_equal(got.points, wanted.points)
        np.testing.assert_array_equal(got.score, wanted.score)
        assert set(got.solid) == set(wanted.solid)
        for name, value in wanted.solid.items():
            np.testing.assert_array_equal(got.solid[name], value, err_msg=name)
    poses = read_poses(path, vertices=True)
    assert poses.ids == [r.id for r in rows]
    assert poses.rotations.shape == (12, 16, 3, 3)
    np.testing.assert_array_equal(poses.joints[5], rows[5].solid["joints3d"])
    np.testing.assert_array_equal(poses.vertices[5], rows[5].solid["vertices"])
    assert np.isnan(poses.translation[3]).all()
    assert read_poses(path).vertices is None


@pytest.mark.parametrize("name", ["a.json", "a.parquet"])
def test_further_columns_do_not_disturb_the_reader(tmp_path, name):
    rows = [row(i) for i in range(12)]
    read = read_predictions(write(tmp_path / name, rows, ("3d", "mano")))
    assert read.ids == [r.id for r in rows]
    assert read.side == [r.side for r in rows]
    assert read.method == "tiny"
    for k, wanted in enumerate(rows):
        points = np.full((21, 2), np.nan) if wanted.points is None else wanted.points
        np.testing.assert_allclose(read.points[k], points, atol=6e-5)
        np.testing.assert_allclose(read.score[k], wanted.score, atol=6e-5)
    assert np.isnan(read.visibility).all()


def test_json_keeps_every_float32_and_says_null_where_nothing_was_found(tmp_path):
    rows = [row(i) for i in range(5)]
    records = json.loads(write(tmp_path / "a.json", rows, ("3d",)).read_text())["predictions"]
    assert records[3] == {"id": "TEST/3", "keypoints": None, "box": [1.0, 2.0, 3.0, 4.0], "image": "3.jpg",
                          "frame_index": 3, "time": 1.0}  # fmt: skip
    joints = np.array(records[1]["joints3d"])
    np.testing.assert_array_equal(joints.astype(np.float32), rows[1].solid["joints3d"])
    assert "rotations" not in records[1]


@pytest.mark.parametrize(("name", "with_"), [("x.json", ("3d",)), ("x.parquet", ("3d", "vertices"))])
@pytest.mark.parametrize("stopped", [0, 8, 21, 40])
def test_a_stopped_run_ends_with_the_same_bytes(tmp_path, small_parts, name, with_, stopped):
    rows = [row(i, vertices=9) for i in range(40)]
    whole = write(tmp_path / "whole" / name, rows, with_).read_bytes()
    first = PredictionParts(tmp_path / name, HEADER, "k", with_)
    first.add(rows[:stopped])
    first.close()
    again = PredictionParts(tmp_path / name, HEADER, "k", with_)
    assert again.done == {r.id for r in rows[:stopped]}
    again.add(r for r in rows if r.id not in again.done)
    assert (again.rows, again.found) == (40, 40 - 6)
    again.finish()
    assert (tmp_path / name).read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir() if p.name != "whole"] == [name]


def test_a_slow_model_loses_a_minute_and_no_more(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(prediction_parts.time, "monotonic", lambda: now[0])
    parts = PredictionParts(tmp_path / "a.json", HEADER, "k")
    parts.add([row(0)])
    assert not list(tmp_path.glob("a.json.parts/*/*.parquet"))
    now[0] += 61
    parts.add([row(1)])
    parts.add([row(2)])
    assert len(list(tmp_path.glob("a.json.parts/*/*.parquet"))) == 1
    parts.finish()
    assert (tmp_path / "a.json").read_bytes() == write(tmp_path / "b.json", [row(i) for i in range(3)]).read_bytes()


def test_parts_of_other_options_are_left_alone_and_not_used(tmp_path, small_parts):
    rows = [row(i, vertices=9) for i in range(20)]
    first = PredictionParts(tmp_path / "a.json", HEADER, "one key")
    first.add(rows)
    assert not first.others
    first.close()
    second = PredictionParts(tmp_path / "a.json", HEADER, "another")
    assert second.others
    assert not second.done
    second.add(rows)
    second.finish()
    third = PredictionParts(tmp_path / "a.json", HEADER, "one key")
    assert len(third.done) == 20
    third.close()


def test_a_damaged_part_and_those_behind_it_are_made_again(tmp_path, small_parts):
    rows = [row(i, vertices=9) for i in range(32)]
    whole = write(tmp_path / "whole.json", rows).read_bytes()
    first = PredictionParts(tmp_path / "a.json", HEADER, "k")
    first.add(rows)
    first.close()
    damaged = sorted((tmp_path / "a.json.parts").glob("*/*.parquet"))[1]
    damaged.write_bytes(damaged.read_bytes()[:200])
    again = PredictionParts(tmp_path / "a.json", HEADER, "k")
    assert again.done == {r.id for r in rows[:8]}
    again.add(rows[8:])
    assert again.finish().read_bytes() == whole


def test_no_rows_make_a_file_too(tmp_path):
    for name in ("a.json", "a.parquet"):
        assert read_predictions(write(tmp_path / name, [], ("3d",))).ids == []


def test_optional_columns_that_nobody_filled_are_left_out(tmp_path):
    rows = [PredictionRow(str(i), np.ones((21, 2))) for i in range(3)]
    assert pq.read_schema(write(tmp_path / "a.parquet", rows)).names == ["id", "keypoints", "side", "presence", "box"]


def test_what_cannot_be_written_is_one_line(tmp_path):
    for name, with_, text in (
        ("a.csv", (), "cannot write .csv"),
        ("a", (), "a file without suffix"),
        ("a.json", ("vertices",), "JSON cannot hold the vertices"),
        ("a.json", ("4d",), "no '4d' to write"),
    ):
        with pytest.raises(InputError, match=text):
            PredictionParts(tmp_path / name, HEADER, "k", with_)
    assert not list(tmp_path.iterdir())
    one = PredictionParts(tmp_path / "a.json", HEADER, "k")
    with pytest.raises(InputError, match="another process writes this file"):
        PredictionParts(tmp_path / "a.json", HEADER, "k")
    one.add([PredictionRow("1", None, extra={"t": 1}), PredictionRow("2", None, extra={"t": 1.0})])
    with pytest.raises(ValueError, match="2: extra columns"):
        one.finish()
    one.close()
    write(tmp_path / "b.parquet", [row(0)])
    with pytest.raises(InputError, match=r"no hands in space; make it with: hint-eval predict --with 3d"):
        read_poses(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_poses(tmp_path / "c.parquet")


def test_memory_does_not_grow_with_the_hands(tmp_path, monkeypatch):
    """Parts of 16 hands with 778 vertices each: ten times the hands take no more of Python's memory, or of Arrow's."""
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 16)
    monkeypatch.setattr(prediction_parts, "GROUP_ROWS", 64)

    def peak(count):
        pool, arrow = pa.default_memory_pool(), 0
        parts = PredictionParts(tmp_path / f"{count}.parquet", HEADER, "k", ("3d", "vertices"))
        tables = prediction_parts._tables

        def watched(*given):
            nonlocal arrow
            for table in tables(*given):
                arrow = max(arrow, pool.bytes_allocated())
                yield table

        monkeypatch.setattr(prediction_parts, "_tables", watched)
        tracemalloc.start()
        parts.add(row(i) for i in range(count))
        parts.finish()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        monkeypatch.setattr(prediction_parts, "_tables", tables)
        return found, arrow

    few, many = peak(100), peak(1000)
    assert many[0] < 1.3 * few[0] + 200_000
    assert many[1] < 1.3 * few[1] + 200_000
    assert few[1] < 5_000_000 < 1000 * 778 * 12
