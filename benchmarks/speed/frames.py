"""What do a few exact frames of a clip cost, as a multiple of the least that the decoder must do.

    python benchmarks/speed/frames.py [--seconds 60] [--repeats 3] [--work DIR]

The clips are 1080p H.264 with B-frames, 30 frames a second, made here: a textured scene that sways as a head
does, sensor noise, and the number of the frame in its pixels. One has a key frame every 250 frames, one every 15.
Asked for: 9 frames in 3 bursts 15 apart, as HInt's Ego4D frames lie; and one frame a second.

The limit is the work that no method can avoid with this decoder: the packets from the key frame before each wanted
frame to that frame are already in memory; they are decoded once, one thread, without the frames that nothing refers to
and nobody wants; the wanted ones become RGB. It does not open, index or search the file. Ours does, in the time shown.

Every run is a process of its own; the methods take turns, and the median of the repeats is shown; ffmpeg, which decodes
the whole clip with as many threads as it likes, runs once. CPU seconds are the ones to compare when others use the
machine; the multiple is of them. A frame is wrong when the number in its pixels is not the wanted one.
"""

import argparse
import importlib.util
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.video.ffmpeg import find_ffmpeg
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import read_frames
from hint_toolkit.video.spans import plan_spans

WIDTH, HEIGHT, RATE, BITS, CELL = 1920, 1080, 30, 14, 40
Found = dict[int, Any]


