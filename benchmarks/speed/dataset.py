"""How fast do HInt's files become Parquet and arrays, as a ratio to what the file system allows in the same run.

    python benchmarks/speed/dataset.py [--hands 40434] [--repeats 5] [--folder DIR]

The data are random hands in the shape of HInt, one jpg and one json a hand in the eleven folders of the release:
json of about 1.1 KB with all decimals; jpg that are 300 different real JPEGs of noise, 20 to 60 KB,
each written out as often as needed, so that every hand has a file of its own. They are written once and read
before the first measurement (warm cache). Compared, in turns and as whole processes:

    json -> hands.parquet          with opening and reading the same json files, in one process too
    export with pictures inside    with `cp -r` of the same folders, and with Python's shutil.copytree
    hands.parquet -> arrays        seconds
    peak memory                    of both exports at a tenth of the hands and at all of them

What others do on the machine at the same time disturbs wall time; medians of interleaved runs are shown, and CPU
time (user and system, children included) beside them.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hint_toolkit.io.hint_counts import HANDS

JPEGS = 300

READ = """
import os, sys
def look(folder):
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir():
                yield from look(entry.path)
            elif entry.name.endswith(".json"):
                yield entry.path
            elif entry.name.endswith(".jpg"):
                entry.is_file()
total = 0
for path in look(sys.argv[1]):
    with open(path, "rb") as handle:
        total += len(handle.read())
"""
COPYTREE = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"
CONVERT = """
import sys
from pathlib import Path
from hint_toolkit.export.base import ExportOptions
from hint_toolkit.flows.release import Rules, convert
options = ExportOptions(pictures="embed" in sys.argv, embed="embed" in sys.argv)
convert(Path(sys.argv[1]), Path(sys.argv[2]), formats=["parquet"], options=options, rules=Rules(licensed=True))
"""
WRITE = """
import sys
from pathlib import Path
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.parquet import write
from hint_toolkit.export.policy import Policy
from hint_toolkit.io.stream import open_hands
source = open_hands(Path(sys.argv[1]))
out = Path(sys.argv[2])
out.mkdir()
embed = "embed" in sys.argv
policy = Policy(licensed=True, pictures=embed)
write(Dataset(policy.over(source.batches), Pictures(source.root)), out, ExportOptions(embed=embed))
"""
READ_IN_BATCHES = """
import sys
from pathlib import Path
from hint_toolkit.io.stream import open_hands
for _ in open_hands(Path(sys.argv[1])).batches(): pass
"""
PEAK = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
"""The kernel's own mark, of this process only: getrusage would count what the parent held when it forked."""
IMPORTS = "import hint_toolkit.flows.release, hint_toolkit.export.parquet, pyarrow.parquet"


def make_pairs(root: Path, hands: int) -> None:
    """Write `hands` pairs, spread over the folders as in the release."""
    rng = np.random.default_rng(0)
    jpegs, share = [_jpeg(rng) for _ in range(JPEGS)], hands / sum(HANDS.values())
    made = 0
    for name, full in HANDS.items():
        folder = root / name
        folder.mkdir(parents=True)
        for k in range(round(full * share)):
            stem = f"{_stem(name, k // 2)}_{'lr'[k % 2]}"
            (folder / f"{stem}.json").write_text(json.dumps([_record(rng)]))
            (folder / f"{stem}.jpg").write_bytes(jpegs[made % JPEGS])
            made += 1


def _stem(folder: str, k: int) -> str:
    if "epick" in folder:
        return f"EK_{k:04d}_P{k % 30:02d}_{k % 20:02d}_frame_{k:010d}"
    if "newdays" in folder:
        return f"ND_v{k // 4:010d}_frame{k:06d}"
    clip = f"{k // 4:08x}-0000-4000-8000-{len(folder):012d}"
    return f"{clip}_{clip}_{k:07d}_pnr_frame"


def _record(rng: np.random.Generator) -> dict[str, object]:
    points = rng.uniform(200, 800, (1, 2)) + rng.normal(0, 40, (21, 2))
    exists = rng.random(21) < 0.95
    points[~exists] = 0
    box = [*points[exists].min(0), *points[exists].max(0)]
    occluded = exists & (rng.random(21) < 0.35)
    return {
        "bbox": [[float(value) for value in box]],
        "keypoints": points.tolist(),
        "existence": exists.astype(int).tolist(),
        "occlusion": occluded.astype(int).tolist(),
    }


