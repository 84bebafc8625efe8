"""The folder of demo clips: content, workers, resuming after a kill."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from hint_toolkit.synthetic import read_truth, write_demo_clips
from hint_toolkit.synthetic.demo import ClipJob, render_job
from hint_toolkit.synthetic.parallel import can_start_processes, run_in_processes

SMALL = {"n_clips": 3, "n_frames": 3, "width": 64, "height": 48}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One uninterrupted run in this process."""
    folder = tmp_path_factory.mktemp("whole")
    write_demo_clips(folder, **SMALL, workers=1)
    return folder


def test_demo_has_every_kind_of_clip_and_truth_that_fits(tmp_path):
    path = write_demo_clips(tmp_path / "new" / "clips", seed=2, n_frames=4, width=160, height=120, workers=1)
    assert path == tmp_path / "new" / "clips" / "truth.json"
    truths = read_truth(path)
    assert list(truths) == [f"synthetic_2_{k}.mp4" for k in range(6)]
    for name, frames in truths.items():
        with av.open(str(path.with_name(name))) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(frames) == 4
    hands = {name: [hand for frame in frames for hand in frame] for name, frames in truths.items()}
    assert {hand.side for listed in hands.values() for hand in listed} == {"left", "right"}
    assert len(truths["synthetic_2_3.mp4"][0]) == 2
    assert any(not hand.exists.all() and hand.exists.any() for hand in hands["synthetic_2_4.mp4"])
    assert any(hand.occluded.any() for hand in hands["synthetic_2_2.mp4"])
    header = json.loads(path.read_text())
    assert header["generator"] == "hint_toolkit.synthetic"
    assert (header["version"], header["seed"]) == (1, 2)
    clip = header["clips"]["synthetic_2_0.mp4"]
    assert (clip["width"], clip["height"], clip["fps"]) == (160, 120, 30)


def test_progress_counts_frames_up_to_the_total(tmp_path):
    calls = []
    write_demo_clips(tmp_path, **SMALL, workers=1, progress=lambda *call: calls.append(call))
    assert [done for _, done, _ in calls] == list(range(10))
    assert {(label, total) for label, _, total in calls} == {("synthetic frames", 9)}


def test_worker_processes_write_the_same_bytes(tmp_path, whole):
    calls = []
    write_demo_clips(tmp_path, **SMALL, workers=2, progress=lambda *call: calls.append(call))
    assert contents(tmp_path) == contents(whole)
    assert [done for _, done, _ in calls] == list(range(10))


KILLED = """
import os, sys
from hint_toolkit.synthetic import write_demo_clips

def stop(label, done, total):
    if done == 5:  # in the middle of the second clip
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    write_demo_clips(sys.argv[1], n_clips=3, n_frames=3, width=64, height=48, workers=int(sys.argv[2]), progress=stop)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_is_continued_to_the_same_bytes(tmp_path, whole, workers):
    script, folder = tmp_path / "killed.py", tmp_path / "clips"
    script.write_text(KILLED)
    killed = subprocess.run([sys.executable, str(script), str(folder), str(workers)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "truth.json").exists()
    if workers == 1:
        unfinished = [name for name in contents(folder) if name.endswith(".part")]
        assert len(unfinished) == 1, "the kill should have left a file behind, or this tests nothing"
        first = (folder / "synthetic_0_0.mp4").stat()
    write_demo_clips(folder, **SMALL, workers=workers)
    assert contents(folder) == contents(whole)
    if workers == 1:
        again = (folder / "synthetic_0_0.mp4").stat()
        assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_a_finished_run_renders_nothing_again(tmp_path):
    write_demo_clips(tmp_path, **SMALL, workers=1)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4")}
    calls = []
    write_demo_clips(tmp_path, **SMALL, workers=1, progress=lambda *call: calls.append(call))
    assert calls == [("synthetic frames", 9, 9)]
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4")} == before


def test_damaged_lost_or_different_clips_are_made_again(tmp_path, whole):
    write_demo_clips(tmp_path, **SMALL, workers=1)
    (tmp_path / "synthetic_0_0.mp4").write_bytes(b"cut off")
    (tmp_path / "synthetic_0_1.mp4").unlink()
    (tmp_path / "synthetic_0_2.part.json").write_text('{"parameters":')
    write_demo_clips(tmp_path, **SMALL, workers=1)
    assert contents(tmp_path) == contents(whole)
    write_demo_clips(tmp_path, **{**SMALL, "n_frames": 2}, workers=1)
    assert [len(frames) for frames in read_truth(tmp_path).values()] == [2, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_clips": 0}, "n_clips is 0: want 1 or more"),
        ({"n_frames": 0}, "n_frames is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"width": 65}, "65x48: want even numbers"),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_demo_clips(tmp_path / "clips", **{**SMALL, **arguments})
    assert not list(tmp_path.iterdir())


def test_an_error_in_a_worker_reaches_the_caller_in_one_line(tmp_path):
    jobs = [ClipJob(tmp_path / "absent", 0, k, 2, 64, 48) for k in range(2)]
    with pytest.raises(RuntimeError, match=r"synthetic_0_\d.mp4: FileNotFoundError: ") as caught:
        run_in_processes(render_job, [(job.path.name, job) for job in jobs], 2, lambda: None)
    assert "\n" not in str(caught.value)


def test_without_a_main_module_to_import_there_are_no_processes(monkeypatch):
    assert can_start_processes()
    main = type(sys)("__main__")
    main.__file__ = "<stdin>"
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert not can_start_processes()
