"""What does it cost to restore HInt's frames from their clips, against the official way?

    python benchmarks/speed/restore.py [--clips 2] [--seconds 300] [--work DIR]

The official way decodes every frame of a clip to JPEG (`ffmpeg -i clip -qscale:v 1`) and copies the wanted ones. Ours
is `hint-build restore`: packets are indexed, only what the wanted frames need is decoded, and they are encoded, hashed
and written beside their json with a report.

The clips are those of `frames.py`, 1080p H.264 with a key frame every 250 frames and every 15, a minute of them
repeated to five minutes, about the length of Ego4D's clips. Asked for: 9 frames a clip in 3 bursts (HInt has 8.7 a clip
in TEST_ego4d_img). A picture is wrong when the number in its pixels is not the wanted one. Needs ffmpeg for the first
way, whose JPEGs lie on the disk for a moment, and their size is shown.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from frames import RATE, read_number, write_clip

from hint_toolkit.flows.restore import RestoreOptions, restore
from hint_toolkit.io.images import read_image
from hint_toolkit.video.ffmpeg import find_ffmpeg

MINUTE = 60


def lengthen(source: Path, target: Path, times: int) -> None:
    """The packets of a clip one behind the other, without encoding again."""
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        shift = round(MINUTE / given.streams.video[0].time_base)
        for turn in range(times):
            given.seek(0)
            for packet in given.demux(video=0):
                if packet.size:
                    packet.pts, packet.dts = packet.pts + turn * shift, packet.dts + turn * shift
                    packet.stream = stream
                    out.mux(packet)


def make_case(work: Path, clips: int, seconds: int, gop: int) -> tuple[Path, Path, dict[str, list[int]]]:
    """Release, folder of clips, and the wanted frame numbers by clip."""
    minute = work / f"minute_gop{gop}.mp4"
    if not minute.exists():
        write_clip(minute.with_suffix(".part.mp4"), MINUTE, gop)
        minute.with_suffix(".part.mp4").rename(minute)
    root = work / f"gop{gop}"
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "HInt_annotation_partial/TEST_ego4d_img"
    folder.mkdir(parents=True)
    (root / "ego4d/v1/clips").mkdir(parents=True)
    wanted = {}
    hand = {"bbox": [[1, 1, 9, 9]], "keypoints": [[5, 5]] * 21, "existence": [1] * 21, "occlusion": [0] * 21}
    for k in range(clips):
        clip = str(uuid.uuid5(uuid.NAMESPACE_URL, f"clip {k}"))
        lengthen(minute, root / f"ego4d/v1/clips/{clip}.mp4", seconds // MINUTE)
        last = seconds * RATE - 40
        wanted[clip] = [int(last * (b + 1) / 4) + 37 * k + 15 * j for b in range(3) for j in range(3)]
        for n in wanted[clip]:
            stem = f"{clip}_{uuid.uuid5(uuid.NAMESPACE_URL, f'{n}')}_{n}_pnr_frame_r"
            (folder / f"{stem}.json").write_text(json.dumps([hand]))
    return folder.parent, root / "ego4d", wanted


def official(ego4d: Path, wanted: dict[str, list[int]], target: Path, work: Path) -> int:
    """Every frame of every clip to JPEG, the wanted ones copied; gives the most bytes that lay on the disk."""
    target.mkdir()
    most = 0
    for clip, numbers in wanted.items():
        folder = work / "decoded"
        folder.mkdir()
        call = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-i", ego4d / f"v1/clips/{clip}.mp4", "-qscale:v", "1"]
        subprocess.run([*call, folder / "o_%10d.jpg"], check=True)
        most = max(most, sum(path.stat().st_size for path in folder.iterdir()))
        for n in numbers:
            shutil.copy(folder / f"o_{n + 1:010d}.jpg", target / f"{clip}_{n}.jpg")
        shutil.rmtree(folder)
    return most


def clock() -> tuple[float, float]:
    """Wall and CPU seconds, children included."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


def wrong(pictures: dict[Path, int]) -> int:
    """How many pictures do not show their number."""
    return sum(read_number(read_image(path)) != n % (MINUTE * RATE) for path, n in pictures.items())


def show(name: str, begun: tuple[float, float], bad: int, disk: int, base: tuple[float, float] | None) -> None:
    """A line of the table; with `base`, how many times faster this is."""
    wall, cpu = base[0] / begun[0] if base else 1, base[1] / begun[1] if base else 1
    row = f"{name:26s} {begun[0]:8.2f} {begun[1]:8.2f} {wall:7.1f}x {cpu:6.1f}x {bad:6d} {disk / 1e6:9.0f}"
    sys.stdout.write(row + "\n")


def main() -> None:
    """Make the clips, time both ways, print a table a kind of clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=300, help="a multiple of 60")
    parser.add_argument("--work", type=Path, help="folder for the clips; the encoded minute is kept, and used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for gop in (250, 15):
            release, ego4d, wanted = make_case(work, options.clips, options.seconds, gop)
            count = sum(map(len, wanted.values()))
            head = f"{options.clips} clips of {options.seconds} s, 1080p, key frame every {gop}, {count} frames"
            sys.stdout.write(f"\n{head}\n{'':26s} {'wall s':>8s} {'CPU s':>8s} {'wall':>8s} {'CPU':>7s} {'wrong':>6s} "
                             f"{'MB on disk':>10s}\n")  # fmt: skip
            base = None
            if find_ffmpeg():
                start = clock()
                disk = official(ego4d, wanted, release.parent / "copied", work)
                base = tuple(b - a for a, b in zip(start, clock(), strict=True))
                pictures = {release.parent / "copied" / f"{c}_{n}.jpg": n for c, ns in wanted.items() for n in ns}
                show("ffmpeg, all to JPEG, copy", base, wrong(pictures), disk, None)
            for workers in (1, 2):
                shutil.rmtree(release.with_name(f"{release.name}.restore"), ignore_errors=True)
                for path in release.rglob("*.jpg"):
                    path.unlink()
                start = clock()
                report = restore(release, ego4d, RestoreOptions(workers=workers))
                took = tuple(b - a for a, b in zip(start, clock(), strict=True))
                pictures = {path: int(path.stem.split("_")[2]) for path in release.rglob("*.jpg")}
                bad = wrong(pictures) + report.hands - len(pictures)
                show(f"hint-build restore, {workers} worker{'s' * (workers > 1)}", took, bad, 0, base)


if __name__ == "__main__":
    main()
