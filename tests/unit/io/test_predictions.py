import hashlib
import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.predictions import Predictions, read_predictions, write_predictions
from hint_toolkit.joints import FROM_HINT
from tests.broken import valid

POINTS = [[float(k), 2.0 * k] for k in range(21)]


def write(tmp_path, predictions, header=None):
    path = tmp_path / "preds.json"
    path.write_text(json.dumps({"header": header or {}, "predictions": predictions}))
    return path


def test_a_plain_file(tmp_path):
    path = write(tmp_path, [{"id": "TEST_x_img/a_l", "keypoints": POINTS, "side": "left", "extra": 1}], {"method": "m"})
    got = read_predictions(path)
    assert got.ids == ["TEST_x_img/a_l"]
    assert got.method == "m"
    np.testing.assert_array_equal(got.points[0], POINTS)
    assert np.isnan(got.score).all()
    assert len(got.sha256) == 64


def test_null_is_missing_for_a_number_a_point_a_row_and_the_whole(tmp_path):
    points = [*POINTS]
    points[1] = [None, 1.0]
    points[2] = [None, None]
    path = write(tmp_path, [{"id": "a", "keypoints": points}, {"id": "b", "keypoints": None}])
    got = read_predictions(path).points
    assert np.isnan(got[0, 1, 0])
    assert np.isnan(got[0, 2]).all()
    assert np.isnan(got[1:]).all()


