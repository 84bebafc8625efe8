"""`hint-build check` as a person types it."""

import json

import click
import numpy as np
import pytest

from hint_toolkit.cli._inspect import add_inspect_commands
from hint_toolkit.cli._main import run
from hint_toolkit.io.parquet import hands_to_table, write_table
from tests.unit.quality.test_labels import clean


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINT_WORKSPACE", raising=False)

    @click.group()
    def group():
        pass

    add_inspect_commands(group)
    return lambda *arguments: run(group, "hint-build", ["check", *map(str, arguments)])


@pytest.fixture
def faulty(tmp_path):
    """Seven absent joints with points, and one wrong side."""
    hands = clean()
    exists, side = hands.exists.copy(), hands.side.copy()
    exists[1, 14:] = False
    side[2] = "left"
    folder = tmp_path / "hint/releases/v1"
    changed = hands.replace(exists=exists, occluded=hands.occluded & exists, side=side)
    write_table(folder / "hands.parquet", hands_to_table(changed), {})
    (folder.parent / "latest").write_text("v1\n")
    return folder


def test_a_line_a_code_with_its_first_places(call, faulty, capsys):
    assert call(faulty, "--quiet") == 2
    out, error = capsys.readouterr()
    lines = out.splitlines()
    assert lines[2].split() == ["code", "level", "count"]
    assert lines[4].split() == ["side-name", "error", "1"]
    assert lines[5].split() == ["absent-with-point", "warning", "7"]
    assert f"  {clean().id[2]} > side" in lines
    assert sum(clean().id[1] in line for line in lines) == 5
    assert "  and 2 more; --json shows all" in lines
    assert lines[-1] == "1 errors, 7 warnings"
    assert error == ""


def test_json_has_all(call, faulty, capsys):
    assert call(faulty, "--json", "--quiet") == 2
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"side-name": 1, "absent-with-point": 7}
    assert len(report["findings"]) == 8
    assert report["findings"][0] == {
        "code": "side-name",
        "level": "error",
        "file": "hands.parquet",
        "id": clean().id[2],
        "field": "side",
        "text": "is left, but the name ends in _r",
    }
    assert {"path", "format", "hands", "version"} <= report.keys()


def test_warnings_alone_are_no_failure(call, faulty, capsys):
    assert call(faulty, "--ignore", "side-name", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"absent-with-point": 7}
    assert call(faulty, "--only", "side-name", "--json", "--quiet") == 2
    assert json.loads(capsys.readouterr().out)["counts"] == {"side-name": 1}


def test_an_unknown_code_is_refused(call, faulty, capsys):
    assert call(faulty, "--only", "sidename") == 2
    assert "sidename" in capsys.readouterr().err


def test_the_latest_release_without_a_path(call, faulty, capsys):
    assert call() == 2
    out, error = capsys.readouterr()
    assert "4 hands" in out
    assert error.startswith("release: hint/releases/v1\n")


def test_no_release_and_no_path(call, capsys):
    assert call() == 2
    assert capsys.readouterr().err == "hint-build: hint: there is no release to check; pass PATH\n"


def test_nothing_found(call, tmp_path, capsys):
    write_table(tmp_path / "r/hands.parquet", hands_to_table(clean()), {})
    assert call("r", "--quiet") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing found"


def test_no_number_that_is_none_reaches_the_json(call, tmp_path, capsys):
    hands = clean().replace(points=np.full((4, 21, 2), np.nan), box=np.full((4, 4), np.nan))
    write_table(tmp_path / "r/hands.parquet", hands_to_table(hands), {})
    assert call("r", "--json", "--quiet") == 2
    assert "NaN" not in capsys.readouterr().out


def test_help_tells_it_from_the_check_of_predictions(call, capsys):
    assert call("--help") == 0
    assert "hint-eval check" in capsys.readouterr().out
