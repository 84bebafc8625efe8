"""Datasheet, card and Croissant: true, the same twice, nobody named, and read by the tools that they are for."""

import json
import os
import re
import subprocess
import sys
import time
from itertools import chain

import numpy as np
import pytest
import yaml

from hint_toolkit.export import card, croissant, datasheet
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.described import parquet_files, split_name, words
from hint_toolkit.flows.publish import Order, data_files, publish
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import HAND_FIELDS, Hands

DOCUMENTS = ("README.md", "datasheet.md", "croissant.json")
OPTIONS = ExportOptions(published="2026-01-02")


def released(tmp_path, hands, formats=("parquet",), facts=None, name="v1"):
    write_jpg(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8))
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    publish(dataset, tmp_path / name, Order(formats, OPTIONS, lambda: {"version": "v1", **(facts or {})}))
    return tmp_path / name


def yaml_header(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


@pytest.fixture
def hands(make_hands):
    hands = Hands.concat([make_hands(12), make_hands(9, source="newdays", split="TRAIN")])
    detector = ["mediapipe-1" if i % 2 else "" for i in range(21)]
    licence = ["CC-BY-4.0"] * 12 + ["YouTube, rights of the uploaders"] * 9
    return hands.replace(image=["a.jpg"] * 12 + [""] * 9, detector=detector, licence=licence)


def sharded(tmp_path, hands):
    """A release as it is with shards: one file a split and part."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for split, rows in (("TRAIN", hands[12:]), ("TEST", hands[:5]), ("TEST", hands[5:12])):
        k, n = (0, 1) if split == "TRAIN" else (int(len(rows) == 7), 2)
        path = folder / f"hands-{split.lower()}-{k:05d}-of-{n:05d}.parquet"
        write_table(path, hands_to_table(rows), {})
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    manifest = {"formats": ["parquet"], "toolkit": "0", "version": "shards", "files": data_files(folder)}
    manifest |= dataset.summary.manifest()
    for document in (datasheet, card, croissant):
        document.write(dataset, folder, OPTIONS, manifest)
    return folder, dataset.summary, manifest


def test_they_are_the_same_twice_whatever_the_order_and_the_batches(tmp_path, hands):
    first = released(tmp_path, hands)
    turned = hands.take(np.arange(len(hands))[::-1])
    dataset = Dataset(of_hands(turned, 4), Pictures(tmp_path))
    publish(dataset, tmp_path / "again", Order(["parquet"], OPTIONS, lambda: {"version": "v1"}))
    for name in DOCUMENTS:
        text = (first / name).read_text()
        assert text == (tmp_path / "again" / name).read_text(), name
        assert str(tmp_path) not in text
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text), name


def test_nobody_is_named(tmp_path, hands):
    folder = released(tmp_path, hands.replace(annotator=["ann@lab.org", "bob@lab.org", "simulated"] * 7))
    for name in DOCUMENTS:
        text = (folder / name).read_text()
        assert "ann@lab.org" not in text, name
        assert "bob" not in text, name
    sheet = (folder / "datasheet.md").read_text()
    assert "14 hands, 2 annotators. The rows hold their names." in sheet
    public = released(tmp_path, hands.replace(annotator=["annotator-01"] * 21), name="public")
    assert "The rows name them by pseudonyms." in (public / "datasheet.md").read_text()


def test_simulated_labels_are_said_to_be_no_persons(tmp_path, hands):
    plain = released(tmp_path, hands)
    drawn = released(tmp_path, hands.replace(annotator=["simulated"] * 21), name="drawn")
    for name in DOCUMENTS:
        assert "scripted annotator, not by people" not in (plain / name).read_text()
        assert "scripted annotator" in (drawn / name).read_text()
    assert "By people" not in (drawn / "datasheet.md").read_text()


def test_the_datasheet_has_its_sections_and_numbers(tmp_path, hands):
    text = (
        (released(tmp_path, hands, facts={"take_down_entries": 3, "pictures_changed": "faces"}))
        .joinpath("datasheet.md")
        .read_text()
    )
    heads = re.findall(r"^## (.+)", text, re.M)
    assert heads == [
        *("Motivation", "Composition", "Collection", "Labelling and cleaning", "Uses", "Distribution", "Maintenance")
    ]
    occluded = 100 * hands.occluded.sum() / hands.exists.sum()
    assert f"{occluded:.1f} % of those are occluded" in text
    assert "| TEST\\_folder\\_img | 12 | 6 | 6 | 12 | 3 | 12 |" in text
    assert "21 hands in 21 frames of 6 clips" in text
    assert "mediapipe-1 (10 hands)" in text
    assert "12 hands with the picture beside the label, 9 without" in text
    assert "a list of 3 entries was left out" in text
    assert "**Pictures were changed:** faces" in text
    assert "**Published:** 2026-01-02" in text
    assert text.count("**Unknown here:**") == 4
    wrist = f"| wrist | {hands.exists[:, 0].sum()} | 0.0 % | {100 * hands.occluded[:, 0].mean():.1f} % |"
    assert wrist in text


def test_the_datasheet_names_the_errata(tmp_path, hands):
    plain = (released(tmp_path, hands)).joinpath("datasheet.md").read_text()
    assert "**Errata:** none are recorded" in plain
    facts = {"base": "0123456789abcdef", "errata": [{"name": "left-right", "sha256": "00", "entries": 28}]}
    text = (released(tmp_path, hands, facts=facts, name="v2")).joinpath("datasheet.md").read_text()
    assert "left-right (28 entries), applied to content 0123456789ab." in text


def test_the_datasheet_warns_of_pixels_that_may_not_be_passed_on(tmp_path, hands):
    text = (released(tmp_path, hands)).joinpath("datasheet.md").read_text()
    assert "Do not pass on" not in text
    barred = hands.replace(redistributable=[False] * 21)
    text = (released(tmp_path, barred, name="barred")).joinpath("datasheet.md").read_text()
    assert "12 hands come with a picture that may not be passed on" in text


def test_names_cannot_act_in_the_text(tmp_path, hands):
    evil = hands.replace(licence=["x\n# y|z"] * 12 + ["a|b\x7f<script>"] * 9, source=["folder"] * 12 + ["newdays"] * 9)
    folder = released(tmp_path, evil)
    for name in ("README.md", "datasheet.md"):
        body = (folder / name).read_text().split("---\n")[-1]
        assert "<script>" not in body
        assert "\n# y" not in body
    assert "a\\|b" in (folder / "datasheet.md").read_text()
    assert words("a *b* [c]") == "a \\*b\\* \\[c\\]"


def test_the_cards_header(tmp_path, hands):
    header = yaml_header(released(tmp_path, hands))
    assert header["license"] == "cc-by-4.0"  # the only licence of pictures that go along
    assert header["task_categories"] == ["keypoint-detection"]
    assert header["size_categories"] == ["n<1K"]
    assert header["configs"] == [{"config_name": "default", "data_files": [{"split": "full", "path": "hands.parquet"}]}]
    one = yaml_header(released(tmp_path, hands[:12], name="one"))
    assert one["configs"][0]["data_files"] == [{"split": "test", "path": "hands.parquet"}]
    assert "configs" not in yaml_header(released(tmp_path, hands, ["hint"], name="hint"))
    assert "## Loading" not in (tmp_path / "hint" / "README.md").read_text()


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"licence": ["MIT"] * 21}, "mit"),
        ({"licence": ["MIT", "CC0-1.0"] * 10 + ["MIT"], "image": ["a.jpg"] * 21}, "other"),
        ({"licence": ["My own"] * 21}, "other"),
        ({"licence": [""] * 21}, "unknown"),
        ({"licence": ["MIT"] * 21, "image": [""] * 21}, "unknown"),  # no pixels: whose labels they are is not known
        ({"source": ["newdays"] * 21, "image": [""] * 21}, "mit"),
        ({"source": ["newdays"] * 21}, "other"),
    ],
)
def test_the_cards_licence(tmp_path, hands, columns, wanted):
    header = yaml_header(released(tmp_path, hands.replace(**columns)))
    assert header["license"] == wanted
    assert ("license_name" in header) == (wanted == "other")


def test_embedded_pictures_and_shards_are_described_as_they_are_written(tmp_path, hands):
    write_jpg(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8))
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    options = ExportOptions(embed=True, shard_hands=5)
    publish(dataset, tmp_path / "v1", Order(["parquet"], options, lambda: {"version": "v1"}))
    files = yaml_header(tmp_path / "v1")["configs"][0]["data_files"]
    named = [sorted(path.name for path in (tmp_path / "v1").glob(one["path"])) for one in files]
    assert [one["split"] for one in files] == ["train", "test"]
    assert [len(names) for names in named] == [2, 3]
    assert sorted(chain(*named)) == sorted(p.name for p in (tmp_path / "v1").glob("*.parquet"))
    assert "| `picture` |" in (tmp_path / "v1" / "README.md").read_text()
    assert "| `picture` |" not in (released(tmp_path, hands, name="v2") / "README.md").read_text()


def test_size_categories():
    assert [card.size_category(n) for n in (999, 1000, 40434, 10**6, 10**9)] == [
        *("n<1K", "1K<n<10K", "10K<n<100K", "1M<n<10M", "100M<n<1B")
    ]


def test_shards_are_found_by_split(tmp_path, hands):
    folder, summary, manifest = sharded(tmp_path, hands)
    found = parquet_files(summary, manifest)
    assert [(one.split, one.pattern) for one in found] == [
        ("train", "hands-train-*-of-00001.parquet"),
        ("test", "hands-test-*-of-00002.parquet"),
    ]
    assert [len(one.paths) for one in found] == [1, 2]
    for one in found:
        assert sorted(p.name for p in folder.glob(one.pattern)) == list(one.paths)
    assert [split_name(s) for s in ("VAL", "my-Split", "été", "?")] == ["validation", "my_split", "t", "full"]


def run_in(folder, code, tmp_path):
    caches = {name: str(tmp_path / "cache") for name in ("HF_HOME", "HF_DATASETS_CACHE", "CROISSANT_CACHE")}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | caches | offline, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1]), run.stderr


@pytest.mark.parametrize("shards", [False, True])
def test_the_cards_lines_load_the_hands(tmp_path, hands, shards):
    """`datasets` reads the header and the files; the code is the card's own."""
    folder = sharded(tmp_path, hands)[0] if shards else released(tmp_path, hands)
    first, second = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S)
    show = "import json\none = hands[0]\n"
    show += "print(json.dumps([list(hands['id']), one['points'], one['occluded'], visible, len(table)]))\n"
    (ids, points, occluded, visible, rows), _ = run_in(folder.parent, first + second + show, tmp_path)
    wanted = (hands[:12] if shards else hands).sorted()
    assert sorted(ids) == wanted.id.tolist()
    place = wanted.id.tolist().index(ids[0])
    np.testing.assert_array_equal(points, wanted.points[place])
    assert occluded == wanted.occluded[place].tolist()
    assert visible == (wanted.exists & ~wanted.occluded)[place].tolist()
    assert rows == (5 if shards else 21)


