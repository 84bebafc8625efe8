"""Pre-labelling in several processes: the same bytes, one line when something dies, and nobody left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.io.kept import Kept
from hint_toolkit.prelabel import registry
from hint_toolkit.workspace import Workspace
from tests.conftest import make_video


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampled")
    make_video(folder, "in/a.mp4", 80)
    made = Workspace(folder / "ws")
    sample(made, make_plan(SampleOptions(folder / "in", per_video=70, licence="CC0")))
    return made


@pytest.fixture
def workspace(sampled, tmp_path):
    return Workspace(shutil.copytree(sampled.root, tmp_path / "ws"))


def test_workers_give_the_same_bytes_and_a_detector_is_asked_once(workspace, monkeypatch):
    options = {"windows": "never"}
    with registry.opened("mediapipe", **options) as detector:
        one = prelabel(workspace, detector)
        alone = workspace.prelabels_file.read_bytes()
        for file in workspace.kept_folder.iterdir():
            file.unlink()
        two = prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", options))
        assert workspace.prelabels_file.read_bytes() == alone
        assert one.calls == two.calls == 70
        assert prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", options)).calls == 0


def test_an_error_in_a_worker_is_one_line_and_what_was_found_is_kept(workspace):
    (workspace.root / workspace.read_frames()[69].path).unlink()
    with registry.opened("mediapipe", windows="never") as detector:
        with pytest.raises(InputError, match=r"a_frame\d+\.jpg: no such picture"):
            prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", {"windows": "never"}))
        kept = Kept(workspace.kept_folder, f"detections {detector.name}")
        assert len(kept) >= 8
        kept.close()


def test_a_dead_worker_is_one_line(workspace):
    code = (
        "import sys, os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from hint_toolkit.cli.build import main\n"
        "if __name__ == '__main__':\n"
        "    def kill():\n"
        "        import multiprocessing\n"
        "        while not multiprocessing.active_children(): time.sleep(0.05)\n"
        "        time.sleep(0.2)\n"
        "        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)\n"
        "    threading.Thread(target=kill, daemon=True).start()\n"
        f"    sys.argv = ['x', 'prelabel', '--workspace', {str(workspace.root)!r}, '--workers', '2', '--quiet']\n"
        "    main()\n"
    )
    script = workspace.root / "run.py"
    script.write_text(code)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 2, run.stderr
    assert run.stderr.count("\n") == 1
    assert "one of 2 detecting processes died" in run.stderr


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(workspace, end):
    words = ["prelabel", "--workspace", str(workspace.root), "--workers", "2", "--quiet"]
    command = [sys.executable, "-c", "from hint_toolkit.cli.build import main; main()", *words]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    last = time.monotonic() + 60
    while time.monotonic() < last and not any(f.stat().st_size for f in workspace.root.glob("kept/*.jsonl")):
        time.sleep(0.02)
    # Ctrl-C reaches the whole group; a kill only the parent.
    (os.killpg if end == signal.SIGINT else os.kill)(run.pid, end)
    run.wait(timeout=60)
    assert run.returncode != 0
    last = time.monotonic() + 15
    while alive(run.pid) and time.monotonic() < last:
        time.sleep(0.05)
    left = alive(run.pid)
    if left:
        os.killpg(run.pid, signal.SIGKILL)
    assert not left
