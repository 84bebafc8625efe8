"""kill -9 in the middle of a restoration, at twenty moments: it goes on, and ends with the bytes of a quiet run."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from hint_toolkit.flows.restore import RestoreOptions, restore
from tests.ego4d_release import make_clip, make_release, uid

KILLS = 20
CHILD = """
import sys
from pathlib import Path
import av, cv2, pyarrow.parquet
from hint_toolkit.flows.restore import RestoreOptions, restore
if __name__ == "__main__":
    print("ready", flush=True)
    restore(Path(sys.argv[1]), Path(sys.argv[2]), RestoreOptions(workers=int(sys.argv[3])))
"""


def tree(*folders):
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def children_of(pid: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(int(entry.parent.name))
        except (OSError, IndexError):
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_twenty_kills(tmp_path):
    uids = [uid("kill", k) for k in range(8)]
    for k, clip in enumerate(uids):
        make_clip(tmp_path / "ego4d", clip, {"gop": (12, 60)[k % 2]}, n=60)
    wanted = {"TRAIN_ego4d_img": {clip: list(range(k % 3, 60, 3)) for k, clip in enumerate(uids)}}
    first = make_release(tmp_path, wanted)
    state = tmp_path / "HInt_annotation_partial.restore"
    shutil.copytree(first, tmp_path / "undisturbed")
    restore(tmp_path / "undisturbed", tmp_path / "ego4d")
    reference = tree(tmp_path / "undisturbed", tmp_path / "undisturbed.restore")
    (tmp_path / "child.py").write_text(CHILD)
    choose = random.Random(11)
    longest, orphans, moments = 1.0, set(), set()
    for k in range(KILLS):
        if tree(first, state) == reference:  # done too early: begin again, so that every kill meets work
            for path in [*first.rglob("*.jpg"), *state.rglob("*.parquet")]:
                path.unlink()
        call = [sys.executable, tmp_path / "child.py", first, tmp_path / "ego4d", "2" if k % 5 == 0 else "1"]
        child = subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env={**os.environ, "OPENCV_LOG_LEVEL": "OFF"})
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        begun = time.monotonic()
        try:
            child.wait(choose.random() * (longest if k % 5 else 3 * longest))
            longest = max(0.2, time.monotonic() - begun)
        except subprocess.TimeoutExpired:
            orphans |= children_of(child.pid)
            child.send_signal(signal.SIGKILL)
            child.wait()
        child.stdout.close()
        assert child.returncode in (0, -signal.SIGKILL)
        there = {path.name: path for path in first.rglob("*.jpg") if not path.name.startswith(".")}
        moments.add(len(there))
        for name, path in there.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == reference[name], f"half a jpg after kill {k}"
    deadline = time.monotonic() + 5
    while any(map(alive, orphans)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in orphans if alive(pid)], "workers outlive the process that started them"
    assert len(moments) > 3, f"the kills met too few states: {moments}"
    report = restore(first, tmp_path / "ego4d", RestoreOptions(workers=2))
    assert report.good == report.hands
    assert tree(first, state) == reference
