"""A whole dataset looked at: a clean one has no finding; each planted fault is found at its place, alone."""

import json
import os

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.inspect import inspect, latest
from hint_toolkit.flows.publish import data_files
from hint_toolkit.flows.release import convert
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.hint_counts import HANDS, REMOVED, count_note
from hint_toolkit.io.images import encode_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import content_hash
from hint_toolkit.quality.codes import KINDS
from tests.unit.quality.test_labels import SIZE, clean

FOLDER = "TEST_folder_img"


@pytest.fixture(scope="module")
def jpg():
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1] // 20, SIZE[0] // 20, 3), dtype=np.uint8)
    return encode_jpg(np.kron(noise, np.ones((20, 20, 1), np.uint8)))


def record(hand):
    flags = {"existence": hand.exists.astype(int).tolist(), "occlusion": hand.occluded.astype(int).tolist()}
    return {"bbox": [hand.box.tolist()], "keypoints": hand.points.tolist(), **flags}


@pytest.fixture
def hint(tmp_path, jpg):
    """HInt's folders with four clean hands."""
    root = tmp_path / "HInt_annotation"
    (root / FOLDER).mkdir(parents=True)
    for hand in clean():
        (root / f"{hand.id}.json").write_text(json.dumps([record(hand)]))
        (root / f"{hand.id}.jpg").write_bytes(jpg)
    return root


@pytest.fixture
def release(tmp_path, jpg):
    """A release in Parquet with a manifest and pictures."""
    root = tmp_path / "release"
    return write_release(root, clean().replace(image=pictures(root, jpg)))


def pictures(root, jpg, n=4):
    (root / "images").mkdir(parents=True)
    names = [f"images/{k}.jpg" for k in range(n)]
    for name in names:
        (root / name).write_bytes(jpg)
    return np.array(names, object)


def write_release(root, hands):
    write_table(root / "hands.parquet", hands_to_table(hands), {})
    manifest = {"schema": "hint-release/2", "content": content_hash(hands), "hands": len(hands)}
    write_json(root / "release.json", manifest | {"files": data_files(root)})
    return root


def found(path, **options):
    return [(one.code, one.file, one.id, one.field) for one in inspect(path, **options).findings]


def stem(row):
    return clean().id[row].split("/")[1]


def test_a_clean_dataset_has_no_finding(hint, release):
    looked = inspect(hint, decode=True)
    assert looked.to_dict() == {
        "path": str(hint),
        "format": "HInt folders",
        "hands": 4,
        "version": content_hash(clean()),
        "errors": 0,
        "warnings": 0,
        "counts": {},
        "findings": [],
    }
    assert looked.exit_code == 0
    assert found(hint / FOLDER) == []
    assert found(release, decode=True) == []
    assert found(release / "hands.parquet") == []


@pytest.mark.parametrize("form", ["parquet", "hint"])
def test_what_the_toolkit_writes_is_clean(hint, tmp_path, form):
    convert(hint, tmp_path / "out", formats=[form])
    assert found(tmp_path / "out", decode=True) == []


def test_a_fault_in_a_json_is_named_and_the_others_are_read(hint):
    file = hint / FOLDER / f"{stem(1)}.json"
    for content in (b"", b"[{}]", b"{}", b"[" * 100_000, b'[{"bbox": [[1,2,3,4]]}]', b"\xff\xfe"):
        file.write_bytes(content)
        looked = inspect(hint)
        assert found(hint) == [("bad-json", f"{FOLDER}/{stem(1)}.json", f"{FOLDER}/{stem(1)}", "")]
        assert (looked.hands, looked.exit_code) == (3, 2)


def change(hint, row, **fields):
    hand = clean()[row]
    (hint / f"{hand.id}.json").write_text(json.dumps([record(hand) | fields]))


@pytest.mark.parametrize("flag", [2, -1, 0.5])
def test_flags_that_are_none(hint, flag):
    flags = record(clean()[2])["existence"]
    change(hint, 2, existence=[*flags[:-1], max(flag, 0) if flag != -1 else 1], occlusion=[0] * 20 + [flag])
    codes = {(one[0], one[2], one[3]) for one in found(hint)}
    assert codes == {("flag-value", f"{FOLDER}/{stem(2)}", "pinky_finger4")}


