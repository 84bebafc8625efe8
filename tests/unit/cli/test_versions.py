"""hint-build diff and patch as a person types them."""

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._versions import add_versions_commands
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import read_truth

group = click.Group("hint-build")
add_versions_commands(group)


def call(*arguments):
    return run(group, "hint-build", [str(a) for a in arguments])


@pytest.fixture
def place(tmp_path, make_hands, monkeypatch):
    """Folders a and b, which differ in a removed, a renamed and a moved hand; the licence of one, too."""
    monkeypatch.chdir(tmp_path)
    hands = make_hands(8).sorted()
    points, ids, box = hands.points.copy(), hands.id.copy(), hands.box.copy()
    box[2] = 0, 0, 100, 50
    hands = hands.replace(box=box)
    points[2, 0] = hands.points[2, 0] + (3, 4)
    ids[3] = ids[3].replace("TEST", "TRAIN")
    licence = [*[""] * 7, "MIT"]
    other = hands.replace(points=points, id=ids, licence=licence)
    write_table(tmp_path / "a/hands.parquet", hands_to_table(hands), {})
    write_table(tmp_path / "b/hands.parquet", hands_to_table(other.take(np.arange(1, 8))), {})
    return hands


def test_diff_tells_what_differs(place, capsys):
    assert call("diff", "a", "b") == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "the content differs: 1 removed, 0 added, 1 renamed, 1 changed, 5 same" in lines
    assert "TEST_folder_img 1 0 1 1" in lines
    assert "joints moved 1" in lines
    (start, end) = (f"{x:.2f}, {y:.2f}" for x, y in (place.points[2, 0], place.points[2, 0] + (3, 4)))
    assert f"{place.id[2]} wrist {start} {end} 5.00 5.00" in lines
    assert f"{place.id[3]} -> {place.id[3].replace('TEST', 'TRAIN')}" in lines
    assert "licence 1 hands ('' -> 'MIT': 1)" in lines
    assert not re.search(r"\b(nan|none|inf)\b", shown.lower())


def test_the_same_is_said_and_the_exit_code_is_asked_for(place, capsys):
    assert call("diff", "a", "a", "--fail-if-different") == 0
    shown = capsys.readouterr().out
    assert "the content is the same: 8 hands" in shown
    assert "moves" not in shown
    assert "provenance is the same" in shown
    assert call("diff", "a", "b", "--fail-if-different") == 4


def test_the_table_has_as_many_moves_as_asked_for(place, capsys):
    hands = read_truth(Path("a")).hands
    write_table(Path("far/hands.parquet"), hands_to_table(hands.replace(points=hands.points + 1)), {})
    call("diff", "a", "far", "--top", 3)
    shown = capsys.readouterr().out
    assert "largest moves (3 of 168 joints)" in shown
    assert shown.count("1.41") == 3
    call("diff", "a", "far", "--json", "--top", 3)
    assert len(json.loads(capsys.readouterr().out)["moves"]) == 168


def test_diff_json_is_complete(place, capsys):
    assert call("diff", "a", "b", "--json", "--top", 0) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["schema"] == "hint-diff/1"
    assert value["removed"] == [place.id[0]]
    assert value["renamed"] == [{"from": place.id[3], "to": place.id[3].replace("TEST", "TRAIN")}]
    assert [one["id"] for one in value["changed"]] == [place.id[2]]
    assert value["changed"][0]["old"] == {"points": {"wrist": place.points[2, 0].tolist()}}
    assert value["moves"][0]["px"] == pytest.approx(5)


def test_errata_are_written_and_applied_and_both_say_what_they_did(place, capsys):
    said = ("--reason", "a fly", "--who", "ann")
    assert call("diff", "a", "b", "--out", "e.json", *said) == 0
    assert "3 entries written to e.json; apply with: hint-build patch a --errata e.json" in capsys.readouterr().err
    assert json.loads(Path("e.json").read_text())["reason"] == "a fly"
    assert call("patch", "a", "--errata", "e.json", "--out", "c", "--format", "parquet") == 0
    versions = [read_truth(p).version for p in map(Path, "abc")]
    assert f"3 entries applied: {versions[0][:12]} -> {versions[1][:12]}, 7 hands in c" in capsys.readouterr().out
    assert versions[1] == versions[2]
    assert call("diff", "b", "c") == 0
    assert f"c ({versions[0][:12]} + 1 errata)" in capsys.readouterr().out
    assert call("patch", "a", "--errata", "e.json", "--out", "c", "--format", "parquet", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["applied"], value["skipped"], value["content"]) == (3, {}, versions[1])


def test_what_is_skipped_makes_the_exit_code_3(place, capsys):
    call("diff", "a", "b", "--out", "e.json")
    capsys.readouterr()
    assert call("patch", "b", "--errata", "e.json", "--out", "c", "--format", "parquet") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--force-base" in told
    assert call("patch", "b", "--errata", "e.json", "--out", "c", "--format", "parquet", "--force-base") == 3
    out, err = capsys.readouterr()
    assert out.startswith("0 entries applied")
    assert f"error: e.json > {place.id[0]}: is not there; this entry was not applied" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diff", "a", "none"], "none: no such file or folder"),
        (["diff", "a", "b", "--reason", "x"], "add --out FILE"),
        (["patch", "a", "--errata", "none.json", "--out", "c"], "none.json: cannot be read"),
        (["patch", "a", "--out", "c"], "--errata"),
        (["patch", "a", "--errata", "a/hands.parquet", "--out", "c"], "is not JSON of errata"),
    ],
)
def test_bad_calls_are_one_line_and_exit_with_2(place, capsys, arguments, said):
    assert call(*arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
