import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import folder_name, parse_folder, parse_stem
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import content_hash, pair_record, read_truth

UID = "0a1b2c3d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("stem", "side", "video", "frame"),
    [
        (f"{UID}_{UID}_000123_pre_45_l", "left", UID, 123),
        (f"{UID}_{UID}_000123_pnr_frame_r", "right", UID, 123),
        ("EK_0064_P03_10_frame_0000000249_r", "right", "P03_10", 249),
        ("EK_frame_0000000249_r", "right", "", -1),
        ("ND__a-b_c_frame008373_l", "left", "_a-b_c", 8373),
        ("clip-1_frame00000012_h0_r", "right", "clip-1", 12),
        ("something", "", "", -1),
    ],
)
def test_file_names_tell_side_clip_and_frame(stem, side, video, frame):
    got = parse_stem(stem)
    assert (got.side, got.video_id, got.frame_index) == (side, video, frame)


def test_folder_names_go_both_ways():
    for name in ("TRAIN_ego4d_img", "VAL_ego4d_seq", "TEST_epick_img", "TEST_newdays_img"):
        assert folder_name(*parse_folder(name)) == name
    assert parse_folder("TEST_epick_img") == ("TEST", "visor", "img")
    assert parse_folder("images") is None


def write_pairs(root, hands):
    for hand in hands:
        file = root / f"{hand.id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(pair_record(hand)))


def test_hint_folders_are_read_whole_or_one_at_a_time(tmp_path, make_hands):
    hands = make_hands(6, source="newdays")
    write_pairs(tmp_path / "HInt_annotation", hands)
    whole = read_truth(tmp_path).hands
    one = read_truth(tmp_path / "HInt_annotation" / "TEST_newdays_img").hands
    for got in (whole, one):
        assert sorted(got.id) == sorted(hands.id)
        np.testing.assert_array_equal(got.sorted().points, hands.sorted().points)
        np.testing.assert_array_equal(got.sorted().occluded, hands.sorted().occluded)
        assert got.sorted().side.tolist() == hands.sorted().side.tolist()
        assert set(got.source) == {"newdays"}


def test_parquet_and_hint_folders_of_the_same_hands_have_one_version(tmp_path, make_hands):
    hands = make_hands(5)
    write_pairs(tmp_path / "tree", hands)
    write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
    versions = {read_truth(p).version for p in (tmp_path / "tree", tmp_path / "hands.parquet", tmp_path)}
    assert versions == {content_hash(hands)}


def test_the_version_ignores_order_and_notices_one_moved_keypoint(make_hands):
    hands = make_hands(8)
    shuffled = hands.take(np.array([3, 1, 0, 2, 7, 6, 5, 4]))
    assert content_hash(shuffled) == content_hash(hands)
    points = hands.points.copy()
    points[4, 7, 1] += 1e-9
    assert content_hash(hands.replace(points=points)) != content_hash(hands)
    absent = np.argwhere(~hands.exists)[0]
    for value in (np.nan, 0.0):
        points = hands.points.copy()
        points[tuple(absent)] = value
        assert content_hash(hands.replace(points=points)) != content_hash(hands)
    unknown = hands.points.copy()
    unknown[tuple(absent)] = np.nan
    assert content_hash(hands.replace(points=points)) == content_hash(hands.replace(points=unknown))
    side = hands.side.copy()
    side[0] = {"left": "right", "right": "left"}[side[0]]
    assert content_hash(hands.replace(side=side)) != content_hash(hands)
    renamed = hands.id.copy()
    renamed[0] += "x"
    assert content_hash(hands.replace(id=renamed)) != content_hash(hands)
    flags = hands.occluded.copy()
    flags[0, 0] = not flags[0, 0]
    assert content_hash(hands.replace(occluded=flags)) != content_hash(hands)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: [], "must be a list with one object"),
        (lambda r: {"a": 1}, "must be a list with one object"),
        (lambda r: [{k: v for k, v in r[0].items() if k != "bbox"}], "has no field 'bbox'"),
        (
            lambda r: [r[0] | {"keypoints": r[0]["keypoints"][:20]}],
            r"keypoints must have shape \(21, 2\), got \(20, 2\)",
        ),
        (lambda r: [r[0] | {"existence": ["yes"] * 21}], "could not convert string"),
        (lambda r: [r[0] | {"bbox": [[float("nan")] * 4]}], "bbox must be numbers"),
    ],
)
def test_a_broken_pair_is_named_with_its_field(tmp_path, make_hands, change, message):
    hands = make_hands(1)
    write_pairs(tmp_path, hands)
    file = next(tmp_path.rglob("*.json"))
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(InputError, match=message) as caught:
        read_truth(tmp_path)
    assert file.name in str(caught.value)


def test_json_that_is_no_json_and_a_name_without_side_are_named(tmp_path, make_hands):
    folder = tmp_path / "TEST_newdays_img"
    folder.mkdir()
    (folder / "ND_x_frame1_l.json").write_text("{")
    (folder / "ND_x_frame1.json").write_text("[]")
    with pytest.raises(InputError, match=r"must end in _l or _r.* \| .*ND_x_frame1_l"):
        read_truth(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_truth(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no hands"):
        read_truth(tmp_path)


def test_the_same_id_twice_is_refused(tmp_path, make_hands):
    hands = make_hands(2)
    twice = hands.replace(id=[hands.id[0]] * 2)
    write_table(tmp_path / "h.parquet", hands_to_table(twice), {})
    with pytest.raises(InputError, match="stands there more than once"):
        read_truth(tmp_path / "h.parquet")
