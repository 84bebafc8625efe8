"""HInt's json, read to columns and written back: every value, and whether it was an integer, comes back."""

import gc
import json
import math
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.hint import write as write_hint
from hint_toolkit.export.parquet import write as write_parquet
from hint_toolkit.io import truth_hint
from hint_toolkit.io.hint_names import parse_stem, source_of_stem
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands, open_hands
from hint_toolkit.io.truth_hint import list_pairs, pair_record, read_hint_folders
from hint_toolkit.records import Hand

FOLDER = "TEST_epick_img"


def record(**changed):
    """One hand with coordinates of every spelling that real files may have."""
    points = [[float(k) + 0.25, k] for k in range(21)]
    plain = {"bbox": [[1, 2.5, 30.0, 40]], "keypoints": points, "existence": [1] * 21, "occlusion": [0, 1] * 10 + [0]}
    return plain | changed


def write(root, values, folder=FOLDER):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for k, value in enumerate(values):
        (root / folder / f"EK_{k:04d}_P01_01_frame_{k:010d}_{'lr'[k % 2]}.json").write_text(json.dumps([value]))


def there_and_back(tmp_path, values):
    """What is in the json files after HInt -> Parquet -> HInt, in the order of the names."""
    write(tmp_path / "in", values)
    source = open_hands(tmp_path / "in")
    write_parquet(Dataset(source.batches, Pictures(source.root)), tmp_path / "parquet", ExportOptions())
    hands = read_truth(tmp_path / "parquet").hands
    return hands, written(hands, tmp_path / "out")


def written(hands, out):
    write_hint(Dataset(of_hands(hands), Pictures(out)), out, ExportOptions())
    return [json.loads(file.read_text())[0] for file in sorted(out.rglob("*.json"))]


