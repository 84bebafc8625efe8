import os
import signal
import subprocess
import sys

import pytest

from hint_toolkit.io.atomic import replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail():
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_never_shows_half_a_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    code = (
        "import sys, time; from pathlib import Path; from hint_toolkit.io.atomic import replacing\n"
        f"with replacing(Path({str(target)!r})) as t:\n"
        "    t.write_text('half'); print('open', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "open\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert target.read_text() == "old"


def test_json_is_the_same_for_the_same_value_and_never_holds_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert '"a": "é"' in (tmp_path / "a.json").read_text("utf-8")