READ = """
import json, logging, warnings
import mlcroissant
import numpy as np
dataset = mlcroissant.Dataset(jsonld="croissant.json")
issues = dataset.metadata.ctx.issues
rows = list(dataset.records("hands"))
points = {r["hands/id"].decode(): np.array(r["hands/points"]).tolist() for r in rows}
flags = {r["hands/id"].decode(): [bool(v) for v in r["hands/occluded"]] for r in rows}
splits = sorted(r["splits/name"] for r in dataset.records("splits"))
kinds = {type(v).__name__ for v in np.ravel(rows[0]["hands/points"])}
found = [sorted(issues.errors), sorted(issues.warnings), points, flags, splits, sorted(rows[0]), sorted(kinds)]
print(json.dumps(found))
"""


@pytest.mark.parametrize("shards", [False, True])
def test_the_croissant_library_reads_every_hand(tmp_path, hands, shards):
    folder = sharded(tmp_path, hands)[0] if shards else released(tmp_path, hands)
    (errors, warned, points, flags, splits, fields, kinds), log = run_in(folder, READ, tmp_path)
    assert (errors, warned) == ([], [])
    assert "WARNING" not in log
    assert sorted(points) == hands.sorted().id.tolist()
    for hand in hands:
        np.testing.assert_array_equal(points[hand.id], hand.points)
        assert flags[hand.id] == hand.occluded.tolist()
    assert splits == ["TEST", "TRAIN"]
    assert fields == sorted(f"hands/{name}" for name in HAND_FIELDS)
    assert kinds == ["float64"]


