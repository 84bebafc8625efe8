import io
import json
import pickle
import pickletools
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.hamer_tar import write
from hint_toolkit.io.hamer_record import CROP, person_of, read_person
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.io.truth_tar import read_tar_truth
from hint_toolkit.records import HAND_FIELDS, Hands
from tests.unit.export.test_webdataset import read, shards
from tests.unit.io.test_safe_pickle import mutants

# What HaMeR's loader takes from a sample, and with which shapes (hamer/datasets/image_dataset.py, utils.py).
READ = {
    "keypoints_2d": ((21, 3), "f4"),
    "keypoints_3d": ((21, 4), "f4"),
    "center": ((2,), "f8"),
    "scale": ((2,), "f8"),
    "right": ((), "f4"),
    "hand_pose": ((48,), "f4"),
    "betas": ((10,), "f4"),
    "has_hand_pose": ((), "f4"),
    "has_betas": ((), "f4"),
}


@pytest.fixture
def out(tmp_path):
    write_jpg(tmp_path / "in" / "a.jpg", np.full((48, 64, 3), 200, np.uint8))
    write_jpg(tmp_path / "in" / "b.jpg", np.full((32, 20, 3), 20, np.uint8))

    def out(hands, name="out", **options):
        write(Dataset(of_hands(hands, 3), Pictures(tmp_path / "in")), tmp_path / name, ExportOptions(**options))
        return tmp_path / name

    return out


def loaded(folder):
    """Samples of the shards that a training names, decoded by the real library with the real pickle."""
    urls = [str(folder / name) for name in shards(folder) if "no-picture" not in name]
    return read(urls, ("decode", "rgb8"))


def test_the_loader_finds_its_keys_shapes_and_types(out, make_hands):
    hands = make_hands(8).replace(image=["a.jpg"] * 8).sorted()
    found = loaded(out(hands))
    assert len(found) == 8
    for sample, hand in zip(found, hands, strict=True):
        assert sample["jpg"].shape == (48, 64, 3)
        (person,) = sample["data.pyd"]
        for key, (shape, kind) in READ.items():
            assert isinstance(person[key], np.ndarray), key
            assert (person[key].shape, person[key].dtype) == (shape, np.dtype(kind)), key
            assert person[key].flags.writeable, key  # the loader moves points in place
            assert np.isfinite(person[key]).all(), key
            person[key].copy()  # of the flags, too, when it mirrors
        seen = hand.exists
        np.testing.assert_allclose(person["keypoints_2d"][seen, :2], hand.points[seen], rtol=0, atol=1e-4)
        assert (person["keypoints_2d"][:, 2] == seen).all()  # occluded joints are labelled, too
        assert (person["keypoints_2d"][~seen] == 0).all()
        assert (person["right"] == 1) == (hand.side == "right")
        assert not person["keypoints_3d"].any()
        assert not person["hand_pose"].any()
        assert not person["betas"].any()
        assert person["has_hand_pose"] == person["has_betas"] == 0
        assert person["personid"] == 0


def test_centre_and_scale_by_hand(make_hands):
    hand = replace(make_hands(1)[0], box=np.array([10.0, 20.0, 110.0, 70.0]))
    person = person_of(hand, 0)
    assert person["center"].tolist() == [60.0, 45.0]
    # Twice the box of 100 x 50 over 200: HaMeR cuts out a square of max(scale) * 200 = 200 pixels.
    assert person["scale"].tolist() == [1.0, 0.5]
    assert CROP == 2.0


def test_what_the_filters_of_the_loader_ask(make_hands):
    person = person_of(make_hands(1)[0], 0)
    assert person["extra_info"].get("fitting_loss", np.array({})).item().get("reprojection_loss") is None
    assert person["scale"].min().item() * 200 > 40  # FILTER_MIN_BBOX_SIZE of HaMeR's own mix
    assert (person["keypoints_2d"][:, 2] > 0).sum() > 4  # FILTER_NUM_KP


def test_hands_of_one_picture_are_one_sample(out, make_hands):
    hands = make_hands(6)
    frames, images = ["f1", "f1", "f2", "f2", "f2", "f3"], ["a.jpg", "a.jpg", "b.jpg", "b.jpg", "a.jpg", "a.jpg"]
    ids = [f"TEST_folder_img/{frame}_h{k}_{'lr'[k % 2]}" for k, frame in enumerate(frames)]
    hands = hands.replace(id=ids, frame_id=frames, image=images)
    folder = out(hands)
    found = loaded(folder)
    assert [len(sample["data.pyd"]) for sample in found] == [2, 2, 1, 1]
    assert [sample["__key__"] for sample in found] == [ids[0], ids[2], ids[4], ids[5]]
    assert [sample["jpg"].shape[:2] for sample in found] == [(48, 64), (32, 20), (48, 64), (48, 64)]
    assert [p["personid"] for sample in found for p in sample["data.pyd"]] == [0, 1, 0, 1, 0, 0]
    assert read_truth(folder).hands.id.tolist() == ids


