"""Every file of benchmarks/baselines says what it must, names adapters that exist, and agrees with the toolkit."""

import csv
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from hint_toolkit.io.foreign_files import FORMATS
from hint_toolkit.joints import TO_HINT
from hint_toolkit.prelabel.registry import DETECTORS
from hint_toolkit.sources.weights import WEIGHTS
from tests.test_docs import PROGRAMS, calls, options

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks/baselines"
FILES = sorted(FOLDER.glob("*.toml"))
TEXTS = ("name", "paper", "code", "adapter", "trained_on_hint", "trained_on_hint_source", "input_crop", "joint_order",
         "sides", "obtain")  # fmt: skip
OPTIONAL = {"needs", "note", "weights", "published"}
WANTED = {"mediapipe", "vitpose", "rtmpose", "hamer", "frankmocap", "metro", "mesh_graphormer", "handoccnet", "hamba",
          "wilor", "handos", "maskhand"}  # fmt: skip
ADAPTERS = {*DETECTORS, *FORMATS, "preds.json"} - {"replay"}
PUBLISHED = {"subset", "split", "measure", "threshold", "value", "source"}


def read(path):
    return tomllib.loads(path.read_text("utf-8"))


def complaints(entry):
    """What is wrong with a baseline's content."""
    wrong = [f"{key} must be a text" for key in TEXTS if not isinstance(entry.get(key), str) or not entry[key].strip()]
    wrong += [f"unknown key {key}" for key in entry.keys() - {*TEXTS, *OPTIONAL, "year", "licence"}]
    if wrong:
        return wrong
    licence = entry.get("licence", {})
    right = {
        "paper": re.fullmatch(r"arXiv:\d{4}\.\d{5}", entry["paper"]),
        "year": isinstance(entry.get("year"), int),
        "code": entry["code"].startswith(("https://", "unknown")),
        "adapter": entry["adapter"] in ADAPTERS,
        "trained_on_hint": entry["trained_on_hint"] in ("yes", "no", "unknown"),
        "joint_order": entry["joint_order"] in {*TO_HINT, "unknown"},
        "licence": licence.keys() == {"code", "weights"} and all(licence.values()),
        "weights": all(map(is_weight_file, entry.get("weights", []))),
        "published": all(map(is_number, entry.get("published", []))),
    }
    return [name for name, good in right.items() if not good]


def is_weight_file(file):
    """A sha256 stands with who published it, or not at all."""
    digests = file.get("sha256", [])
    keys = {"file", "url"} | ({"sha256", "sha256_source"} if digests else set())
    return file.keys() == keys and all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def is_number(row):
    return row.keys() - {"variant"} == PUBLISHED and 0 < row["value"] < 100 and bool(row["source"])


def test_the_papers_baselines_and_the_later_ones_are_there():
    assert {path.stem for path in FILES} == WANTED


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_says_what_it_must(path):
    assert complaints(read(path)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"adapter": "magic"}, ["adapter"]),
        ({"joint_order": "reversed"}, ["joint_order"]),
        ({"licence": {"code": "MIT", "weights": ""}}, ["licence"]),
        ({"trained_on_hint": "perhaps"}, ["trained_on_hint"]),
        ({"sides": " "}, ["sides must be a text"]),
        ({"color": "red"}, ["unknown key color"]),
        ({"weights": [{"file": "a", "url": "b", "sha256": ["0" * 64]}]}, ["weights"]),
        ({"published": [{"subset": "visor", "value": 3.0}]}, ["published"]),
    ],
)
def test_the_rules_can_be_broken(change, said):
    entry = read(FOLDER / "wilor.toml") | change
    assert complaints(entry) == said


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_what_to_type_exists(path):
    for program, words in calls(read(path)["obtain"]):
        command = PROGRAMS[program].commands[words[0]]
        for word in words[1:]:
            assert not word.startswith("--") or word.rstrip(",.:;") in options(command), f"{words[0]} has no {word}"


@pytest.mark.parametrize("name", sorted(set(WEIGHTS) & WANTED))
def test_the_toolkits_own_detectors_agree_with_their_files(name):
    entry, own = read(FOLDER / f"{name}.toml"), WEIGHTS[name]
    assert entry["adapter"] == name
    assert name in DETECTORS
    assert entry["licence"]["weights"] == own.licence
    assert [(f["file"], tuple(f["sha256"]), f["url"]) for f in entry["weights"]] == [
        (f.path, f.sha256, own.url) for f in own.files
    ]


def test_every_detector_that_is_a_model_has_a_file():
    assert set(DETECTORS) - {"replay", "python", "command"} <= WANTED


def test_the_numbers_are_those_that_were_published(shared_data):
    with (shared_data / "published_results.csv").open() as file:
        known = {
            (r["method"], r["subset"], r["split"], r["metric"], r["threshold"], r["value"])
            for r in csv.DictReader(file)
        }
    numbers = {row[1:] for row in known}
    found = 0
    for path in FILES:
        for row in read(path).get("published", []):
            key = (row["subset"], row["split"], row["measure"], f"{row['threshold']:g}", f"{row['value']:.1f}")
            assert key in numbers, f"{path.stem}: {key}"
            assert "variant" not in row or (row["variant"], *key) in known
            found += 1
    assert found > 80


def test_the_readmes_table_is_that_of_the_files_and_its_links_lead_somewhere():
    spec = importlib.util.spec_from_file_location("make_table", FOLDER / "make_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (FOLDER / "README.md").read_text("utf-8")
    assert module.with_table(page) == page, "run: python benchmarks/baselines/make_table.py"
    assert "48.0 / 43.0 / 38.9" in page
    assert "9.1 / 8.1 / 7.7 (param)" in page
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page):
        assert (FOLDER / target).exists(), target
