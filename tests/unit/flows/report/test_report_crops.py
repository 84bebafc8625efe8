import cv2
import numpy as np
import pyarrow as pa
import pytest

from hint_toolkit.flows.report.crops import SIZE, draw_tile, worst_rows
from tests.fixtures.fake_results import HOSTILE


def row_of(fake, id):
    return next(row for row in fake.per_hand.to_pylist() if row["id"] == id)


def found_row(fake):
    return next(r for r in fake.per_hand.to_pylist() if r["found"] and r["id"] not in (fake.no_picture, HOSTILE))


def with_found(table, found):
    return table.set_column(table.column_names.index("found"), "found", pa.array(found))


def test_the_worst_hands_are_those_of_a_plain_sort(fake):
    frame = fake.per_hand.select(["id", "error"]).to_pandas().sort_values(["error", "id"], ascending=[False, True])
    assert [r["id"] for r in worst_rows(fake.per_hand, 12)] == frame["id"].head(12).tolist()
    assert [r["id"] for r in worst_rows(fake.per_hand, 1000)] == frame["id"].tolist(), "NaN stands last"


def test_missed_hands_take_a_third_of_the_places_at_most(fake):
    rows = worst_rows(with_found(fake.per_hand, [k % 2 == 0 for k in range(fake.per_hand.num_rows)]), 9)
    assert [row["found"] for row in rows].count(False) == 3
    assert len(rows) == 9


def test_too_few_found_hands_leave_their_places_to_missed_ones(fake):
    rows = worst_rows(with_found(fake.per_hand, [k < 2 for k in range(fake.per_hand.num_rows)]), 9)
    assert [row["found"] for row in rows].count(True) == 2
    assert len(rows) == 9


def test_a_tile_counts_wrong_joints_and_takes_a_missing_one_for_wrong(fake):
    row = found_row(fake)
    row["exists"] = [True] * 20 + [False]
    row["distance"] = [0.05, 0.0501, float("inf")] + [0.0] * 17 + [float("inf")]
    tile = draw_tile(row, fake.image_root, 0.05)
    assert (tile.wrong, tile.joints, tile.note) == (2, 20, "")
    assert draw_tile(row, fake.image_root, 0.05, border="<").wrong == 3


def test_a_tile_is_a_jpeg_with_the_hand_in_it(fake):
    row = found_row(fake)
    picture = cv2.imdecode(np.frombuffer(draw_tile(row, fake.image_root, 0.05).jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (SIZE, SIZE, 3)
    blank = cv2.imdecode(np.frombuffer(draw_tile(row, None, 0.05).jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert (np.abs(blank.astype(int) - 128) < 8).all(axis=2).mean() > 0.5, "on grey without a picture"
    assert (np.abs(picture.astype(int) - 128) < 8).all(axis=2).mean() < 0.2


def test_a_picture_that_is_not_there_is_said(fake):
    tile = draw_tile(row_of(fake, fake.no_picture), fake.image_root, 0.05)
    assert tile.note.startswith("no such picture: images/")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/secret.jpg", "images/../../secret.jpg"])
def test_pictures_outside_the_data_are_not_read(fake, tmp_path, name):
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "secret.jpg"), np.full((480, 640, 3), 255, np.uint8))
    row = found_row(fake) | {"image": name.replace("/etc", str(tmp_path))}
    assert draw_tile(row, tmp_path / "data", 0.05).note.startswith("picture outside the data's folder")


def test_a_picture_of_another_size_is_not_drawn_on(fake):
    tile = draw_tile(found_row(fake) | {"width": 1280}, fake.image_root, 0.05)
    assert tile.note == "picture is 640 x 480, labels are for 1280 x 480"


def test_a_damaged_picture_is_said(fake, tmp_path):
    row = found_row(fake)
    (tmp_path / row["image"]).parent.mkdir()
    (tmp_path / row["image"]).write_bytes(b"no jpeg")
    assert draw_tile(row, tmp_path, 0.05).note.startswith("is not a readable picture")


def test_a_hand_without_box_or_joints_still_makes_a_tile(fake):
    row = found_row(fake) | {"box": [float("nan")] * 4}
    assert draw_tile(row, fake.image_root, 0.05).jpeg != draw_tile(row | {"exists": [False] * 21}, None, 0.05).jpeg
