"""Killed at any moment and run again, informative sampling ends with the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.synthetic import render
from hint_toolkit.workspace import Workspace
from tests.unit.flows.test_sample_plan import write_clip

RUN = """
import os, signal, sys
from pathlib import Path
from hint_toolkit.flows import measure as module
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.workspace import Workspace

left, replace = int(sys.argv[3]), os.replace

def replace_or_die(*paths):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)

os.replace = replace_or_die
module._BATCH = 5
print("ready", flush=True)
workspace = Workspace(Path(sys.argv[2]))
options = SampleOptions(
    Path(sys.argv[1]), per_video=8, strategy="informative", candidates_per_second=10, detector="none"
)
sample(workspace, make_plan(options, workspace))
"""


def files_of(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def videos(tmp_path):
    for clip in range(3):
        write_clip(tmp_path / f"in/{clip}.mp4", [render(40 * clip + k, 160, 120)[0] for k in range(8)] * 2)
    return tmp_path / "in"


def run_and_kill(videos, root, seconds=None, at_file=0):
    """Whether it was killed: after some time, or where it would put its `at_file`-th file in place."""
    command = [sys.executable, "-c", RUN, str(videos), str(root), str(at_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def test_fifteen_kills(videos, tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    options = SampleOptions(videos, per_video=8, strategy="informative", candidates_per_second=10, detector="none")
    begun = time.monotonic()
    sample(Workspace(whole), make_plan(options, Workspace(whole)))
    usual, rng = time.monotonic() - begun, np.random.default_rng(0)
    for _ in range(8):  # by the clock; a run that gets through finds all done the next time
        run_and_kill(videos, torn, seconds=rng.uniform(0, usual / 2))
    kills, torn_pictures = 0, 0
    shutil.rmtree(torn, ignore_errors=True)
    while kills < 7:
        killed = run_and_kill(videos, torn, at_file=int(rng.integers(1, 8)))
        torn_pictures += len(list(torn.glob("frames/.*.partial.jpg")))
        kills += killed
        if not killed:
            assert files_of(torn) == files_of(whole)
            shutil.rmtree(torn)
    sample(Workspace(torn), make_plan(options, Workspace(torn)))
    assert files_of(torn) == files_of(whole)
    assert torn_pictures
