import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.workspace import Stage, Workspace, stage_configuration

SCHEMA = pa.schema([pa.field("k", pa.int64(), nullable=False)])


def rows(*numbers):
    return pa.table({"k": list(numbers)}, schema=SCHEMA)


def run_stage(root, work, configuration=None):
    workspace = Workspace(root)
    stage = Stage(workspace, "count", configuration or {"n": 3})
    tables = [stage.table(unit, lambda unit=unit: work(unit)) for unit in "abc"]
    stage.finish(root / "count.parquet", tables, SCHEMA)
    return (root / "count.parquet").read_bytes()


def test_a_stage_stopped_between_units_goes_on_and_ends_with_the_same_bytes(tmp_path):
    calls = []

    def work(unit, fail_at=None):
        if unit == fail_at:
            raise KeyboardInterrupt
        calls.append(unit)
        return rows(ord(unit))

    whole = run_stage(tmp_path / "whole", work)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path / "torn", lambda unit: work(unit, "c"))
    assert calls == ["a", "b"]
    assert not (tmp_path / "torn/count.parquet").exists()
    assert run_stage(tmp_path / "torn", work) == whole
    assert calls == ["a", "b", "c"]


def test_parts_of_another_configuration_are_not_mixed_in(tmp_path):
    def stop(unit):
        if unit == "b":
            raise KeyboardInterrupt
        return rows(1)

    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path, stop, {"n": 1})
    run_stage(tmp_path, lambda unit: rows(2), {"n": 2})
    assert stage_configuration(tmp_path / "count.parquet") == {"n": 2}
    assert pa.parquet.read_table(tmp_path / "count.parquet")["k"].to_pylist() == [2, 2, 2]
    assert list((tmp_path / ".parts").rglob("*.parquet")) == []


def test_a_part_whose_pictures_are_gone_is_made_again(tmp_path):
    stage = Stage(Workspace(tmp_path), "count", {})
    stage.table("a", lambda: rows(1))
    assert stage.table("a", lambda: rows(2), valid=lambda table: True)["k"].to_pylist() == [1]
    assert stage.table("a", lambda: rows(2), valid=lambda table: False)["k"].to_pylist() == [2]


def test_a_stage_without_units_writes_an_empty_table(tmp_path):
    Stage(Workspace(tmp_path), "count", {}).finish(tmp_path / "count.parquet", [], SCHEMA)
    assert pa.parquet.read_table(tmp_path / "count.parquet").num_rows == 0


def test_kill_9_in_the_middle_loses_at_most_the_unit_at_work(tmp_path):
    code = f"""
import time, pyarrow as pa
from pathlib import Path
from hint_toolkit.workspace import Stage, Workspace
stage = Stage(Workspace(Path({str(tmp_path)!r})), "count", {{"n": 3}})
schema = pa.schema([pa.field("k", pa.int64(), nullable=False)])
stage.table("a", lambda: pa.table({{"k": [97]}}, schema=schema))
print("first", flush=True)
stage.table("b", lambda: time.sleep(60))
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "first\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    calls = []

    def work(unit):
        calls.append(unit)
        return rows(ord(unit))

    run_stage(tmp_path, work)
    assert calls == ["b", "c"]


def test_two_processes_do_not_write_at_once(tmp_path):
    code = f"""
from pathlib import Path
from hint_toolkit.workspace import Workspace
with Workspace(Path({str(tmp_path)!r})).lock():
    print("held", flush=True)
    input()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another hint-build works here"), Workspace(tmp_path).lock():
        pass
    child.communicate("\n")
    with Workspace(tmp_path).lock():
        pass


def test_a_stage_that_begins_nothing_leaves_no_folder(tmp_path):
    root = tmp_path / "hint"
    with pytest.raises(InputError, match="there is no workspace here") as error, Workspace(root).lock(begins=False):
        pass
    assert "hint-build sample" in str(error.value)
    assert not root.exists()
    with Workspace(root).lock():
        assert root.is_dir()
    with Workspace(root).lock(begins=False):
        pass


def test_a_stage_that_has_not_run_names_its_command(tmp_path):
    workspace = Workspace(tmp_path)
    for read, command in (
        (workspace.read_frames, "hint-build sample"),
        (workspace.read_prelabels, "hint-build prelabel"),
        (workspace.read_annotations, "hint-build pull"),
    ):
        with pytest.raises(InputError, match=command):
            read()
