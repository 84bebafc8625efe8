"""Where weights are looked for, and what is said when they are not there. Files are stand-ins of a few bytes."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._weights import add_weights_commands
from hint_toolkit.errors import InputError
from hint_toolkit.prelabel import mediapipe_model
from hint_toolkit.sources import weights
from hint_toolkit.sources.weights import WEIGHTS, find, report, sha256_of

MANO = "_DATA/data/mano/MANO_RIGHT.pkl"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty weights folder, and no variable of the machine that runs the test."""
    for one in WEIGHTS.values():
        monkeypatch.delenv(one.variable, raising=False)
    monkeypatch.setenv("HINT_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HINT_CACHE", str(tmp_path / "weights"))
    return tmp_path / "weights"


def put(path, content=b"weights"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", WEIGHTS)
def test_what_is_missing_says_what_whence_under_which_licence_and_where_to_put_it(name, folder):
    with pytest.raises(InputError) as caught:
        find(name)
    line, one = str(caught.value), WEIGHTS[name]
    assert "\n" not in line
    for part in (one.what, one.licence, one.how, one.variable, str(folder / one.files[0].path)):
        assert part in line
    assert "https://" in one.how


def test_the_official_layout_below_the_weights_folder(folder):
    path = put(folder / MANO)
    assert find("mano") == path


def test_without_a_folder_it_is_the_cache(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("HINT_WEIGHTS")
    monkeypatch.setenv("HINT_CACHE", str(tmp_path / "cache"))
    path = put(tmp_path / "cache" / MANO)
    assert find("mano") == path


def test_what_the_toolkit_fetches_by_itself_lies_in_the_cache_whatever_the_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HINT_CACHE", str(tmp_path / "cache"))
    put(folder / "hand_landmarker.task")
    path = tmp_path / "cache" / "hand_landmarker.task"
    assert [state.path for state in report(["mediapipe"])] == [path]
    assert find("mediapipe", put(path)) == path


def test_given_before_the_variable_before_the_folder(folder, monkeypatch, tmp_path):
    put(folder / MANO)
    named, given = put(tmp_path / "named.pkl"), put(tmp_path / "given.pkl")
    monkeypatch.setenv("HINT_MANO", str(named))
    assert find("mano") == named
    assert find("mano", given) == given


def test_a_folder_may_be_given_in_the_official_layout_or_with_the_bare_file(folder, tmp_path, monkeypatch):
    clone, bare = tmp_path / "hamer", tmp_path / "models"
    inside, alone = put(clone / MANO), put(bare / "MANO_RIGHT.pkl")
    assert find("mano", clone) == inside
    monkeypatch.setenv("HINT_MANO", str(bare))
    assert find("mano") == alone


def test_a_path_that_is_named_and_not_there_is_not_silently_replaced(folder, monkeypatch, tmp_path):
    put(folder / MANO)
    with pytest.raises(InputError, match=r"gone\.pkl: no such file") as caught:
        find("mano", tmp_path / "gone.pkl")
    assert "HINT_MANO" not in str(caught.value)
    monkeypatch.setenv("HINT_MANO", str(tmp_path / "lost.pkl"))
    with pytest.raises(InputError, match=r"lost\.pkl: no such file.*HINT_MANO names it"):
        find("mano")


def test_an_unknown_name_is_refused_with_those_that_exist(folder):
    with pytest.raises(InputError, match=r"no weights 'hammer'; choose one of: hamer, mano, vitpose, rtmpose, med"):
        find("hammer")
    with pytest.raises(InputError, match="no weights 'x'"):
        report(["hamer", "x"])


def test_the_report_has_every_file_there_or_not(folder):
    path = put(folder / MANO, b"12345")
    states = report()
    assert [state.path.relative_to(folder).as_posix() for state in states] == [
        file.path for one in WEIGHTS.values() for file in one.files
    ]
    assert [state.name for state in states if state.there] == ["mano"]
    (mano,) = report(["mano"])
    assert (mano.path, mano.bytes, mano.sha256, mano.check) == (path, 5, "", "")
    hamer = report(["hamer"], verify=True)
    assert [(state.there, state.bytes, state.check) for state in hamer] == [(False, 0, "")] * 2


@pytest.mark.parametrize(("known", "check"), [((), "unknown"), (("0" * 64,), "differs"), (("0" * 64, "right"), "ok")])
def test_verifying_compares_with_every_known_content(known, check, folder, monkeypatch):
    content = b"x" * 3_000_000
    put(folder / MANO, content)
    right = hashlib.sha256(content).hexdigest()
    file = replace(WEIGHTS["mano"].files[0], sha256=tuple(right if one == "right" else one for one in known))
    table = MappingProxyType({**WEIGHTS, "mano": replace(WEIGHTS["mano"], files=(file,))})
    monkeypatch.setattr(weights, "WEIGHTS", table)
    (state,) = report(["mano"], verify=True)
    assert (state.sha256, state.check) == (right, check)


def test_further_files_lie_where_the_layout_has_them_relative_to_the_first(folder, monkeypatch, tmp_path):
    first = put(tmp_path / "elsewhere" / "checkpoints" / "hamer.ckpt")
    second = put(tmp_path / "elsewhere" / "model_config.yaml")
    monkeypatch.setenv("HINT_HAMER", str(first))
    assert [state.path for state in report(["hamer"]) if state.there] == [first, second]


def test_the_table_is_what_others_rely_on():
    for name, one in WEIGHTS.items():
        assert one.name == name
        assert one.variable.startswith("HINT_")
        assert one.url.startswith("https://")
        for file in one.files:
            assert not Path(file.path).is_absolute()
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in file.sha256)
    assert WEIGHTS["mediapipe"].variable == mediapipe_model.ENVIRONMENT
    assert mediapipe_model.URL in WEIGHTS["mediapipe"].how
    assert mediapipe_model.URL_SHA256 in WEIGHTS["mediapipe"].files[0].sha256


def test_the_mediapipe_bundle_that_the_detector_has_is_a_known_content(monkeypatch):
    monkeypatch.delenv("HINT_MEDIAPIPE_MODEL", raising=False)
    assert sha256_of(mediapipe_model.model_path()) in WEIGHTS["mediapipe"].files[0].sha256


@pytest.fixture
def call(capsys):
    """`call("--json")` runs `hint-build weights --json`: (exit code, stdout, stderr)."""
    group = click.Group("hint-build")
    add_weights_commands(group)

    def run_it(*arguments):
        code = run(group, "hint-build", ["weights", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run_it


def test_the_command_shows_what_is_there_and_how_to_get_the_rest(folder, call):
    path = put(folder / MANO, b"x" * 12_345)
    code, shown, _ = call()
    assert code == 0
    (row,) = (line for line in shown.splitlines() if line.startswith("mano "))
    assert row.split() == ["mano", "MANO_RIGHT.pkl", "there", "12.3", "kB", str(path)]
    assert WEIGHTS["hamer"].how in shown
    assert WEIGHTS["mano"].how not in shown
    assert shown.count("licence:") == len(WEIGHTS)


def test_json_has_a_record_a_file(folder, call):
    put(folder / MANO, b"12345")
    code, shown, _ = call("--json", "--verify")
    records = {Path(one["path"]).name: one for one in json.loads(shown)["files"]}
    assert code == 0
    assert len(records) == sum(len(one.files) for one in WEIGHTS.values())
    mano = records["MANO_RIGHT.pkl"]
    assert (mano["there"], mano["bytes"], mano["check"]) == (True, 5, "differs")
    assert mano["sha256"] == hashlib.sha256(b"12345").hexdigest()
    assert mano["licence"] == WEIGHTS["mano"].licence
    assert records["hamer.ckpt"]["check"] == ""


def test_needed_weights_that_are_missing_exit_with_3(folder, call):
    put(folder / MANO)
    assert call("--need", "mano")[0] == 0
    assert call("--need", "mano, hamer")[0] == 3
    put(folder / WEIGHTS["hamer"].files[0].path)
    assert call("--need", "hamer,mano")[0] == 3  # its configuration is still missing
    put(folder / WEIGHTS["hamer"].files[1].path)
    assert call("--need", "hamer,mano")[0] == 0


def test_needed_weights_of_another_content_exit_with_3_when_verified(folder, call):
    put(folder / MANO, b"12345")
    code, shown, _ = call("--need", "mano", "--verify")
    assert code == 3
    assert f"differs: {hashlib.sha256(b'12345').hexdigest()}" in shown
    assert call("--verify")[0] == 0


def test_a_misspelt_name_is_one_line(folder, call):
    code, _, error = call("--need", "mamo")
    assert code == 2
    assert error.startswith("hint-build: no weights 'mamo'; choose one of")
    assert error.count("\n") == 1
