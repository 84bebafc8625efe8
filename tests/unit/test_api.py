"""The scorer from Python."""

import subprocess
import sys

import numpy as np
import pytest

import hint_toolkit as hint
from hint_toolkit.errors import InputError
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.records import Hands


@pytest.fixture
def files(tmp_path, make_hands, rng):
    parts = [make_hands(20, source="newdays"), make_hands(20, source="visor"), make_hands(20, "newdays", split="VAL")]
    hands = Hands.concat(parts)
    write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
    nothing = np.full((60, 21), np.nan)
    for name, noise in (("good", 2.0), ("bad", 30.0)):
        points = hands.points + rng.normal(0, noise, hands.points.shape)
        made = Predictions(hands.id.tolist(), points, nothing, nothing, [""] * 60, {"method": name})
        write_predictions(tmp_path / f"{name}.json", made)
    return tmp_path


def test_a_part_of_the_truth(files):
    truth = hint.load_hint(files, split="TEST", sources=["newdays"])
    assert len(truth.hands) == 20
    assert set(truth.hands.split) == {"TEST"}
    assert set(truth.hands.source) == {"newdays"}
    assert truth.version != hint.load_hint(files).version
    with pytest.raises(InputError, match=r"no hand of split TRAIN.*it has TEST newdays, TEST visor, VAL newdays"):
        hint.load_hint(files, split="TRAIN")


def test_evaluate_gives_the_numbers_and_the_table(files):
    report = hint.evaluate(files / "hands.parquet", files / "good.json")
    assert report.value("PCK@0.05[all]", "visor") > 0.9
    assert "hamer-v1" in str(report)
    frame = report.to_pandas()
    assert set(frame["source"]) == {"newdays", "visor"}
    assert len(report.per_hand()) == 60
    with pytest.raises(KeyError, match=r"PCK@0.3\[all\] of visor was not computed"):
        report.value("PCK@0.3[all]", "visor")
    files_written = report.write(files / "out", report=False)
    assert files_written["results"].is_file()


def test_a_part_is_scored_when_the_others_are_ignored(files):
    truth = hint.load_hint(files, split="VAL")
    with pytest.raises(InputError, match="40 of 60 predictions are for hands"):
        hint.evaluate(truth, files / "good.json")
    report = hint.evaluate(truth, hint.read_predictions(files / "good.json"), ignore_unknown=True)
    assert report.results["counts"]["hands"] == 20


def test_measures_and_protocols_by_name(files):
    report = hint.evaluate(files, files / "good.json", measures=["PCK@0.2[visible]", "EPE"])
    assert {row["measure"] for row in report.results["rows"]} == {"PCK@0.2[visible]", "EPE"}
    with pytest.raises(InputError, match="no protocol 'hamer'; choose one of: hamer-v1"):
        hint.evaluate(files, files / "good.json", protocol="hamer")


def test_compare_says_which_is_better(files):
    good, bad = (hint.evaluate(files, files / f"{name}.json") for name in ("good", "bad"))
    rows = hint.compare(bad, good)["differences"]  # a row holds b - a
    assert rows
    assert all(row["difference"] > 0 for row in rows if row["threshold"] == 0.05)
    with pytest.raises(InputError, match="normaliser"):
        hint.compare(good, hint.evaluate(files, files / "bad.json", normaliser="kp-extent-max"))


def test_the_package_itself_stays_light_and_names_what_it_lacks():
    code = "import sys, hint_toolkit; assert 'numpy' not in sys.modules; assert 'evaluate' in hint_toolkit.__all__"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'score_everything'"):
        hint.score_everything  # noqa: B018


def test_convert_writes_a_part_and_gives_it_back(files, tmp_path):
    truth = hint.load_hint(files / "hands.parquet", split="TEST")
    written = hint.convert(truth, tmp_path / "out", formats=["coco", "parquet"], pictures=False)
    assert written.version == truth.version
    assert hint.convert(tmp_path / "out", tmp_path / "again", pictures=False).version == truth.version
    with pytest.raises(InputError, match="no such choice: jpeg"):
        hint.convert(truth, tmp_path / "x", jpeg=1)