def test_nan_is_missing_too(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"predictions": [{"id": "a", "keypoints": [' + ",".join(["[NaN, NaN]"] * 21) + "]}]}")
    assert np.isnan(read_predictions(path).points).all()


def test_another_joint_order_is_put_right(tmp_path):
    mano = [POINTS[k] for k in FROM_HINT["mano"]]
    path = write(tmp_path, [{"id": "a", "keypoints": mano, "score": [p[0] for p in mano]}], {"joint_order": "mano"})
    got = read_predictions(path)
    np.testing.assert_array_equal(got.points[0], POINTS)
    np.testing.assert_array_equal(got.score[0], np.arange(21))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"p\.json: is not JSON"),
        ("{", "is not JSON"),
        ("[]", 'must be an object with a list "predictions"'),
        ('{"predictions": {}}', 'must be an object with a list "predictions"'),
        ('{"header": [1], "predictions": []}', "header: must be an object"),
        ('{"header": {"joint_order": "smpl"}, "predictions": []}', "got 'smpl'"),
        ('{"header": {"joint_order": []}, "predictions": []}', "joint_order is one of"),
        ('{"predictions": [1]}', r'predictions\[0\]: must be an object with a text "id"'),
        ('{"predictions": [{"id": 7}]}', 'text "id"'),
        (
            '{"predictions": [{"id": "a", "keypoints": [[1, 2]]}]}',
            r"a > keypoints: must have shape \(21, 2\), got \(1, 2\)",
        ),
        ('{"predictions": [{"id": "a", "keypoints": [[1, 2], [1]]}]}', "must be numbers or null in the shape"),
        ('{"predictions": [{"id": "a", "keypoints": "xy"}]}', "a > keypoints: must be numbers or null"),
        ('{"predictions": [{"id": "a", "score": [true]}]}', "a > score: must be numbers or null"),
        ('{"predictions": [{"id": "a", "score": ["1"]}]}', "a > score: must be numbers or null"),
        ('{"predictions": [{"id": "a", "side": "l"}]}', "a > side: must be one of"),
        ('{"predictions": [{"id": "a"}, {"id": "a"}]}', "a: stands there more than once"),
        ('{"predictions": [{"id": "a", "score": [' + ",".join(["Infinity"] * 21) + "]}]}", "must not hold an infinity"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_broken_file_is_one_line_with_id_and_field(tmp_path, content, message):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_predictions(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path):
    path = tmp_path / "p.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not JSON"):
        read_predictions(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(tmp_path)


def test_many_problems_are_counted(tmp_path):
    path = write(tmp_path, [{"id": f"h{k}", "keypoints": None, "side": "both"} for k in range(9)])
    with pytest.raises(InputError, match="h4 > side.*and 4 more"):
        read_predictions(path)


def test_what_is_written_is_read_back(tmp_path, rng):
    points = np.round(rng.uniform(-5, 700, (4, 21, 2)), 4)
    points[1] = np.nan
    points[2, 5] = np.nan
    score = np.round(rng.random((4, 21)), 4)
    made = Predictions(
        ["a", "b", "c", "d"], points, score, np.full((4, 21), np.nan), ["left", "", "", "right"], {"method": "m"}
    )
    write_predictions(tmp_path / "p.json", made)
    got = read_predictions(tmp_path / "p.json")
    np.testing.assert_array_equal(got.points, made.points)
    np.testing.assert_array_equal(got.score, made.score)
    assert (got.ids, got.side, got.header) == (made.ids, made.side, made.header)
    assert json.loads((tmp_path / "p.json").read_text())["predictions"][1]["keypoints"] is None


def test_null_points_among_points_of_any_spelling(tmp_path):
    points = [None, *POINTS[1:]]
    triples = [None, *([*p, 0.5] for p in POINTS[1:])]
    path = write(tmp_path, [{"id": "a", "keypoints": points}, {"id": "b", "keypoints": triples}])
    got = read_predictions(path)
    assert np.isnan(got.points[:, 0]).all()
    np.testing.assert_array_equal(got.points[0, 1:], POINTS[1:])
    np.testing.assert_array_equal(got.points[1, 1:], POINTS[1:])
    np.testing.assert_array_equal(got.score[1, 1:], 0.5)


@pytest.mark.parametrize(
    ("name", "format", "ids", "score"),
    [
        ("preds.json", "preds.json", valid.IDS, 0.5),
        ("list.json", "list of records", valid.IDS, 0.5),
        ("coco.json", "COCO results", ["0", "1", "2"], 0.5),
        ("stems.json", "object keyed by stem", [i.split("/")[1] for i in valid.IDS], None),
        ("preds.parquet", "Parquet", valid.IDS, 0.5),
        ("preds.npz", "npz", valid.IDS, 0.5),
        ("object.npz", "npz", valid.IDS, 0.5),
    ],
)
def test_every_format_is_known_by_its_content_whatever_its_name(tmp_path, name, format, ids, score):
    path = tmp_path / "predictions.bin"
    path.write_bytes(valid.predictions_files()[name])
    got = read_predictions(path)
    assert (got.format, got.ids) == (format, ids)
    np.testing.assert_array_equal(got.points, valid.POINTS)
    assert np.isnan(got.score).all() if score is None else (got.score == score).all()
    assert got.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_order_that_the_call_names_overrules_the_header(tmp_path):
    mano = [POINTS[k] for k in FROM_HINT["mano"]]
    path = write(tmp_path, [{"id": "a", "keypoints": mano}], {"joint_order": "rhd"})
    got = read_predictions(path, "mano")
    np.testing.assert_array_equal(got.points[0], POINTS)
    assert got.header["joint_order"] == "mano"


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_what_was_reordered_is_written_in_our_order(tmp_path, suffix):
    mano = [POINTS[k] for k in FROM_HINT["mano"]]
    got = read_predictions(write(tmp_path, [{"id": "a", "keypoints": mano}], {"joint_order": "mano", "method": "m"}))
    write_predictions(tmp_path / f"again.{suffix}", got)
    again = read_predictions(tmp_path / f"again.{suffix}")
    np.testing.assert_array_equal(again.points[0], POINTS)
    assert again.header == {"joint_order": "hint", "method": "m"}


def test_coco_results_call_hands_by_file_name_or_annotation_and_0_0_0_is_missing(tmp_path):
    flat = valid.FLAT[0].tolist()
    flat[3:6] = [0, 0, 0]
    records = [{"file_name": "x/a_l.jpg", "image_id": 4, "keypoints": flat}, {"annotation_id": 7, "keypoints": flat}]
    (tmp_path / "p.json").write_text(json.dumps(records))
    got = read_predictions(tmp_path / "p.json")
    assert got.ids == ["x/a_l.jpg", "#7"]
    assert np.isnan(got.points[:, 1]).all()
    assert np.isfinite(got.points[:, 2:]).all()


def test_a_parquet_with_null_rows_and_points_is_read_row_by_row(tmp_path):
    points = valid.POINTS.tolist()
    points[1] = None
    points[2][4] = None
    path = tmp_path / "p.parquet"
    path.write_bytes(valid.table(**valid.preds_columns() | {"keypoints": points}))
    got = read_predictions(path)
    assert np.isnan(got.points[1]).all()
    assert np.isnan(got.points[2, 4]).all()
    assert np.isfinite(got.points[2, 5:]).all()
    assert got.side == ["left", "", "right"]


def test_a_record_behind_the_first_thousand_is_named(tmp_path):
    records = [{"id": f"h{k}", "keypoints": POINTS} for k in range(3000)]
    records[2500]["keypoints"] = POINTS[:20]
    records[2600] = {"keypoints": POINTS}
    with pytest.raises(InputError, match=r"h2500 > keypoints: must have shape.*predictions\[2600\]"):
        read_predictions(write(tmp_path, records))


def test_a_file_of_a_hundred_thousand_errors_stops_early_and_says_so(tmp_path):
    (tmp_path / "p.json").write_text("[" + "1," * 30_000 + "1]")
    with pytest.raises(InputError, match="and 9995 more"):
        read_predictions(tmp_path / "p.json")


def test_what_nobody_gave_takes_no_memory(tmp_path):
    got = read_predictions(write(tmp_path, [{"id": "a", "keypoints": POINTS}, {"id": "b", "keypoints": POINTS}]))
    assert got.visibility.shape == (2, 21)
    assert got.visibility.strides == (0, 0)
    assert np.isnan(got.visibility).all()