def test_occluded_and_absent_is_a_note_a_joint(hint):
    change(hint, 2, existence=[1] * 19 + [0] * 2, keypoints=[*record(clean()[2])["keypoints"][:19], [0, 0], [0, 0]])
    looked = inspect(hint)
    assert looked.counts == {"occluded-absent": 2}
    assert [one.field for one in looked.findings] == ["pinky_finger3", "pinky_finger4"]
    assert looked.exit_code == 0


def test_a_point_beyond_the_picture_is_seen_without_a_size_in_the_row(hint):
    points = record(clean()[0])["keypoints"]
    points[20] = [SIZE[0] + 3, 62]
    change(hint, 0, keypoints=points)
    name = f"{FOLDER}/{stem(0)}"
    assert found(hint) == [("outside-image", f"{name}.json", name, "pinky_finger4")]


def test_pairs_that_are_not_whole(hint):
    (hint / FOLDER / f"{stem(0)}.jpg").unlink()
    (hint / FOLDER / f"{stem(3)}.json").unlink()
    name = f"{FOLDER}/{stem(0)}"
    assert found(hint) == [
        ("jpg-without-json", f"{FOLDER}/{stem(3)}.jpg", "", ""),
        ("json-without-jpg", f"{name}.json", name, ""),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lambda jpg: b"", "picture-empty"),
        (lambda jpg: b"<html>not found</html>", "picture-unknown"),
        (lambda jpg: jpg[:-2], "picture-truncated"),
        (lambda jpg: jpg[: len(jpg) // 2], "picture-truncated"),
        (lambda jpg: jpg[:100], "picture-unknown"),
    ],
)
def test_damaged_pictures(hint, release, jpg, content, code):
    (hint / FOLDER / f"{stem(1)}.jpg").write_bytes(content(jpg))
    assert found(hint) == [(code, f"{FOLDER}/{stem(1)}.jpg", "", "")]
    (release / "images/2.jpg").write_bytes(content(jpg))
    (release / "release.json").unlink()
    assert found(release) == [(code, "images/2.jpg", "", "")]


def test_bytes_behind_the_end_marker_and_long_metadata_are_fine(hint, jpg):
    comment = b"\xff\xfe" + (60_000).to_bytes(2, "big") + bytes(59_998)
    (hint / FOLDER / f"{stem(1)}.jpg").write_bytes(jpg[:2] + comment + jpg[2:] + bytes(16))
    assert found(hint, decode=True) == []


def test_decoding_finds_what_the_ends_do_not_tell(hint, jpg):
    hollow = jpg[: jpg.index(b"\xff\xda")] + b"\xff\xd9"  # header, tables, and no scan
    (hint / FOLDER / f"{stem(1)}.jpg").write_bytes(hollow)
    assert found(hint) == []
    assert found(hint, decode=True) == [("picture-undecodable", f"{FOLDER}/{stem(1)}.jpg", "", "")]


def test_names_that_do_not_belong(hint, jpg):
    (hint / FOLDER / "a\nb_l.json").write_text("[]")
    (hint / FOLDER / ".DS_Store").write_bytes(b"x")
    (hint / FOLDER / "inner").mkdir()
    (hint / FOLDER / "nobody.json").write_text(json.dumps([record(clean()[0])]))
    (hint / FOLDER / "nobody.jpg").write_bytes(jpg)
    assert found(hint) == [
        ("bad-name", f"{FOLDER}/a\\nb_l.json", "", ""),
        ("no-side", f"{FOLDER}/nobody.json", "", ""),
        ("foreign-file", f"{FOLDER}/.DS_Store", "", ""),
        ("foreign-file", f"{FOLDER}/inner", "", ""),
    ]


def test_bytes_in_a_name_that_are_no_text_can_be_printed(hint):
    try:
        (hint / FOLDER / os.fsdecode(b"\xff_l.json")).write_text("[]")
    except OSError:
        pytest.skip("this file system refuses such names")
    looked = inspect(hint)
    assert looked.counts == {"bad-name": 1}
    json.dumps(looked.to_dict(), ensure_ascii=False).encode()