def test_hands_without_a_picture_are_kept_where_no_training_looks(out, make_hands):
    hands = make_hands(7).replace(image=["a.jpg", "", "a.jpg", "", "", "a.jpg", "a.jpg"])
    folder = out(hands, shard_hands=2)
    assert shards(folder) == [
        *(f"hamer_tar/test/{k:06d}.tar" for k in range(2)),
        *(f"hamer_tar/test/no-picture-{k:06d}.tar" for k in range(2)),
    ]
    assert all("jpg" in sample for sample in loaded(folder))
    assert len(loaded(folder)) == 4
    for given in (folder, folder / "hamer_tar", folder / "hamer_tar/test"):
        assert sorted(read_truth(given).hands.id) == sorted(hands.id)
    alone = out(hands.replace(image=[""] * 7), "alone")
    assert shards(alone) == ["hamer_tar/test/no-picture-000000.tar"]
    assert len(read_truth(alone / "hamer_tar").hands) == 7


def test_a_split_has_its_own_folder(out, make_hands):
    hands = Hands.concat([make_hands(2), make_hands(2, split="TRAIN")])
    folder = out(hands.replace(image=["a.jpg"] * 4))
    assert shards(folder) == ["hamer_tar/test/000000.tar", "hamer_tar/train/000000.tar"]
    train = read_truth(folder / "hamer_tar" / "train")
    assert set(train.hands.split) == {"TRAIN"}
    assert len(read_truth(folder / "hamer_tar").hands) == 4


def test_everything_comes_back_and_two_runs_give_the_same_bytes(out, make_hands):
    hands = make_hands(50).replace(image=["a.jpg"] * 50, original=["{}"] * 50)
    folder = out(hands, shard_hands=20)
    back = read_truth(folder).hands.sorted()
    for name in set(HAND_FIELDS) - {"image"}:
        np.testing.assert_array_equal(getattr(back, name), getattr(hands.sorted(), name), err_msg=name)
    assert set(back.image) == {""}
    again = out(hands, "again", shard_hands=20)
    for name in shards(folder):
        assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_no_name_in_the_pickle_that_only_numpy_2_knows(out, make_hands):
    folder = out(make_hands(1).replace(image=["a.jpg"]))
    with tarfile.open(folder / "hamer_tar/test/000000.tar") as archive:
        names = archive.getnames()
        data = archive.extractfile(names[1]).read()
    assert [name.partition(".")[2] for name in names] == ["jpg", "data.pyd"]
    called = {argument for opcode, argument, _ in pickletools.genops(data) if "GLOBAL" in opcode.name}
    assert called == {"numpy ndarray", "numpy dtype", "numpy.core.multiarray _reconstruct"}


def test_a_joint_that_exists_without_a_point_is_not_labelled_and_still_exists(out, make_hands):
    hand = make_hands(1)[0]
    points = hand.points.copy()
    points[0] = np.nan
    folder = out(Hands.of([replace(hand, points=points, image="a.jpg")]))
    (sample,) = loaded(folder)
    assert sample["data.pyd"][0]["keypoints_2d"][0].tolist() == [0, 0, 0]
    back = read_truth(folder)
    assert back.hands.exists[0, 0]
    assert np.isnan(back.hands.points[0, 0]).all()
    assert [issue.text for issue in back.issues] == ["the pictures of 1 samples stay in the shards: hands have none"]


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 5, 5, 9], [np.nan] * 4, [0, 0, np.inf, 5], [0, 0, 2e6, 5]])
def test_a_hand_without_a_box_stops_the_export_not_the_training(out, make_hands, box):
    hands = make_hands(2)
    with pytest.raises(InputError, match=f"{hands.id[1]}: has no box"):
        out(hands.replace(box=[hands.box[0], box]))


def test_a_point_in_no_picture_is_refused(out, make_hands):
    hands = make_hands(1)
    points = hands.points.copy()
    points[0, 0] = [1e9, 0]
    with pytest.raises(InputError, match="has a point that is in no picture"):
        out(hands.replace(points=points))


# Reading: what others wrote.


