import json

import click
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._stats import add_stats_commands
from hint_toolkit.io.parquet import hands_to_table, write_table


@pytest.fixture
def call(monkeypatch, capsys):
    group = click.Group()
    add_stats_commands(group)

    def call(*words):
        monkeypatch.setattr("sys.argv", ["hint-build", *map(str, words)])
        code = run(group, "hint-build")
        return code, *capsys.readouterr()

    return call


def test_tables_for_people_and_json_for_machines(call, tmp_path, make_hands):
    write_table(tmp_path / "hands.parquet", hands_to_table(make_hands(12)), {})
    code, out, _ = call("stats", tmp_path / "hands.parquet")
    assert code == 0
    assert "12 in 12 frames of 3 clips" in out
    assert "the pre-labels are not at hand" in out
    assert "nan" not in out.lower()
    assert "ann@example.org" not in out
    code, out, _ = call("stats", tmp_path / "hands.parquet", "--json")
    value = json.loads(out)
    assert (code, value["hands"], value["issues"]) == (0, 12, [])


def test_out_writes_the_page(call, tmp_path, make_hands):
    write_table(tmp_path / "hands.parquet", hands_to_table(make_hands(5)), {})
    code, _, err = call("stats", tmp_path / "hands.parquet", "--out", tmp_path / "page")
    assert code == 0
    assert "stats.html" in err
    assert (tmp_path / "page" / "occluded.png").is_file()


def test_nothing_there_is_one_line_and_2(call, tmp_path):
    code, out, err = call("stats", "--workspace", tmp_path)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "neither annotations nor a release" in err
    assert call("stats", tmp_path / "no")[0] == 2


def test_hands_that_cannot_be_released_are_named_and_3(call, tmp_path, make_hands):
    hands = make_hands(3)
    box = hands.box.copy()
    box[1] = 0
    keys = [f"{frame}_h0" for frame in hands.frame_id]
    write_table(tmp_path / "annotations.parquet", hands_to_table(hands.replace(id=keys, box=box)), {})
    code, out, err = call("stats", "--workspace", tmp_path, "--json")
    assert code == 3
    assert json.loads(out)["hands"] == 2
    assert keys[1] in err