def test_links(hint, tmp_path, jpg):
    (tmp_path / "elsewhere.jpg").write_bytes(jpg)
    for row, target in ((0, tmp_path / "elsewhere.jpg"), (1, hint / "store.jpg"), (2, tmp_path / "nothing.jpg")):
        (hint / FOLDER / f"{stem(row)}.jpg").unlink()
        (hint / FOLDER / f"{stem(row)}.jpg").symlink_to(target)
    (hint / "store.jpg").write_bytes(jpg)
    lone = f"{FOLDER}/{stem(2)}"
    assert found(hint) == [
        ("leads-outside", f"{FOLDER}/{stem(0)}.jpg", "", ""),
        ("link-broken", f"{lone}.jpg", "", ""),
        ("json-without-jpg", f"{lone}.json", lone, ""),
    ]


def test_a_json_and_a_folder_that_lie_elsewhere_are_not_read(hint, tmp_path):
    file = hint / FOLDER / f"{stem(0)}.json"
    file.rename(tmp_path / "secret.json")
    file.symlink_to(tmp_path / "secret.json")
    (tmp_path / "other/VAL_folder_img").mkdir(parents=True)
    (hint / "VAL_folder_img").symlink_to(tmp_path / "other/VAL_folder_img")
    looked = inspect(hint, ignore=["jpg-without-json"])
    assert looked.hands == 3
    assert [(one.code, one.file) for one in looked.findings] == [
        ("leads-outside", f"{FOLDER}/{stem(0)}.json"),
        ("leads-outside", "VAL_folder_img"),
    ]


def test_the_known_number_of_hands(hint):
    (hint / FOLDER).rename(hint / "TEST_newdays_img")
    looked = inspect(hint)
    assert looked.counts == {"folder-count": 1}
    assert looked.findings[0].text == "holds 4 hands, the release has 1754"
    assert sum(HANDS.values()) == 40_434
    assert sum(REMOVED.values()) == 28
    assert all(count_note(folder, hands) == "" for folder, hands in HANDS.items())
    assert "first annotation version, from which 17" in count_note("TEST_ego4d_img", 1731)
    assert "the release has" in count_note("TEST_ego4d_seq", 6952)


def test_the_size_of_the_row_against_the_picture(tmp_path, jpg):
    root = tmp_path / "release"
    hands = clean().replace(image=pictures(root, jpg), width=np.array([640, 641, 640, 0]))
    assert found(write_release(root, hands)) == [("size-mismatch", "hands.parquet", hands.id[1], "width, height")]


def test_pictures_of_rows_that_are_not_there_or_not_ours(tmp_path, jpg):
    root = tmp_path / "release"
    images = pictures(root, jpg)
    (tmp_path / "elsewhere.jpg").write_bytes(jpg)
    images[0], images[1], images[2] = "images/9.jpg", "../elsewhere.jpg", str(tmp_path / "elsewhere.jpg")
    assert found(write_release(root, clean().replace(image=images))) == [
        ("leads-outside", "../elsewhere.jpg", "", ""),
        ("leads-outside", str(tmp_path / "elsewhere.jpg"), "", ""),
        ("picture-missing", "images/9.jpg", "", ""),
    ]


def test_files_against_the_manifest(release, jpg):
    (release / "images/1.jpg").unlink()
    (release / "images/2.jpg").write_bytes(jpg + b"\0")
    (release / "images/3.jpg").write_bytes(jpg[:50] + bytes([jpg[50] ^ 1]) + jpg[51:])
    assert {one[:2] for one in found(release, only=["file-missing", "file-changed", "picture-missing"])} == {
        ("file-missing", "images/1.jpg"),
        ("picture-missing", "images/1.jpg"),
        ("file-changed", "images/2.jpg"),
        ("file-changed", "images/3.jpg"),
    }


def test_hands_against_the_manifest(release):
    manifest = json.loads((release / "release.json").read_text())
    write_json(release / "release.json", manifest | {"content": "0" * 64})
    assert found(release) == [("content-changed", "release.json", "", "content")]
    (release / "release.json").write_text("[1]")
    assert found(release) == [("unreadable", "release.json", "", "")]