def test_croissant_lists_the_files_with_their_hashes(tmp_path, hands):
    folder = released(tmp_path, hands, ["parquet", "hint"])
    said = json.loads((folder / "croissant.json").read_text())
    manifest = json.loads((folder / "release.json").read_text())
    by_id = {one["@id"]: one for one in said["distribution"]}
    assert by_id["hands.parquet"]["sha256"] == manifest["files"]["hands.parquet"]["sha256"]
    assert by_id["hands.parquet"]["contentSize"] == f"{(folder / 'hands.parquet').stat().st_size} B"
    for one in said["distribution"]:
        for pattern in one.get("includes", []):
            assert list(folder.glob(pattern)), pattern
    assert "image/jpeg" in {one["encodingFormat"] for one in said["distribution"]}
    assert said["version"] == f"1.0.0+{manifest['content'][:12]}"
    assert said["datePublished"] == "2026-01-02"
    assert said["citeAs"].startswith("Labelling scheme: ")  # the paper does not describe these data
    assert said["license"] == ["https://spdx.org/licenses/CC-BY-4.0.html", "YouTube, rights of the uploaders"]
    points = next(f for f in said["recordSet"][1]["field"] if f["name"] == "points")
    assert (points["isArray"], points["arrayShape"]) == (True, "21,2")


