"""A folder of demo clips with their truth: rendered in parallel, and resumed where a run was killed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hint_toolkit.synthetic.clip import require_library, temporary_prefix, write_frames
from hint_toolkit.synthetic.options import Look
from hint_toolkit.synthetic.parallel import can_start_processes, run_in_processes
from hint_toolkit.synthetic.truth import GENERATOR, TRUTH_FILE, TRUTH_VERSION, truth_to_json

FPS = 30
# What an egocentric demo needs to show; more clips go round again with other seeds.
CLIP_MIX: tuple[dict[str, Any], ...] = (
    {"view": "ego", "side": "right"},
    {"view": "ego", "side": "left", "pose": "open"},
    {"view": "ego", "side": "right", "look": Look(object="can")},
    {"view": "ego", "n_hands": 2},
    {"view": "ego", "side": "left", "size": 0.6, "shift": (-0.1, 0.42)},
    {"view": "front", "side": "right", "look": Look(object="auto")},
)


@dataclass(frozen=True)
class ClipJob:
    """One clip to write: everything that decides its bytes."""

    folder: Path
    seed: int
    number: int
    n_frames: int
    width: int
    height: int

    @property
    def path(self) -> Path:
        """The clip's file."""
        return self.folder / f"synthetic_{self.seed}_{self.number}.mp4"

    @property
    def record_path(self) -> Path:
        """The file written after the clip: its presence says that the clip is complete."""
        return self.path.with_suffix(".part.json")

    @property
    def scene(self) -> dict[str, Any]:
        """Arguments of `sequence` that make this clip different from the others."""
        return CLIP_MIX[self.number % len(CLIP_MIX)]

    def parameters(self) -> dict[str, Any]:
        """All that decides the clip's bytes, as JSON values."""
        scene = {**self.scene, "look": asdict(self.scene.get("look", Look()))}
        return {
            "generator": GENERATOR,
            "version": TRUTH_VERSION,
            "seed": self.clip_seed,
            "n_frames": self.n_frames,
            "width": self.width,
            "height": self.height,
            "fps": FPS,
            "scene": json.loads(json.dumps(scene)),  # tuples become lists, as they will be read back
        }

    @property
    def clip_seed(self) -> int:
        """The clip's own seed."""
        return self.seed * 1000 + self.number


def write_demo_clips(
    folder: Path,
    *,
    seed: int = 0,
    n_clips: int = 6,
    n_frames: int = 48,
    width: int = 640,
    height: int = 480,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Write `synthetic_<seed>_<k>.mp4` and `truth.json`: egocentric hands for demos and tests.

    A killed run is continued by the next call: complete clips are kept, and the result is the same,
    byte for byte. One run at a time may write to a folder.

    Args:
        folder: Where to write; made if it is not there.
        seed: Decides all clips.
        n_clips: How many clips; six show one and two hands, both sides, a held can, a cut-off hand.
        n_frames: Frames in each clip, at 30 a second.
        width: Pixels, even.
        height: Pixels, even.
        workers: Processes to render in; None: one for each processor. With more than one, a script
            must call this under `if __name__ == "__main__":`.
        progress: Called as `progress(label, done, total)` after each frame, in this process.

    Returns:
        The path of `truth.json`.

    Raises:
        ValueError: An argument is out of its range.
        RuntimeError: A worker process failed.
        MissingExtra: PyAV or OpenCV is not installed.
    """
    for name, value in (("n_clips", n_clips), ("n_frames", n_frames), ("workers", workers)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}: want 1 or more")
    if width % 2 or height % 2:
        raise ValueError(f"the clips are {width}x{height}: want even numbers (4:2:0 colour)")
    require_library("av")
    require_library("cv2")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [ClipJob(folder, seed, k, n_frames, width, height) for k in range(n_clips)]
    pending = [job for job in jobs if _finished_record(job) is None]
    done, total = (n_clips - len(pending)) * n_frames, n_clips * n_frames

    def count_frame() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("synthetic frames", done, total)

    _remove_leftovers(jobs)
    if progress is not None:
        progress("synthetic frames", done, total)
    workers = min(workers or os.cpu_count() or 1, len(pending))
    try:
        if workers > 1 and can_start_processes():
            named = [(job.path.name, job) for job in pending]
            run_in_processes(render_job, named, workers, count_frame)
        else:
            for job in pending:
                with closing(render_job(job)) as steps:
                    for _ in steps:
                        count_frame()
    finally:
        _remove_leftovers(jobs)
    return _write_truth(folder, seed, jobs)


def render_job(job: ClipJob) -> Generator[None, None, None]:
    """Write one clip and then its record; yields after each frame."""
    frames = []
    written = write_frames(
        job.path,
        job.clip_seed,
        job.n_frames,
        width=job.width,
        height=job.height,
        fps=FPS,
        **job.scene,
    )
    with closing(written):
        for hands in written:
            frames.append([truth_to_json(hand) for hand in hands])
            yield
    clip = {"width": job.width, "height": job.height, "fps": FPS, "frames": frames}
    record = {"parameters": job.parameters(), "sha256": _sha256(job.path), "clip": clip}
    _write_json(job.record_path, record)


def _finished_record(job: ClipJob) -> dict[str, Any] | None:
    """The record of a complete clip made with the same parameters, else None."""
    try:
        record = json.loads(job.record_path.read_text(encoding="utf-8"))
        same = record["parameters"] == job.parameters() and record["sha256"] == _sha256(job.path)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, cut off or foreign: then the clip is made again
    return record if same else None


def _write_truth(folder: Path, seed: int, jobs: list[ClipJob]) -> Path:
    clips = {}
    for job in jobs:
        record = _finished_record(job)
        if record is None:
            raise RuntimeError(f"{job.path}: the clip changed while others were being written")
        clips[job.path.name] = record["clip"]
    truth = {"generator": GENERATOR, "version": TRUTH_VERSION, "seed": seed, "clips": clips}
    path = folder / TRUTH_FILE
    _write_json(path, truth)
    return path


def _remove_leftovers(jobs: list[ClipJob]) -> None:
    """Remove unfinished files that a killed run of the same clips left behind."""
    for job in jobs:
        for path in (job.path, job.record_path):
            for leftover in path.parent.glob(f"{temporary_prefix(path)}*.part"):
                leftover.unlink(missing_ok=True)
    if jobs:
        truth = jobs[0].folder / TRUTH_FILE
        for leftover in truth.parent.glob(f"{temporary_prefix(truth)}*.part"):
            leftover.unlink(missing_ok=True)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f"{temporary_prefix(path)}{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file, separators=(",", ":"))
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