def write_clip(path: Path, seconds: int, gop: int) -> None:
    """An ego-like clip whose pixels say the number of each frame."""
    import av
    import cv2

    rng = np.random.default_rng(0)
    coarse = [rng.uniform(0, 255, (n, n * 2, 3)).astype(np.float32) for n in (6, 40, 300)]
    scene = sum(cv2.resize(c, (2600, 1500), interpolation=cv2.INTER_CUBIC) for c in coarse) / 3
    scene = np.clip(scene, 0, 255).astype(np.uint8)
    noise = rng.normal(0, 3, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.int8)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "23", "bf": "3", "threads": "2"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", gop
        for k in range(seconds * RATE):
            x = int(300 + 250 * np.sin(k / 37) + 40 * np.sin(k / 5))
            y = int(200 + 150 * np.sin(k / 51) + 20 * np.sin(k / 7))
            dx, dy = rng.integers(0, 64, 2)
            crop = noise[dy : dy + HEIGHT, dx : dx + WIDTH] + scene[y : y + HEIGHT, x : x + WIDTH].astype(np.int16)
            image = np.clip(crop, 0, 255).astype(np.uint8)
            for bit in range(BITS):
                image[CELL : 2 * CELL, CELL * (1 + bit) : CELL * (2 + bit)] = 255 * (k >> bit & 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def read_number(image: np.ndarray) -> int:
    """The number in the pixels of a frame."""
    rows = image[CELL + 10 : 2 * CELL - 10]
    return sum(int(rows[:, CELL * (1 + b) + 10 : CELL * (2 + b) - 10].mean() > 128) << b for b in range(BITS))


def requests(seconds: int) -> dict[str, list[int]]:
    """The two sets of wanted frames."""
    drawn, count = random.Random(0), seconds * RATE
    starts = [part * count // 3 + drawn.randrange(count // 3 - 45) for part in range(3)]
    return {
        "3 bursts of 3": [start + 15 * step for start in starts for step in range(3)],
        "1 a second": list(range(7, count, RATE)),
    }


def ours(path: Path, wanted: list[int], _: Path) -> Found:
    """This toolkit: index, plan, seek, skip."""
    return {
        k: image if isinstance(image, str) else read_number(image)
        for k, image in read_frames(index_video(path), wanted)
    }


def limit(path: Path, wanted: list[int], _: Path, clock: Callable[[], None]) -> Found:
    """See the module's docstring; `clock` starts the watch when the packets are in memory."""
    import av

    index = index_video(path)
    number = {index.pts[k]: k for k in wanted}
    found: Found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        codec = stream.codec_context
        codec.thread_count = 1
        reformatter = av.video.reformatter.VideoReformatter()
        clock()
        for span in plan_spans(index, wanted) or []:
            for packet in [*packets[span.first : span.last + 1], None]:
                codec.skip_frame = "NONREF" if packet is not None and packet.pts not in number else "DEFAULT"
                for frame in codec.decode(packet):
                    if frame.pts in number:
                        found[number[frame.pts]] = read_number(reformatter.reformat(frame, format="rgb24").to_ndarray())
            codec.flush_buffers()
    return found


def pyav_seek(path: Path, wanted: list[int], _: Path) -> Found:
    """PyAV: a seek for every frame, then decoding up to its time."""
    import av

    found: Found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        step = 1 / (RATE * stream.time_base)
        for k in wanted:
            container.seek(int(k * step), stream=stream)
            for frame in container.decode(stream):
                if frame.pts >= k * step:
                    found[k] = read_number(frame.to_ndarray(format="rgb24"))
                    break
    return found


def opencv_seek(path: Path, wanted: list[int], _: Path) -> Found:
    """OpenCV: CAP_PROP_POS_FRAMES for every frame."""
    import cv2

    cv2.setNumThreads(1)
    capture, found = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), {}
    for k in wanted:
        capture.set(cv2.CAP_PROP_POS_FRAMES, k)
        ok, image = capture.read()
        found[k] = read_number(image[:, :, ::-1]) if ok else "nothing came"
    return found


def torchcodec_exact(path: Path, wanted: list[int], _: Path) -> Found:
    """Frames from torchcodec in its exact mode."""
    from torchcodec.decoders import VideoDecoder

    frames = VideoDecoder(str(path), num_ffmpeg_threads=1).get_frames_at(wanted).data
    return {k: read_number(image.permute(1, 2, 0).numpy()) for k, image in zip(wanted, frames, strict=True)}


def decord_batch(path: Path, wanted: list[int], _: Path) -> Found:
    """Frames from decord's get_batch."""
    import decord

    frames = decord.VideoReader(str(path), num_threads=1).get_batch(wanted).asnumpy()
    return {k: read_number(image) for k, image in zip(wanted, frames, strict=True)}


def ffmpeg_everything(path: Path, wanted: list[int], folder: Path) -> Found:
    """HInt's own way: every frame becomes a JPEG, the needed ones are copied."""
    out, kept = folder / "all", folder / "kept"
    out.mkdir()
    kept.mkdir()
    call = [find_ffmpeg(), "-nostdin", "-v", "error", "-i", path, "-qscale:v", "1", out / "out_%10d.jpg"]
    subprocess.run(call, check=True)
    for k in wanted:
        shutil.copy(out / f"out_{k + 1:010d}.jpg", kept / f"{k}.jpg")
    return {k: kept / f"{k}.jpg" for k in wanted}


def ffmpeg_select(path: Path, wanted: list[int], folder: Path) -> Found:
    """Ffmpeg's select filter over the whole clip, JPEG as HInt's."""
    chosen = "+".join(f"eq(n,{k})" for k in wanted)
    call = [find_ffmpeg(), "-nostdin", "-v", "error", "-i", path, "-vf", f"select='{chosen}'"]
    call += ["-fps_mode", "passthrough", "-qscale:v", "1", folder / "%d.jpg"]
    subprocess.run(call, check=True)
    return {k: folder / f"{n}.jpg" for n, k in enumerate(sorted(wanted), 1)}


METHODS: dict[str, Any] = {
    "limit": limit,
    "ours": ours,
    "PyAV, a seek a frame": pyav_seek,
    "OpenCV, a seek a frame": opencv_seek,
}
METHODS |= {
    name: f
    for name, f in (("torchcodec", torchcodec_exact), ("decord", decord_batch))
    if importlib.util.find_spec(name)
}
if find_ffmpeg():
    METHODS |= {"ffmpeg select": ffmpeg_select, "ffmpeg, all to JPEG": ffmpeg_everything}


def cpu() -> float:
    """CPU seconds of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def own_peak() -> float:
    """Most memory this process ever held, MB; `ru_maxrss` would also count the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024


def run_one(name: str, path: Path, wanted: list[int]) -> None:
    """In a process of its own: one method once; prints a line of json."""
    import av  # noqa: F401 - loading libraries is not what is timed
    import cv2

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        watch = [time.perf_counter(), cpu()]

        def restart() -> None:
            watch[:] = [time.perf_counter(), cpu()]

        found = METHODS[name](path, wanted, Path(folder), *([restart] if name == "limit" else []))
        wall, busy = time.perf_counter() - watch[0], cpu() - watch[1]
        peak = max(own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
        for k, value in found.items():
            if isinstance(value, Path):
                found[k] = read_number(cv2.imread(str(value)))
    wrong = sum(found.get(k) != k for k in wanted)
    print(json.dumps({"wall": wall, "cpu": busy, "mb": peak, "wrong": wrong}))  # noqa: T201


def measure(path: Path, wanted: list[int], repeats: int, methods: list[str]) -> dict[str, dict[str, float]]:
    """Medians of every method, which take turns."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for turn in range(repeats):
        for name in methods:
            if turn and "ffmpeg" in name:
                continue
            call = [sys.executable, __file__, "--one", name, "--clip", str(path), "--wanted", json.dumps(wanted)]
            rows[name].append(json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout))
    return {n: {key: statistics.median(row[key] for row in found) for key in found[0]} for n, found in rows.items()}


def main() -> None:
    """Make the clips, time everything, print a table a clip and set of requests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the clips; kept, and used again")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    for hidden in ("--one", "--clip", "--wanted"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one, Path(options.clip), json.loads(options.wanted))
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = options.work or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        for gop in (250, 15):
            path = place / f"ego_{options.seconds}s_gop{gop}.mp4"
            if not path.exists():
                write_clip(path.with_suffix(".part.mp4"), options.seconds, gop)
                path.with_suffix(".part.mp4").rename(path)
            for kind, wanted in requests(options.seconds).items():
                rows = measure(path, wanted, options.repeats, options.methods)
                print(f"\n{options.seconds} s, 1080p, key frame every {gop}, {kind}: {len(wanted)} frames")  # noqa: T201
                print(f"{'':24s} {'wall s':>8s} {'CPU s':>8s} {'x limit':>8s} {'wrong':>6s} {'peak MB':>8s}")  # noqa: T201
                for name, row in rows.items():
                    share = row["cpu"] / rows["limit"]["cpu"] if "limit" in rows else float("nan")
                    numbers = f"{row['wall']:8.2f} {row['cpu']:8.2f} {share:8.2f} {row['wrong']:6.0f} {row['mb']:8.0f}"
                    print(f"{name:24s} {numbers}")  # noqa: T201


if __name__ == "__main__":
    main()