def test_croissant_without_parquet_claims_no_records_and_is_valid(tmp_path, hands):
    folder = released(tmp_path, hands, ["hint"])
    code = (
        "import json, mlcroissant\nd = mlcroissant.Dataset(jsonld='croissant.json').metadata\n"
        "print(json.dumps([sorted(d.ctx.issues.errors), sorted(d.ctx.issues.warnings), len(d.record_sets), "
        "len(d.distribution)]))"
    )
    (errors, warned, records, files), _ = run_in(folder, code, tmp_path)
    assert (errors, warned, records) == ([], [], 0)
    assert files > 0


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("v1", "1.0.0"), ("1.2", "1.2.0"), ("v1.2.3", "1.2.3"), ("v-0123", "0.0.0"), ("v01", "0.0.0"), ("out", "0.0.0")],
)
def test_versions_have_three_numbers_and_the_hash(name, wanted):
    assert croissant.semantic_version(name, "abcdef" * 10) == f"{wanted}+abcdefabcdef"


def test_they_are_quick(tmp_path, make_hands):
    """All totals come from the summary: forty thousand hands cost no more than forty."""
    dataset = Dataset(of_hands(make_hands(40)), Pictures(tmp_path))
    manifest = {"formats": ["parquet"], "toolkit": "0", "files": {}, **dataset.summary.manifest()}
    dataset.source = lambda: pytest.fail("a document went through the hands again")
    begun = time.perf_counter()
    for document in (datasheet, card, croissant):
        document.write(dataset, tmp_path, OPTIONS, manifest)
    assert time.perf_counter() - begun < 0.5
