"""`hint-eval check` as a person types it."""

import json
from pathlib import Path

import click
import numpy as np
import pytest

from hint_toolkit.cli._check import add_check_commands
from hint_toolkit.cli._main import run
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.joints import FROM_HINT


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINT_ROOT", raising=False)

    @click.group()
    def group():
        pass

    add_check_commands(group)
    return lambda *arguments: run(group, "hint-eval", ["check", *map(str, arguments)])


@pytest.fixture
def hands(tmp_path, make_hands):
    made = make_hands(20)
    write_table(tmp_path / "gt/hands.parquet", hands_to_table(made), {})
    return made


def write(hands, points=None):
    nothing = np.full((len(hands), 21), np.nan)
    points = hands.points + 0.5 if points is None else points
    made = Predictions(hands.id.tolist(), points, nothing, nothing, [""] * len(hands), {"method": "noisy"})
    write_predictions(Path("p.json"), made)


def test_a_good_file_is_fine(call, hands, capsys):
    write(hands)
    assert call("p.json", "--gt", "gt") == 0
    out, err = capsys.readouterr()
    for word in ("preds.json", "noisy", "20, 20 with a hand", "gt (Parquet), 20 hands", "fine"):
        assert word in out, word
    assert err == ""


def test_json_is_one_object(call, hands, capsys):
    write(hands[:15])
    assert call("p.json", "--gt", "gt", "--json") == 3
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert (value["verdict"], value["truth"]["missing"]) == ("incomplete", hands.id[15:].tolist())
    assert err.count("\n") == 1
    assert "5 hands have no record" in err


def test_a_wrong_order_is_named_and_the_option_mends_it(call, hands, capsys):
    write(hands, hands.points[:, list(FROM_HINT["mano"])])
    assert call("p.json", "--gt", "gt") == 2
    out = capsys.readouterr().out
    assert "likely mistake (order:mano)" in out
    assert '"joint_order": "mano"' in out
    assert call("p.json", "--gt", "gt", "--joint-order", "mano") == 0


def test_strangers_exit_2_and_are_named(call, hands, capsys):
    write(hands.replace(id=[*hands.id[:19], "who_l"]))
    assert call("p.json", "--gt", "gt") == 2
    assert "who_l" in capsys.readouterr().err


def test_without_truth_it_says_so(call, hands, capsys):
    write(hands)
    assert call("p.json") == 0
    assert "none: only what can be seen without one" in capsys.readouterr().out


def test_a_broken_file_is_one_line(call, tmp_path, capsys):
    (tmp_path / "p.json").write_text("{")
    assert call("p.json") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "p.json: is not JSON" in err
    assert call("nowhere.json") == 2
    assert call() == 2
