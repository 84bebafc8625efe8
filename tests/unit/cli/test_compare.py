"""hint-eval compare and breakdown as a person types them."""

import json

import click
import numpy as np
import pytest

from hint_toolkit.cli._compare import add_compare_commands
from hint_toolkit.cli._main import run
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions

group = click.Group("hint-eval")
add_compare_commands(group)


def call(*arguments):
    return run(group, "hint-eval", [str(a) for a in arguments])


@pytest.fixture
def place(tmp_path, make_hands, monkeypatch):
    """A folder with a release and predictions good.json, bad.json, ugly.json."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINT_ROOT", raising=False)
    hands = make_hands(60, clips=20)
    write_table(tmp_path / "release/hands.parquet", hands_to_table(hands), {})
    rng, nothing = np.random.default_rng(1), np.full((60, 21), np.nan)
    for name, noise in (("good", 4), ("bad", 12), ("ugly", 60)):
        points = hands.points + rng.normal(0, noise, hands.points.shape)
        made = Predictions(hands.id.tolist(), points, nothing, nothing, [""] * 60, {"method": name})
        write_predictions(tmp_path / f"{name}.json", made)
    return tmp_path


def test_compare_prints_who_is_ahead_under_which_rules(place, capsys):
    assert call("compare", "good.json", "bad.json", "ugly.json", "--gt", "release", "--threshold", 0.05) == 0
    shown = capsys.readouterr().out
    for word in ("A = good", "hamer-v1", "bbox-max", "B - A", "second", "win / tie / lose", "Holm", "detectable", "[-"):
        assert word in shown, word
    assert "all 9 comparisons shown" in shown
    assert "nan" not in shown.lower()
    assert "inf" not in shown.lower()


def test_compare_json_is_one_object(place, capsys):
    assert call("compare", "good.json", "bad.json", "--gt", "release", "--json", "--subset", "all") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["schema"] == "hint-compare/1"
    assert [r["measure"] for r in value["differences"]] == ["PCK@0.05[all]", "PCK@0.1[all]", "PCK@0.15[all]"]
    assert value["differences"][0]["verdict"] == "lose"
    assert value["matrix"][0]["rows"][0]["against"]["bad"]["win"] >= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "good.json", "--gt", "release"], "a comparison needs two or more; name two prediction files"),
        (["compare", "good.json", "none.json", "--gt", "release"], "none.json"),
        (["compare", "good.json", "bad.json"], "no truth to score against; pass --gt RELEASE, or results folders"),
        (["compare", "release", "bad.json", "--gt", "release"], "results.json: cannot be read"),
        (["breakdown"], "results: cannot be read"),
        (["breakdown", "--results", "x", "--pred", "good.json"], "pass --results or --pred, not both"),
        (["breakdown", "--pred", "good.json", "--gt", "release", "--source", "visor"], "its sources are folder"),
    ],
)
def test_wrong_calls_are_one_line_and_exit_with_2(place, capsys, arguments, said):
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_breakdown_prints_slices_and_causes_and_writes_the_csv_where_asked(place, capsys):
    assert call("breakdown", "--pred", "ugly.json", "--gt", "release", "--out", "parts.csv", "--quiet") == 0
    shown = capsys.readouterr().out
    for word in (
        "PCK@0.05[all]",
        "forefinger4",
        "truncation",
        "hand size",
        "near miss",
        "lost",
        "no slices by sharpness",
    ):
        assert word in shown, word
    assert "nan" not in shown.lower()
    assert (place / "parts.csv").read_text().startswith("measure,attribute,slice,value")
    assert not (place / "results").exists()


def test_breakdown_of_a_results_folder_keeps_the_csv_there(place, capsys):
    from hint_toolkit.flows.results import write_results
    from hint_toolkit.flows.score import score
    from hint_toolkit.io.predictions import read_predictions
    from hint_toolkit.io.release import read_truth

    scored = score(read_truth(place / "release"), read_predictions(place / "bad.json"))
    write_results(scored, place / "results", None, report=False)
    assert call("breakdown", "--json", "--subset", "visible", "--quiet") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["measure"] == "PCK@0.05[visible]"
    rows = {r["measure"]: r["value"] for r in scored.results["rows"]}
    assert value["value"] == pytest.approx(rows["PCK@0.05[visible]"])
    assert (place / "results/breakdown.csv").is_file()
    first = (place / "results/breakdown.csv").read_bytes()
    assert call("breakdown", "--subset", "visible", "--quiet") == 0
    assert (place / "results/breakdown.csv").read_bytes() == first


@pytest.mark.parametrize("name", ["compare", "breakdown"])
def test_help_has_an_example(name):
    assert "Example:" in group.commands[name].help