def foreign(**changed):
    """As public converters to HaMeR's layout write a hand."""
    person = {
        "keypoints_2d": np.concatenate([np.arange(42).reshape(21, 2), np.ones((21, 1))], axis=1).astype(np.float32),
        "keypoints_3d": np.zeros((21, 4), np.float32),
        "center": np.array([30.0, 40.0]),
        "scale": np.array([0.5, 0.25]),
        "right": np.float32(1),
        "hand_pose": np.zeros(48, np.float32),
        "betas": np.zeros(10, np.float32),
        "has_hand_pose": np.float32(1),
        "has_betas": np.float32(1),
        "personid": 0,
        "extra_info": {"fitting_loss": np.array({"reprojection_loss": 3.0})},
    }
    return {key: value for key, value in (person | changed).items() if value is not None}


def tar_of(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, data in samples:
            data = data if isinstance(data, bytes) else pickle.dumps(data)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def pyd(value, key="freihand-train/00000000"):
    return [(f"{key}.jpg", b"\xff\xd8\xff"), (f"{key}.data.pyd", value)]


def test_a_shard_of_hamer_itself(tmp_path):
    confidence = np.ones((21, 1))
    confidence[3], confidence[5] = 0, 0.25
    second = foreign(
        right=np.array(0.0),
        keypoints_2d=np.concatenate([np.full((21, 2), 7.5), confidence], axis=1).astype(np.float32),
        scale=np.array([0.2]),
    )
    tar_of(tmp_path / "freihand-train/000000.tar", pyd([foreign(), second]))
    tar_of(tmp_path / "freihand-train/000001.tar", pyd([foreign(has_betas=True)], "freihand-train/00000001"))
    for given in (tmp_path / "freihand-train", tmp_path):
        truth = read_truth(given)
        assert truth.format == "tar shards"
        assert truth.hands.id.tolist() == [
            *("freihand-train/00000000#0", "freihand-train/00000000#1", "freihand-train/00000001")
        ]
    hands = truth.hands
    assert hands.side.tolist() == ["right", "left", "right"]
    assert hands.box[:2].tolist() == [[-20, -10, 80, 90], [10, 20, 50, 60]]  # centre +- max(scale) * 100
    assert hands.points[0].tolist() == np.arange(42.0).reshape(21, 2).tolist()
    assert np.flatnonzero(~hands.exists[1]).tolist() == [3]
    assert np.isnan(hands.score[0]).all()
    assert hands.score[1][[3, 4, 5]].tolist() == [0, 1, 0.25]
    assert not hands.occluded.any()
    assert set(hands.split) == {"TRAIN"}
    assert set(hands.source) == {"freihand"}
    assert set(hands.image) == {""}
    said = [issue.text for issue in truth.issues]
    assert len(said) == 3
    assert "occlusion is unknown: every labelled joint of 3 hands counts as visible" in said
    assert any("the box of 3 hands is the square that HaMeR cuts out" in text for text in said)
    assert any("the pictures of 2 samples stay" in text for text in said)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("freihand-train/000000.tar", ("TRAIN", "freihand")),
        ("ho3d_val/000012.tar", ("VAL", "ho3d")),
        ("x/mine-test.tar", ("TEST", "mine")),
        ("x/hands.tar.gz", ("TEST", "hands")),
        ("evaluation/0.tar", ("TEST", "")),
    ],
)
def test_one_file_and_what_its_name_says(tmp_path, place, said):
    truth = read_truth(tar_of(tmp_path / place, pyd([foreign()], "00000000")))
    assert truth.hands.id.tolist() == ["00000000"]
    assert (truth.hands.split[0], truth.hands.source[0]) == said


def test_a_key_in_hints_own_names_says_more(tmp_path):
    key = "deep/er/VAL_newdays_img/ND_vid_frame12_l"
    truth = read_truth(tar_of(tmp_path / "a.tar", pyd([foreign(right=np.float32(0))], key)))
    hand = truth.hands[0]
    assert (hand.id, hand.frame_id) == ("VAL_newdays_img/ND_vid_frame12_l", "ND_vid_frame12")
    assert (hand.split, hand.source, hand.video_id, hand.frame_index) == ("VAL", "newdays", "vid", 12)
    truth = read_truth(tar_of(tmp_path / "b.tar", pyd([foreign()], key)))
    assert any(issue.text == "says right, the name says left" for issue in truth.issues)


