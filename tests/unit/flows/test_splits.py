"""Leaks between splits: planted by name and by picture, found by both."""

import json

import cv2
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.splits import check_splits, read_groups
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import pair_record
from hint_toolkit.records import Hands


def scene(seed):
    """A picture with structure at every scale, another one for every seed."""
    rng = np.random.default_rng(seed)
    image = np.zeros((240, 320, 3), np.float32)
    for size in (4, 8, 20, 60):
        coarse = rng.uniform(0, 255, (size * 3 // 4 + 1, size, 3)).astype(np.float32)
        image += cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC) / 4
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture
def dataset(tmp_path, make_hands):
    """Thirty hands of three splits and thirty videos, as HInt's folders; `put(k, image)` gives hand k a picture."""
    parts = [make_hands(10, split=split, source="newdays") for split in ("TRAIN", "VAL", "TEST")]
    hands = Hands.concat(parts)
    ids = [f"{s}_newdays_img/ND_video{k:02d}_frame{k:06d}_r" for k, s in enumerate(hands.split)]
    hands = hands.replace(id=ids, side=["right"] * 30)

    def put(k, image):
        write_jpg(tmp_path / "set" / f"{ids[k]}.jpg", image)

    for hand in hands:
        path = tmp_path / "set" / f"{hand.id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(pair_record(hand)))
    for k in range(30):
        put(k, scene(k))
    return tmp_path / "set", put, ids


def test_a_clean_set_has_no_leak(dataset):
    report = check_splits(dataset[0])
    assert (report.parted, report.duplicates, list(report.issues)) == ([], [], [])
    assert report.hands == report.groups == {"TEST": 10, "TRAIN": 10, "VAL": 10}
    assert report.pictures == 30


def test_a_picture_under_two_names_in_two_splits_is_found_and_within_one_split_is_fine(dataset):
    folder, put, ids = dataset
    small = cv2.resize(scene(3), (224, 168), interpolation=cv2.INTER_AREA)
    put(25, small)  # TEST shows TRAIN's picture 3, smaller
    put(24, scene(23))  # within TEST: no leak
    report = check_splits(folder)
    assert [sorted(pair["ids"]) for pair in report.duplicates] == [sorted([ids[3], ids[25]])]
    assert len(report.issues.errors) == 1
    assert check_splits(folder, pictures=False).duplicates == []


def test_a_video_in_two_splits(dataset):
    folder, _, _ = dataset
    source = folder / "TRAIN_newdays_img/ND_video04_frame000004_r.json"
    copy = folder / "TEST_newdays_img/ND_video04_frame000999_r.json"
    copy.write_bytes(source.read_bytes())
    report = check_splits(folder, pictures=False)
    assert report.parted == [{"group": "newdays:video04", "splits": {"TEST": 1, "TRAIN": 1}}]


def test_a_list_of_groups_joins_videos(dataset, tmp_path):
    (tmp_path / "groups.csv").write_text("video_id,group\nvideo01,film\nvideo02,film\nvideo29,film\n")
    report = check_splits(dataset[0], groups=tmp_path / "groups.csv", pictures=False)
    assert report.parted == [{"group": "newdays:film", "splits": {"TEST": 1, "TRAIN": 2}}]


def test_hands_without_video_or_picture_are_counted_aloud(dataset):
    folder, _, _ = dataset
    for name in ("TRAIN_epick_img/EK_frame_1_r", "TEST_epick_img/EK_frame_1_l"):
        path = folder / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(next((folder / "VAL_newdays_img").glob("*.json")).read_bytes())
    (folder / "VAL_newdays_img/ND_video11_frame000011_r.jpg").write_bytes(b"no picture")
    report = check_splits(folder)
    texts = [str(issue) for issue in report.issues]
    assert report.parted == []
    assert any("2 hands name no video" in text for text in texts)
    assert any("2 hands have no picture" in text for text in texts)
    assert any("video11" in text and "could not be compared" in text for text in texts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "columns video_id and group"),
        ("video_id,group\nx,1\nx,2\n", "two groups"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_list_is_one_line(tmp_path, content, said):
    if content is not None:
        (tmp_path / "g.csv").write_text(content)
    with pytest.raises(InputError, match=said):
        read_groups(tmp_path / "g.csv")


def test_the_command_exits_with_2_on_a_leak(dataset, capsys):
    folder, put, _ = dataset
    assert run(cli, "hint-build", ["splits", str(folder), "--quiet"]) == 0
    put(25, scene(3))
    assert run(cli, "hint-build", ["splits", str(folder), "--quiet", "--json"]) == 2
    report = json.loads(capsys.readouterr().out.split("two splits\n")[-1])
    assert len(report["duplicates"]) == 1
    assert run(cli, "hint-build", ["splits", str(folder), "--quiet", "--no-check"]) == 0


def test_one_file_in_two_splits_is_a_leak(tmp_path, make_hands):
    hands = make_hands(4, clips=4)
    for k in range(3):
        write_jpg(tmp_path / f"{k}.jpg", scene(k))
    hands = hands.replace(split=["TRAIN", "TRAIN", "TEST", "TEST"], image=["0.jpg", "1.jpg", "1.jpg", "2.jpg"])
    write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
    report = check_splits(tmp_path)
    assert [sorted(pair["ids"]) for pair in report.duplicates] == [sorted(hands.id[[1, 2]])]
    assert report.pictures == 4