def same(a, b):
    """Equal, and of the same types all the way down; NaN equals NaN, -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


whole = st.integers(-999_999, 999_999)
coordinates = st.one_of(whole, whole.map(float), st.floats(-1e6, 1e6), st.just(0), st.just(0.0), st.just(-0.0))
flags = st.sampled_from([0, 1])
strange_coordinates = st.one_of(coordinates, st.booleans(), whole.map(str), st.floats(-1e6, 1e6).map(repr))
strange_flags = st.one_of(flags, st.booleans(), st.sampled_from([0.0, 1.0, 2, -1, 0.5, "1", "0"]))
texts = st.text(max_size=5)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def joined(number, flag, extra):
    row = st.lists(number, min_size=2, max_size=2)
    return st.builds(
        lambda box, points, exists, occluded, more: (
            more | {"bbox": [box], "keypoints": points, "existence": exists, "occlusion": occluded}
        ),
        st.lists(number, min_size=4, max_size=4),
        st.lists(row, min_size=21, max_size=21),
        st.lists(flag, min_size=21, max_size=21),
        st.lists(flag, min_size=21, max_size=21),
        extra,
    )


plain_records = joined(coordinates, flags, st.just({}))
strange_records = joined(strange_coordinates, strange_flags, st.dictionaries(texts, anything, max_size=2))


@settings(
    max_examples=25,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.one_of(plain_records, plain_records, strange_records), min_size=1, max_size=3))
def test_any_json_comes_back_with_its_values_and_types(tmp_path_factory, values):
    hands, back = there_and_back(tmp_path_factory.mktemp("any"), values)
    for k, value in enumerate(values):
        assert same(back[k], value), (value, back[k], hands.original[k])


def test_integers_decimals_flags_of_absent_joints_and_further_keys(tmp_path):
    absent = [1] * 20 + [0]
    values = [
        record(),
        record(bbox=[[1.0, 2.0, 3.0, 4.5]], keypoints=[[1.0, 2.5]] * 21),
        record(bbox=[[1, 2, 3, 4.5]], keypoints=[[1, 2.5]] * 21),
        record(existence=absent, occlusion=[1] * 21),
        record(existence=[True] * 21, occlusion=[0.0] * 20 + [2]),
        record(source="EPIC", version={"n": 2**80, "x": [None, math.nan]}),
    ]
    hands, back = there_and_back(tmp_path, values)
    for value, got in zip(values, back, strict=True):
        assert same(got, value)
    assert hands.original[1] == ""
    assert hands.original[2] == '{"integers":"all"}'
    assert json.loads(hands.original[3])["absent_occluded"] == [20]
    assert not hands.occluded[3, 20]
    assert hands.occluded[4].tolist() == [False] * 20 + [True]


def test_a_spelling_never_brings_an_old_value_back(tmp_path):
    write(tmp_path, [record(keypoints=[[5, "7"]] * 21, existence=[0] * 3 + [True] * 18, occlusion=[1] * 21)])
    hands = read_truth(tmp_path).hands
    points, exists, occluded = hands.points.copy(), hands.exists.copy(), hands.occluded.copy()
    points[0, 4] = [5.5, 8.0]
    points[0, 5] = [6.0, 7.0]
    exists[0, :2], exists[0, 9], occluded[0, 9] = True, False, False
    occluded[0, 0] = True
    box = hands.box + 0.5
    (got,) = written(hands.replace(points=points, exists=exists, occluded=occluded, box=box), tmp_path / "out")
    assert got["keypoints"][4] == [5.5, 8.0]
    assert same(got["keypoints"][5], [6, "7"])
    assert same(got["existence"], [1, 1, 0] + [True] * 6 + [0] + [True] * 11)
    assert same(got["occlusion"], [1, 0, 1] + [1] * 6 + [0] + [1] * 11)
    assert got["bbox"] == [[1.5, 3.0, 30.5, 40.5]]


@pytest.mark.parametrize("original", ["{", "[]", "1", '{"integers":[99]}', '{"spelled":{"bbox":{"0":[]}}}', "[" * 9999])
def test_an_original_that_says_something_else_is_named(original):
    hand = Hand("x_l", "x", np.zeros((21, 2)), np.ones(21), np.zeros(21), np.ones(4), "left", original=original)
    with pytest.raises(InputError, match=r"x_l > original: does not say"):
        pair_record(hand)


def test_keys_of_other_formats_are_left_alone(make_hands):
    hand = make_hands(1).replace(original=['{"coco":{"area":3}}'])[0]
    assert pair_record(hand)[0].keys() == {"bbox", "keypoints", "existence", "occlusion"}


def test_one_odd_file_among_many_is_read_and_a_broken_one_is_named(tmp_path):
    write(tmp_path, [record() for _ in range(9)])
    odd = tmp_path / FOLDER / "EK_0004_P01_01_frame_0000000004_l.json"
    odd.write_text(json.dumps([record(note="x", bbox=[[9.0, 9.0, 19.0, 19.0]])]))
    hands = read_hint_folders(tmp_path)
    assert hands.id.tolist() == sorted(hands.id)
    assert [json.loads(text or "{}").get("extra") for text in hands.original] == [None] * 4 + [{"note": "x"}] + [
        None
    ] * 4
    assert hands.box[4].tolist() == [9, 9, 19, 19]
    assert hands.box[5].tolist() == [1, 2.5, 30, 40]
    odd.write_text('[{"bbox": [[1, 2, 3, 4e7]]' + json.dumps(record())[1:-1].partition("]]")[2] + "}]")
    with pytest.raises(InputError, match=r"EK_0004_P01_01_frame_0000000004_l\.json: bbox must be pixels, got 4e\+07"):
        read_hint_folders(tmp_path)
    assert gc.isenabled()


def test_batches_do_not_change_what_is_read(tmp_path, monkeypatch):
    write(tmp_path, [record(bbox=[[k, 1.5, 30.0, 40]]) for k in range(7)])
    at_once = read_hint_folders(tmp_path)
    monkeypatch.setattr(truth_hint, "BATCH", 2)
    again = read_hint_folders(tmp_path)
    assert at_once.id.tolist() == again.id.tolist()
    assert at_once.original.tolist() == again.original.tolist()
    np.testing.assert_array_equal(at_once.box, again.box)


def test_pairs_are_listed_in_the_order_of_ids_with_their_pictures(tmp_path):
    for folder in ("TEST_a_img-b_img", "TEST_a_img", "deep/er/VAL_a_seq", "images"):
        write(tmp_path / "HInt_annotation_partial", [record()] * 2, folder)
    folder = tmp_path / "HInt_annotation_partial" / "TEST_a_img"
    stem = "EK_0000_P01_01_frame_0000000000_l"
    for suffix in (".png", ".jpg", ".txt"):
        (folder / f"{stem}{suffix}").write_bytes(b"")
    (folder / "EK_0001_P01_01_frame_0000000001_r.PNG").write_bytes(b"")
    os.symlink(tmp_path, tmp_path / "circle")
    base, pairs = list_pairs(tmp_path)
    ids = [pair.id for pair in pairs]
    assert ids == sorted(ids)
    assert len(ids) == 6
    hands = read_hint_folders(tmp_path)
    images = dict(zip(hands.id, hands.image, strict=True))
    assert base == tmp_path
    assert images[f"TEST_a_img/{stem}"] == f"HInt_annotation_partial/TEST_a_img/{stem}.jpg"
    assert images["TEST_a_img/EK_0001_P01_01_frame_0000000001_r"].endswith("_r.PNG")
    assert images["TEST_a_img-b_img/EK_0001_P01_01_frame_0000000001_r"] == ""
    assert read_hint_folders(folder).image.tolist()[0] == f"TEST_a_img/{stem}.jpg"


def test_of_several_pictures_the_jpg_is_the_hands(tmp_path):
    write(tmp_path, [record()] * 8)
    for file in sorted((tmp_path / FOLDER).iterdir()):
        for suffix in (".png", ".jpg", ".webp", ".txt"):
            file.with_suffix(suffix).write_bytes(b"")
    assert all(image.endswith(".jpg") for image in read_hint_folders(tmp_path).image)


def test_a_number_beyond_any_video_is_no_frame_number():
    stem = "ND_abc_frame99999999999999999999_r"
    assert (parse_stem(stem).frame_index, parse_stem(stem).side) == (-1, "right")
    assert parse_stem("ND_abc_frame0000008373_r").frame_index == 8373
    assert parse_stem("EK_P03_10_frame_0000000249_h1_l").video_id == "P03_10"
    assert parse_stem("ND_a_b_frame000001_h0_r").video_id == "a_b"
    assert source_of_stem("x/EK_0064_P03_10_frame_0000000249_r.jpg") == "visor"
    assert source_of_stem("some/other_frame_1") == ""
