import gc
import hashlib
import json
import re
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import webdataset

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.tar_shards import sample_key, series_name
from hint_toolkit.export.webdataset import write
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import HAND_FIELDS, Hands

ODD = [
    "a.b",
    "a.b.c/d.e",
    "a b",
    "h\u00e4nd",
    "a%2Eb",
    "__x__/y",
    "__x",
    "_x",
    "A",
    "a~b",
    "-",
    "a+b,c(d)[e]{f}",
    "..a",
]


@pytest.fixture
def pictures(tmp_path):
    write_jpg(tmp_path / "in" / "a.jpg", np.full((48, 64, 3), 200, np.uint8))
    (tmp_path / "in" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a whole picture")
    (tmp_path / "in" / "c.webp").write_bytes(b"RIFF....WEBP")
    return Pictures(tmp_path / "in")


@pytest.fixture
def out(tmp_path, pictures):
    def out(hands, name="out", **options):
        write(Dataset(of_hands(hands), pictures), tmp_path / name, ExportOptions(**options))
        return tmp_path / name

    return out


def shards(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read(urls, *steps):
    """What the real library gives; it leaves its files to the garbage collector, which is not our warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        dataset = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
        for step, *arguments in steps:
            dataset = getattr(dataset, step)(*arguments)
        found = list(dataset)
        del dataset
        gc.collect()
    return found


def samples(folder, *, only=None):
    """As a user without this toolkit reads them."""
    return read([str(folder / name) for name in shards(folder) if only is None or only in name])


def test_the_real_library_finds_every_hand_with_picture_and_columns(out, make_hands, pictures):
    hands = make_hands(25).sorted()
    hands = hands.replace(image=["a.jpg"] * 20 + [""] * 5)
    found = samples(out(hands, shard_hands=10))
    assert [sample["__key__"] for sample in found] == hands.id.tolist()
    assert [set(sample) - {"__key__", "__url__", "__local_path__"} for sample in found] == [{"jpg", "json"}] * 20 + [
        {"json"}
    ] * 5
    assert found[3]["jpg"] == (pictures.root / "a.jpg").read_bytes()
    for sample, hand in zip(found, hands, strict=True):
        record = json.loads(sample["json"])
        assert list(record) == ["schema", *HAND_FIELDS]
        assert record["schema"] == "hint-hand/2"
        assert record["points"] == hand.points.tolist()
        assert record["exists"] == hand.exists.tolist()
        assert record["box"] == hand.box.tolist()
        assert record["side"] == hand.side
        assert record["score"] == [None] * 21
        assert record["image"] == (f"{hand.id}.jpg" if hand.image else "")


def test_the_code_of_the_page_runs(out, make_hands, monkeypatch, capsys):
    page = (Path(__file__).resolve().parents[3] / "docs" / "tars.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    hands = make_hands(3).replace(image=["a.jpg", "a.jpg", ""]).sorted()
    monkeypatch.chdir(out(hands))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        exec(code, {})
        gc.collect()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[hand.id, hand.side] for hand in hands]
    assert [line.endswith("(48, 64, 3)") for line in lines] == [True, True, False]


def test_shards_by_split_and_size(out, make_hands):
    hands = Hands.concat([make_hands(5), make_hands(7, split="TRAIN"), make_hands(2, split="VAL", source="ego4d")])
    folder = out(hands, shard_hands=3)
    assert shards(folder) == [
        *(f"webdataset/hands-test-{k:06d}.tar" for k in range(2)),
        *(f"webdataset/hands-train-{k:06d}.tar" for k in range(3)),
        "webdataset/hands-val-000000.tar",
    ]
    assert {json.loads(sample["json"])["split"] for sample in samples(folder, only="train")} == {"TRAIN"}
    assert [len(samples(folder, only=f"train-00000{k}")) for k in range(3)] == [3, 3, 1]


def test_a_thousand_hands_are_a_shard_unless_told_otherwise(out, make_hands):
    assert shards(out(make_hands(1001))) == ["webdataset/hands-test-000000.tar", "webdataset/hands-test-000001.tar"]


def test_the_same_bytes_whatever_the_batches_the_folder_and_the_clock(out, make_hands, tmp_path, pictures, monkeypatch):
    hands = make_hands(40).replace(image=["a.jpg"] * 40)
    first = out(hands, shard_hands=15)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write(Dataset(of_hands(hands, 7), pictures), tmp_path / "again", ExportOptions(shard_hands=15))
    digests = [
        [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in shards(folder)]
        for folder in (first, tmp_path / "again")
    ]
    assert digests[0] == digests[1]
    with tarfile.open(first / shards(first)[0]) as archive:
        kinds = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in archive}
    assert kinds == {(0, 0, 0, "", "", 0o644, tarfile.REGTYPE)}


def test_every_column_comes_back(out, make_hands):
    one = replace(
        make_hands(1)[0],
        presence=0.25,
        score=np.linspace(0, 1, 21),
        original='{"a": 1e-7}',
        redistributable=False,
        licence="CC BY 4.0, \u00a9 someone",
        time=1 / 3,
    )
    points = one.points.copy()
    points[4], points[5] = np.nan, [-0.0, 1e-300]
    one = replace(
        one, points=points, exists=one.exists & (np.arange(21) != 4), occluded=one.occluded & (np.arange(21) != 4)
    )
    back = read_truth(out(Hands.of([one]))).hands[0]
    for name in HAND_FIELDS:
        np.testing.assert_array_equal(getattr(back, name), getattr(one, name), err_msg=name)


def test_ids_that_webdataset_would_split_or_pass_over(out, make_hands):
    hands = make_hands(len(ODD))
    hands = hands.replace(id=ODD, image=["a.jpg"] * len(ODD)).sorted()
    folder = out(hands)
    found = samples(folder)
    assert len({sample["__key__"] for sample in found}) == len(ODD)
    assert [set(sample) - {"__key__", "__url__", "__local_path__"} for sample in found] == [{"jpg", "json"}] * len(ODD)
    assert [json.loads(sample["json"])["id"] for sample in found] == hands.id.tolist()
    assert read_truth(folder).hands.id.tolist() == hands.id.tolist()


def test_keys_are_ascii_without_dots_and_no_two_ids_share_one():
    keys = [
        sample_key(hand_id) for hand_id in [*ODD, "a%252Eb", "a%b", "x" * 200 + "/" + "\u00e4" * 100, "%5F_x", "_%5Fx"]
    ]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert key.isascii()
        assert "." not in key
        assert not key.startswith("__")
    assert sample_key("TEST_newdays_img/ND_a-b_frame000_l") == "TEST_newdays_img/ND_a-b_frame000_l"


def test_a_split_of_any_name_is_a_plain_part_of_a_file_name():
    assert [series_name(split) for split in ("TRAIN", "", "../x", "a b%06d")] == ["train", "unsplit", "___x", "a_b_06d"]


def test_a_png_stays_one_and_anything_else_is_refused(out, make_hands):
    folder = out(make_hands(1).replace(image=["b.png"]))
    assert set(samples(folder)[0]) >= {"png", "json"}
    with pytest.raises(InputError, match=r"c\.webp: is neither JPEG nor PNG"):
        out(make_hands(1).replace(image=["c.webp"]))


def test_what_json_cannot_hold_and_too_many_splits(out, make_hands):
    hands = make_hands(1)
    with pytest.raises(InputError, match="cannot be written as JSON"):
        out(hands.replace(seconds=[np.inf]))
    many = make_hands(70)
    with pytest.raises(InputError, match="more than 64 splits"):
        out(many.replace(split=[f"s{k}" for k in range(70)]))


def test_memory_does_not_grow_with_the_hands(tmp_path, make_hands, pictures):
    import tracemalloc

    def batches(n):
        def read():
            for k in range(n):
                yield hands.replace(id=[f"{k:04d}-{i:04d}" for i in range(len(hands))])

        return read

    hands, peaks = make_hands(64).replace(image=["a.jpg"] * 64), []
    for n in (2, 10):
        tracemalloc.start()
        write(Dataset(batches(n), pictures), tmp_path / str(n), ExportOptions(shard_hands=100_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The digests of the summary; a sample has some thousand bytes.
    assert (peaks[1] - peaks[0]) / (8 * 64) < 400
