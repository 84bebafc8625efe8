"""kill -9 in the middle of an export, at fifty moments: never half a release, and the same bytes in the end."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.export.registry import FORMATS
from hint_toolkit.flows.release import convert
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import pair_record

KILLS = 50
CHILD = """
import sys
from pathlib import Path
from hint_toolkit.export.registry import FORMATS, open_format
from hint_toolkit.flows.release import convert
import pyarrow.parquet
for name in FORMATS: open_format(name)
print("ready", flush=True)
convert(Path(sys.argv[1]), Path(sys.argv[2]), formats=list(FORMATS), force=True)
"""


def pairs(root, hands, rng):
    first = root
    for k, hand in enumerate(hands):
        path = root / "HInt_annotation" / f"{hand.id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(pair_record(hand)))
        if k % 10 == 0:
            write_jpg(path.with_suffix(".jpg"), rng.integers(0, 255, (480, 640, 3), dtype=np.uint8))
        else:
            os.link(first, path.with_suffix(".jpg"))
        first = path.with_suffix(".jpg")


def tree(folder):
    """Relative path -> sha256 of every file."""
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def two_versions(tmp_path, make_hands, rng):
    """The same hands twice, one keypoint apart, and what an undisturbed export of each looks like."""
    hands = make_hands(60)
    moved = hands.points.copy()
    moved[7, 3] += 1.0
    wanted = []
    for name, version in (("first", hands), ("second", hands.replace(points=moved))):
        pairs(tmp_path / name, version, np.random.default_rng(1))
        convert(tmp_path / name, tmp_path / f"{name}_reference", formats=list(FORMATS))
        wanted.append(tree(tmp_path / f"{name}_reference"))
    return tmp_path / "first", tmp_path / "second", wanted


def without_name(files):
    """The manifest and the descriptions name the release after its folder, which differs here."""
    return {name: digest for name, digest in files.items() if "/" in name or name.endswith(".parquet")}


def started(source, out):
    """A process that exports, from when it has loaded all that it needs, and the time."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, source, out], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.stdout.close()
    return child, time.monotonic()


def test_fifty_kills(two_versions, tmp_path):
    first, second, wanted = two_versions
    out = tmp_path / "out/release"
    choose = random.Random(5)
    killed, held_at = 0, {"nothing": 0, "first": 0, "second": 0}
    # How long an export takes depends on the machine and on what else it does: an undisturbed one is timed first.
    child, begun = started(first, tmp_path / "undisturbed")
    assert child.wait() == 0
    longest = 1.2 * (time.monotonic() - begun)
    for k in range(KILLS):
        source = (first, second)[k % 2]
        child, begun = started(source, out)
        try:
            child.wait(choose.random() * longest)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            killed += 1
        assert child.returncode in (0, -signal.SIGKILL)
        # Between the two renames of an exchange the old release stands beside its place, whole.
        held = next((tree(p) for p in (out, out.with_name(".release.replaced")) if p.exists()), None)
        which = [held is not None and without_name(held) == without_name(files) for files in wanted]
        assert held is None or any(which), f"half a release after kill {k}"
        held_at["first" if which[0] else "second" if which[1] else "nothing"] += 1
    assert killed > KILLS // 2
    assert held_at["first"] + held_at["second"] > 5
    for source, name, files in ((first, "first", wanted[0]), (second, "second", wanted[1])):
        convert(source, tmp_path / "out" / f"{name}_reference", formats=list(FORMATS))
        convert(source, out, formats=list(FORMATS), force=True)
        assert tree(tmp_path / "out" / f"{name}_reference") == files
        assert without_name(tree(out)) == without_name(files)
    assert sorted(p.name for p in out.parent.iterdir()) == ["first_reference", "release", "second_reference"]
