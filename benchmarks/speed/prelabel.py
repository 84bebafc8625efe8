"""How fast frames are pre-labelled in n processes, as a ratio to the detector's bare loop in the same run.

    python benchmarks/speed/prelabel.py [--frames 400] [--workers 2] [--rounds 3]

The bare loop is what a user would write: read a picture, call the detector, go on; one process, results thrown away.
Ours keeps every answer on the disk, makes rows of them and writes the table; the time of starting the processes is
counted. Rounds of the two alternate, the fastest of each counts, because other work on the machine only ever slows.
Where other programs keep the processors busy, n processes get less than n of them: the line on processor time tells
what is lost by the work itself (1 - its ratio), the line above what is lost in all. "Without the start" is the ratio
from the first answers on, as a long run has it. The last line is a second run of ours, in which every answer is known.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.io.parquet import frames_to_table, write_table
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.records import Frame
from hint_toolkit.synthetic import render
from hint_toolkit.workspace import Workspace

OPTIONS = {"windows": "never"}


def make_frames(root: Path, count: int) -> Workspace:
    """A workspace of synthetic hands; 60 scenes, repeated under other hashes."""
    workspace = Workspace(root)
    images = [render(seed, 640, 480, view="ego")[0] for seed in range(min(count, 60))]
    frames = []
    for k in range(count):
        path = f"frames/a_frame{k:08d}.jpg"
        write_jpg(root / path, images[k % len(images)])
        frames.append(
            Frame(id=f"a_frame{k:08d}", source="synthetic", video_id="a", video="a.mp4", frame_index=k, time=k / 30,
                  width=640, height=480, sha256=f"{k:064x}", path=path, reason="", split="TEST", licence="CC0-1.0")
        )  # fmt: skip
    write_table(workspace.frames_file, frames_to_table(frames), {})
    return workspace


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, of all processors, and of the clock until the first batch was there."""

    seconds: float
    processor: float
    first: float = 0.0


def processor_time() -> float:
    """Of this process and of those that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def bare(workspace: Workspace) -> Took:
    """The plain loop, the detector's opening not counted."""
    frames = workspace.read_frames()
    with opened("mediapipe", **OPTIONS) as detector:
        start, used = time.perf_counter(), processor_time()
        for frame in frames:
            detector.detect(read_image(workspace.root / frame.path))
        return Took(time.perf_counter() - start, processor_time() - used)


def ours(workspace: Workspace, workers: int) -> Took:
    """The stage with nothing kept beforehand, its processes' start counted."""
    for file in workspace.kept_folder.glob("*"):
        file.unlink()
    seen: list[float] = []
    with opened("mediapipe", **OPTIONS) as detector:
        start, used = time.perf_counter(), processor_time()
        report = prelabel(workspace, detector, workers=workers, recipe=Recipe("mediapipe", OPTIONS),
                          progress=lambda done, total: seen.append(time.perf_counter()))  # fmt: skip
        took = Took(time.perf_counter() - start, processor_time() - used, seen[0] - start)
    assert report.calls == report.frames
    return took


def main() -> None:
    """Time both, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_frames(Path(folder), options.frames)
        plain, crew, single = [], [], []
        for _ in range(options.rounds):
            plain.append(bare(workspace))
            crew.append(ours(workspace, options.workers))
            single.append(ours(workspace, 1))
        with opened("mediapipe", **OPTIONS) as detector:
            start = time.perf_counter()
            again = prelabel(workspace, detector)
            known = time.perf_counter() - start
        assert again.calls == 0
    n, best = options.workers, min(took.seconds for took in plain)
    one, many = min(took.seconds for took in single), min(took.seconds for took in crew)
    going = min(took.seconds - took.first for took in crew) * options.frames / max(options.frames - 8, 1)
    work, load = min(took.processor for took in plain), min(took.processor for took in crew)
    lines = [
        f"{options.frames} frames of 640 x 480, mediapipe; best of {options.rounds}",
        f"bare loop              {best:7.2f} s   1.00 x",
        f"ours, 1 process        {one:7.2f} s   {best / one:.2f} x",
        f"ours, {n} processes      {many:7.2f} s   {best / many:.2f} x = {best / many / n:.2f} n",
        f"  without the start    {going:7.2f} s   {best / going:.2f} x = {best / going / n:.2f} n",
        f"  processor time       {load:7.2f} s   {work / load:.2f} of the bare loop's {work:.2f} s",
        f"ours, all known        {known:7.2f} s   {best / known:.0f} x",
        json.dumps({
            "bare": [asdict(took) for took in plain], "single": [asdict(took) for took in single],
            "crew": [asdict(took) for took in crew], "known": known, "workers": n,
        }),
    ]  # fmt: skip
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