def test_arrays_that_were_changed_count_and_are_counted(out, make_hands, tmp_path):
    hand = replace(make_hands(1)[0], side="left")
    persons = [person_of(hand, 0) for _ in range(5)]
    for k, person in enumerate(persons):
        text = json.loads(person["extra_info"]["hint"]) | {"id": f"a{k}"}
        person["extra_info"] = {"hint": json.dumps(text)}
    persons[1]["keypoints_2d"][0, :2] += 0.01
    persons[2]["keypoints_2d"][0, 2] = 0
    persons[3]["right"] = np.array(1.0)
    persons[4]["scale"] = persons[4]["scale"] * 2
    truth = read_truth(tar_of(tmp_path / "a.tar", pyd(persons)))
    hands = truth.hands
    assert [issue.text for issue in truth.issues if "differ" in issue.text] == [
        "4 hands have arrays that differ from what was written with them; the arrays are used"
    ]
    np.testing.assert_array_equal(hands.points[0], hand.points)
    np.testing.assert_allclose(hands.points[1, 0], hand.points[0] + 0.01, atol=1e-4)
    assert hands.exists[2, 0] != hand.exists[0]
    assert not hands.occluded[2, 0]
    assert hands.side.tolist() == ["left", "left", "left", "right", "left"]
    assert (hands.box[4, 2:] - hands.box[4, :2]).max() == pytest.approx(2 * (hand.box[2:] - hand.box[:2]).max())


def text_of(hand, **changed):
    return json.dumps(json.loads(person_of(hand, 0)["extra_info"]["hint"]) | changed)