def test_shards(tmp_path):
    root = tmp_path / "shards"
    for k in (0, 2):
        write_table(root / f"hands-{k:05d}-of-00004.parquet", hands_to_table(clean()[k : k + 2]), {})
    assert [one[0] for one in found(root)] == ["file-missing", "file-missing"]
    (root / "hands-00002-of-00004.parquet").write_bytes(b"PAR1, not")
    looked = inspect(root, ignore=["file-missing"])
    assert looked.counts == {"unreadable": 1}
    assert looked.hands == 2


def test_the_same_id_in_two_shards(tmp_path):
    for k in (0, 1):
        write_table(tmp_path / f"r/hands-{k}.parquet", hands_to_table(clean()[:2]), {})
    assert found(tmp_path / "r") == [("id-twice", "hands-1.parquet", clean().id[k], "id") for k in (0, 1)]


def test_a_table_that_says_occluded_and_absent_is_read_on(tmp_path):
    import pyarrow as pa

    exists = clean().exists.copy()
    exists[1, 17] = False  # the pinky's knuckle, occluded in every clean hand
    hands = clean().replace(exists=exists, occluded=np.zeros((4, 21), bool))
    table = hands_to_table(hands)
    at = table.column_names.index("occluded")
    kind = table.schema.field("occluded").type
    table = table.set_column(at, "occluded", pa.array(clean().occluded.tolist(), kind))
    write_table(tmp_path / "r/hands.parquet", table, {})
    looked = inspect(tmp_path / "r")
    assert looked.counts == {"unreadable": 1, "absent-with-point": 1, "occluded-absent": 1}
    assert looked.findings[-1].field == "pinky_finger1"


def test_other_formats_are_read_and_refused_with_their_reader_s_word(tmp_path):
    (tmp_path / "coco.json").write_text('{"annotations": 3}')
    looked = inspect(tmp_path / "coco.json")
    assert looked.counts == {"unreadable": 1}
    assert looked.exit_code == 2


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        inspect(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert found(tmp_path / "empty") == [("no-hands", str(tmp_path / "empty"), "", "")]
    with pytest.raises(InputError, match="no release"):
        latest(tmp_path)


def test_only_and_ignore(hint):
    (hint / FOLDER / f"{stem(0)}.jpg").write_bytes(b"")
    (hint / FOLDER / "x.txt").write_text("")
    assert inspect(hint).counts == {"picture-empty": 1, "foreign-file": 1}
    assert inspect(hint, only=["foreign-file"]).counts == {"foreign-file": 1}
    assert inspect(hint, ignore=["picture-empty"]).exit_code == 0


def test_many_batches_give_the_same_as_one(hint, monkeypatch):
    (hint / FOLDER / f"{stem(1)}.json").write_text("[]")
    (hint / FOLDER / f"{stem(2)}.jpg").write_bytes(b"")
    seen = []
    whole = inspect(hint)
    monkeypatch.setattr("hint_toolkit.flows.inspect.BATCH", 1)
    assert inspect(hint, progress=lambda done, total: seen.append((done, total))) == whole
    assert seen[-1] == (3, 4)
    assert whole.version == content_hash(clean().take(np.array([0, 2, 3])))


def test_a_whole_dataset_in_another_joint_order_is_told(tmp_path):
    from hint_toolkit.joints import FROM_HINT
    from tests.unit.quality.test_anatomy import posed

    points = posed(40, 0.0)[:, list(FROM_HINT["mano"])]
    base = clean(40)
    hands = base.replace(
        points=points,
        box=np.concatenate([points.min(1) - 5, points.max(1) + 5], axis=1),
        width=np.full(40, 900),
        height=np.full(40, 900),
    )
    write_table(tmp_path / "r/hands.parquet", hands_to_table(hands), {})
    assert "looks-like" in inspect(tmp_path / "r").counts


def test_every_code_stands_in_the_documentation():
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs/check.md").read_text()
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    levels = {line.split("`")[1]: line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| `")}
    assert listed == list(KINDS)
    assert levels == {code: kind.level for code, kind in KINDS.items()}