def _jpeg(rng: np.random.Generator) -> bytes:
    """A picture of noise whose file has 20 to 60 KB."""
    import cv2

    size = int(rng.integers(128, 224))
    return bytes(cv2.imencode(".jpg", rng.integers(0, 256, (size, size, 3), dtype=np.uint8))[1])


def run(code: str, *arguments: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB of a Python process of its own."""
    return _timed([sys.executable, "-c", code + PEAK, *arguments])


def _timed(command: list[str]) -> tuple[float, float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {command[:3]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, int(said or 0) / 1024


def arrays(parquet: Path) -> tuple[float, float]:
    """Seconds of `read_hands` and of `read_truth`, both in this process, after a first run."""
    from hint_toolkit.io.parquet import read_hands
    from hint_toolkit.io.release import read_truth

    times: dict[str, list[float]] = {"hands": [], "truth": []}
    for _ in range(6):
        for name, read in (("hands", read_hands), ("truth", read_truth)):
            start = time.perf_counter()
            read(parquet)
            times[name].append(time.perf_counter() - start)
    return statistics.median(times["hands"][1:]), statistics.median(times["truth"][1:])


def measure(place: Path, repeats: int) -> dict[str, list[tuple[float, float, float]]]:
    """Every process `repeats` times, in turns."""
    pairs, out = str(place / "all"), place / "out"
    commands = {
        "imports": (IMPORTS,),
        "read json": (READ, pairs),
        "json -> hands in memory": (READ_IN_BATCHES, pairs),
        "json -> hands.parquet": (WRITE, pairs, str(out)),
        "convert --no-pictures": (CONVERT, pairs, str(out)),
        "copytree": (COPYTREE, pairs, str(out)),
        "write --embed": (WRITE, pairs, str(out), "embed"),
        "convert --embed": (CONVERT, pairs, str(out), "embed"),
    }
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in [*commands, "cp -r"]}
    for _ in range(repeats):
        for name, command in commands.items():
            rows[name].append(run(*command))
            if name == "json -> hands.parquet":
                shutil.copyfile(out / "hands.parquet", place / "hands.parquet")
            shutil.rmtree(out, ignore_errors=True)
        rows["cp -r"].append(_timed(["cp", "-r", pairs, str(out)]))
        shutil.rmtree(out)
    few = str(place / "few")
    for name, option in (("few --no-pictures", ""), ("few --embed", "embed")):
        rows[name] = [run(CONVERT, few, str(out), option)]
        shutil.rmtree(out)
    return rows


def main() -> None:
    """Make the data, time everything, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hands", type=int, default=sum(HANDS.values()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="Where the files go; kept and used again.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.folder or Path(scratch)
        for name, hands in (("all", options.hands), ("few", options.hands // 10)):
            if not (place / name).is_dir():
                make_pairs(place / name, hands)
        run(READ, str(place / "all"))
        rows = measure(place, options.repeats)
        seconds = arrays(place / "hands.parquet")
    show(options.hands, rows, seconds)


def show(hands: int, rows: dict[str, list[tuple[float, float, float]]], seconds: tuple[float, float]) -> None:
    """Print medians and what they mean."""
    middle = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in rows.items()}
    print(f"{hands} hands, medians of {len(rows['imports'])} runs")  # noqa: T201
    print(f"{'process':28s} {'wall s':>8s} {'CPU s':>8s} {'MB':>6s}")  # noqa: T201
    for name, (wall, cpu, memory) in middle.items():
        print(f"{name:28s} {wall:8.2f} {cpu:8.2f} {memory:6.0f}")  # noqa: T201
    base, start = middle["read json"][0], middle["imports"][0]
    for name in ("json -> hands in memory", "json -> hands.parquet", "convert --no-pictures"):
        wall = middle[name][0]
        print(f"{name}: {wall / base:.1f} x reading the same files; {(wall - start) / base:.1f} x without imports")  # noqa: T201
    for other in ("cp -r", "copytree"):
        for name in ("write --embed", "convert --embed"):
            print(f"{name}: {middle[other][0] / middle[name][0]:.2f} of the throughput of {other}")  # noqa: T201
    print(f"hands.parquet -> arrays: {seconds[0]:.3f} s; read_truth, with its checks and version: {seconds[1]:.3f} s")  # noqa: T201
    for few, name in (("few --no-pictures", "convert --no-pictures"), ("few --embed", "convert --embed")):
        print(f"peak memory, {name}: {middle[name][2] / middle[few][2]:.2f} x that of a tenth of the hands")  # noqa: T201


if __name__ == "__main__":
    main()
