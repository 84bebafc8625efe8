import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.parquet import hands_to_pandas, hands_to_table, read_hands, read_table, write_table
from hint_toolkit.io.release import read_truth
from hint_toolkit.records import HAND_FIELDS, Hands


def test_hands_come_back_equal(tmp_path, make_hands):
    hands = make_hands(9)
    points = hands.points.copy()
    points[3, 4] = np.nan
    hands = hands.replace(points=points)
    write_table(tmp_path / "h.parquet", hands_to_table(hands), {"note": "x"})
    again = read_hands(tmp_path / "h.parquet")
    for name in HAND_FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(hands, name), err_msg=name)
    assert read_table(tmp_path / "h.parquet")[1] == {"note": "x", "schema_version": "2"}


def test_no_hands_come_back_as_no_hands(tmp_path):
    write_table(tmp_path / "h.parquet", hands_to_table(Hands.of([])), {})
    assert len(read_hands(tmp_path / "h.parquet")) == 0


def test_same_hands_same_bytes(tmp_path, make_hands):
    table = hands_to_table(make_hands(5))
    for name in ("a", "b"):
        write_table(tmp_path / name, table, {"k": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_pandas_reads_the_points(tmp_path, make_hands):
    hands = make_hands(3)
    write_table(tmp_path / "h.parquet", hands_to_table(hands), {})
    frame = pd.read_parquet(tmp_path / "h.parquet")
    np.testing.assert_array_equal(np.stack([np.stack(p) for p in frame["points"]]), hands.points)
    assert frame["side"].tolist() == hands.side.tolist()
    pd.testing.assert_frame_equal(hands_to_pandas(hands), frame)


def test_a_slice_of_a_table_is_read_from_its_own_start(make_hands):
    from hint_toolkit.io.parquet import table_to_hands

    hands = make_hands(6)
    part = table_to_hands(hands_to_table(hands).slice(2, 3), "x")
    np.testing.assert_array_equal(part.points, hands.points[2:5])
    np.testing.assert_array_equal(part.exists, hands.exists[2:5])


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + bytes(20) + b"PAR1"])
def test_what_is_no_parquet_is_named(tmp_path, content):
    (tmp_path / "h.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"h\.parquet: is not a readable Parquet file"):
        read_hands(tmp_path / "h.parquet")


def test_missing_file_column_and_cell_are_named(tmp_path, make_hands):
    with pytest.raises(InputError, match="no such file"):
        read_hands(tmp_path / "nowhere.parquet")
    table = hands_to_table(make_hands(2))
    pq.write_table(table.drop_columns(["side", "box"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column box, side"):
        read_hands(tmp_path / "a.parquet")
    holes = table.set_column(table.schema.get_field_index("side"), "side", pa.array(["left", None]))
    pq.write_table(holes, tmp_path / "b.parquet")
    with pytest.raises(InputError, match="side: has empty cells"):
        read_hands(tmp_path / "b.parquet")


def test_a_wrong_value_names_the_hand(tmp_path, make_hands):
    hands = make_hands(2)
    table = hands_to_table(hands)
    wrong = table.set_column(table.schema.get_field_index("side"), "side", pa.array(["left", "up"]))
    pq.write_table(wrong, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"hand {hands.id[1]}: side must be one of"):
        read_hands(tmp_path / "a.parquet")


def test_a_later_schema_is_refused(tmp_path, make_hands):
    write_table(tmp_path / "a.parquet", hands_to_table(make_hands(1)), {"schema_version": "99"})
    with pytest.raises(InputError, match="schema version 99"):
        read_hands(tmp_path / "a.parquet")


def test_a_file_of_version_1_is_read_with_the_default_of_what_came_later(tmp_path, make_hands):
    hands = make_hands(3)
    old = hands_to_table(hands).drop_columns(["original"])
    old = old.replace_schema_metadata({b"hint_toolkit": b'{"schema_version": "1", "hands": 3}'})
    pq.write_table(old, tmp_path / "hands.parquet", compression="zstd")
    back = read_truth(tmp_path).hands
    assert back.original.tolist() == [""] * 3
    for name in HAND_FIELDS:
        if name != "original":
            np.testing.assert_array_equal(getattr(back, name), getattr(hands, name), err_msg=name)


@pytest.mark.parametrize("metadata", [b"{", b"[]", b"1", b"\xff", b"[" * 9999])
def test_damaged_metadata_are_named(tmp_path, make_hands, metadata):
    table = hands_to_table(make_hands(1)).replace_schema_metadata({b"hint_toolkit": metadata})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: holds damaged metadata"):
        read_hands(tmp_path / "a.parquet")


def test_foreign_columns_and_types_are_named(tmp_path, make_hands):
    table = hands_to_table(make_hands(2))
    extra = table.append_column("picture", pa.array([b"x", None]))
    pq.write_table(extra, tmp_path / "a.parquet")
    assert len(read_hands(tmp_path / "a.parquet")) == 2
    for name, values, kind in (
        ("points", [1.5, 2.5], "double"),
        ("side", [1, 2], "int64"),
        ("box", [[1.0]] * 2, "list"),
    ):
        wrong = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
        pq.write_table(wrong, tmp_path / "b.parquet")
        with pytest.raises(InputError, match=f"b.parquet( > {name})?: ") as caught:
            read_truth(tmp_path / "b.parquet")
        assert "\n" not in str(caught.value)
        assert kind in str(caught.value) or name in str(caught.value)
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match="no column id, frame_id"):
        read_hands(tmp_path / "c.parquet")


def test_variable_lists_of_the_right_length_are_read(tmp_path, make_hands):
    hands = make_hands(2)
    table = hands_to_table(hands)
    loose = pa.array(hands.points.tolist())
    pq.write_table(table.set_column(table.schema.get_field_index("points"), "points", loose), tmp_path / "a.parquet")
    np.testing.assert_array_equal(read_hands(tmp_path / "a.parquet").points, hands.points)