WRONG = {
    "a dict": (foreign(), "must be a list of dicts, got dict"),
    "text": ("x", "must be a list of dicts, got str"),
    "a list of numbers": ([1], "entry 0: must be a dict"),
    "a second entry": ([foreign(), None], "entry 1: must be a dict"),
    "no points": ([foreign(keypoints_2d=None)], "has no key 'keypoints_2d'"),
    "44 joints": ([foreign(keypoints_2d=np.zeros((44, 3)))], r"keypoints_2d must have shape \(21, 3\), got \(44, 3\)"),
    "points of text": ([foreign(keypoints_2d=np.full((21, 3), "x"))], "keypoints_2d must be an array of numbers"),
    "points in a list": ([foreign(keypoints_2d=[[0, 0, 1]] * 21)], "must be an array of numbers, got list"),
    "points of objects": ([foreign(keypoints_2d=np.full((21, 3), None))], "must be an array of numbers"),
    "NaN": ([foreign(keypoints_2d=np.full((21, 3), np.nan))], "keypoints_2d must be finite pixels"),
    "far away": ([foreign(center=np.array([1e7, 0]))], "center must be finite pixels"),
    "a signalling NaN": ([foreign(center=np.full(2, 0x7FA00000, "<u4").view("<f4"))], "center must be finite pixels"),
    "a huge number": ([foreign(right=10**400)], "right must be finite pixels"),
    "no centre": ([foreign(center=np.zeros(3))], "center must have shape"),
    "no scale": ([foreign(scale=np.zeros(2))], "scale must be above 0"),
    "a scale in pixels": ([foreign(scale=np.array([1e5, 1e5]))], "scale must be above 0"),
    "half right": ([foreign(right=np.float32(0.5))], "right must be 0 or 1, got 0.5"),
    "right in words": ([foreign(right="right")], "right must be an array of numbers, got str"),
    "no json": ([foreign(extra_info={"hint": "{"})], "extra_info > hint: "),
    "a deep json": ([foreign(extra_info={"hint": "[" * 100_000})], "extra_info > hint: is nested too deeply"),
    "NaN in json": ([foreign(extra_info={"hint": "[NaN]"})], "holds NaN, which is no JSON"),
    "another json": ([foreign(extra_info={"hint": "{}"})], "must be an object with a schema hint-hand/2"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_sample_that_holds_no_hand_is_one_line(tmp_path, case):
    value, message = WRONG[case]
    with pytest.raises(InputError, match=rf"a\.tar > freihand-train/00000000\.data\.pyd: holds no hand \(.*{message}"):
        read_truth(tar_of(tmp_path / "a.tar", pyd(value)))


FIELDS = [
    ({"schema": "hint-hand/9"}, "schema must be one of"),
    ({"points": [[0, 0]] * 20}, r"points must have shape \(21, 2\)"),
    ({"points": [[0, 0, 0]] * 21}, r"points must have shape \(21, 2\)"),
    ({"points": [["x", 0]] * 21}, "points must be a number or null"),
    ({"points": [[True, 0]] * 21}, "points must be a number or null"),
    ({"points": [[1e7, 0]] * 21}, "points must be pixels"),
    ({"points": [[10**400, 0]] * 21}, "points must be a number or null"),
    ({"points": "x"}, "points must have shape"),
    ({"exists": [1] * 21}, "exists must be true or false"),
    ({"occluded": [True] * 21, "exists": [False] * 21}, "occluded must be a part of exists"),
    ({"side": "up"}, "side must be one of"),
    ({"state": ""}, "state must be one of"),
    ({"id": 3}, "id must be str, got int"),
    ({"id": None}, "id must be str, got NoneType"),
    ({"source": "\ud800"}, "surrogates not allowed"),
    ({"frame_index": 2.0}, "frame_index must be int, got float"),
    ({"frame_index": True}, "frame_index must be int, got bool"),
    ({"width": 2**63}, "width is beyond 64 bits"),
    ({"redistributable": 1}, "redistributable must be bool, got int"),
    ({"time": "1"}, "time must be a number or null"),
]


@pytest.mark.parametrize(("changed", "message"), FIELDS, ids=range(len(FIELDS)))
def test_a_json_of_ours_that_was_broken_names_the_field(tmp_path, make_hands, changed, message):
    text = text_of(make_hands(1)[0], **changed)
    with pytest.raises(InputError, match=rf"a\.tar > k\.json: holds no hand \(.*{message}"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.json", text.encode())]))
    with pytest.raises(InputError, match=rf"extra_info > hint: .*{message}"):
        read_truth(tar_of(tmp_path / "a.tar", pyd([foreign(extra_info={"hint": text})])))


def test_a_column_that_is_not_there(tmp_path, make_hands):
    record = json.loads(text_of(make_hands(1)[0]))
    older = {key: value for key, value in record.items() if key != "original"} | {"schema": "hint-hand/1", "new": 1}
    assert read_truth(tar_of(tmp_path / "a.tar", [("k.json", json.dumps(older).encode())])).hands.original[0] == ""
    del record["box"]
    with pytest.raises(InputError, match="has no field 'box'"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.json", json.dumps(record).encode())]))


class Evil:
    def __reduce__(self):
        return open, ("ran", "w")


def test_nothing_in_a_shard_runs_or_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tar_of(tmp_path / "a.tar", pyd([foreign(extra_info={"x": Evil()})]))
    with pytest.raises(InputError, match=r"asks to run _?io\.open, which is not data"):
        read_truth(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]


@pytest.mark.parametrize("written", ["ours", "foreign"])
def test_two_times_a_thousand_damaged_samples_are_read_or_refused(tmp_path, make_hands, written):
    data = dump_plain([person_of(make_hands(1)[0], 0)]) if written == "ours" else pickle.dumps([foreign()], 4)
    path, read = tmp_path / "a.tar", 0
    for torn in mutants(data, 1000, 5):
        block = tarfile.TarInfo("k.data.pyd")
        block.size = len(torn)
        path.write_bytes(block.tobuf() + torn + b"\0" * (-len(torn) % 512) + b"\0" * 1024)
        try:
            read += len(read_tar_truth(path).hands)
        except InputError as error:
            assert len(str(error).splitlines()) == 1, torn  # noqa: PT017 (any of many)
    assert 10 < read < 990


def test_samples_that_say_two_things_or_nothing(tmp_path, make_hands):
    text = text_of(make_hands(1)[0]).encode()
    with pytest.raises(InputError, match=r"a\.tar > k: has json and data\.pyd; only one of them can count"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.json", text), ("k.data.pyd", [foreign()])]))
    with pytest.raises(InputError, match="no sample in it holds a hand"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.jpg", b""), ("README", b""), (".json", text), ("k.data.pyd", [])]))
    with pytest.raises(InputError, match="is larger than 8 MB"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.json", b" " * (9 << 20))]))
    with pytest.raises(InputError, match="stands there more than once"):
        read_truth(tar_of(tmp_path / "a.tar", [("k.json", text), ("l.json", text)]))


def test_a_tar_beside_hints_folders_is_what_they_came_in(tmp_path, make_hands):
    from hint_toolkit.export.base import Dataset
    from hint_toolkit.export.registry import open_format

    hands = make_hands(2)
    open_format("hint")(Dataset(of_hands(hands), Pictures(tmp_path)), tmp_path / "HInt_annotation", ExportOptions())
    tar_of(tmp_path / "HInt_annotation.tar.gz", [("a", b"")])
    assert read_truth(tmp_path).format == "HInt folders"


def test_both_formats_of_one_release_are_the_hands_once(out, make_hands, tmp_path):
    from hint_toolkit.export.webdataset import write as plain

    hands = make_hands(3)
    folder = out(hands)
    plain(Dataset(of_hands(hands), Pictures(tmp_path)), folder, ExportOptions())
    assert read_truth(folder).hands.id.tolist() == hands.sorted().id.tolist()


def test_person_and_back(make_hands):
    for hand in make_hands(20):
        person = read_person(person_of(hand, 3))
        assert person.hand.id == hand.id
        assert not person.changed
