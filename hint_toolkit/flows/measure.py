"""The pass over candidate frames: decode them once, measure them, and keep the numbers in the workspace.

What is kept in `measures.parquet` is not looked at again: a second run, another number of frames or another seed
decodes nothing, and a clip that is added is the only one that is looked at.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.flows.measure_rows import Measured, measured_of, measured_row, schema, table_of
from hint_toolkit.flows.sample_options import Progress
from hint_toolkit.flows.sample_plan import PlannedClip, read_pictures
from hint_toolkit.io.parquet import read_table
from hint_toolkit.prelabel.base import Detector
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.synthetic.parallel import can_start_processes, run_in_processes
from hint_toolkit.video.measures import MEASURES_VERSION
from hint_toolkit.workspace import Stage, Workspace, stage_configuration
from hint_toolkit.workspace import fingerprint as name_of

STAGE: Final = "measure"
FILE: Final = "measures.parquet"
NO_DETECTOR: Final = "none"
_BATCH = 128
"""Frames between two marks that a killed run goes on from."""


@dataclass(frozen=True)
class Look:
    """Pictures of one clip that are to be looked at: ascending decode indices."""

    planned: PlannedClip
    frames: tuple[int, ...]


@dataclass(frozen=True)
class _Batch:
    unit: str
    planned: PlannedClip
    frames: tuple[int, ...]


@dataclass(frozen=True)
class _Job:
    """What one process works off; plain data."""

    root: Path
    configuration: dict[str, Any]
    detector: str
    batches: tuple[_Batch, ...]


def measure(
    workspace: Workspace,
    looks: Sequence[Look],
    *,
    detector: str = "mediapipe",
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Measured]:
    """Measure pictures, or take what an earlier run has kept. The workspace must be locked by the caller.

    The result depends on the pictures and the detector alone, not on `workers`, nor on how often a run was killed.

    Args:
        workspace: keeps `measures.parquet`.
        looks: one entry a clip.
        detector: of `prelabel.registry`, or "none": presence and occlusion are then NaN.
        workers: processes.
        progress: called with pictures done and in all.

    Returns:
        video id -> what was seen.

    Raises:
        InputError: no such detector, or no model.
        MissingExtra: a library is not installed.
    """
    with _detector(detector) as found:
        name = found.name if found else NO_DETECTOR
        configuration = _configuration(looks, name)
        file = workspace.root / FILE
        held = stage_configuration(file)
        if held != configuration:
            stage = Stage(workspace, STAGE, configuration)
            batches = _batches(looks)
            if held is not None and held.get("detector") == name:
                _take_over(stage, read_table(file)[0], held["clips"], configuration["clips"], batches)
            total = sum(len(batch.frames) for batch in batches)
            _run(workspace.root, configuration, detector, found, batches, workers, _counter(progress, total))
            tables = [stage.table(batch.unit, _not_there) for batch in batches]
            stage.finish(file, tables, schema())
    return _by_clip(file, looks)


def kept(workspace: Workspace, looks: Sequence[Look], detector: str) -> dict[str, Measured] | None:
    """What an earlier run has measured, if it is all of `looks`; nothing is decoded and no detector opened."""
    held = stage_configuration(workspace.root / FILE)
    if not held or str(held.get("detector", "")).partition("-")[0] != detector:
        return None
    if held != _configuration(looks, held["detector"]):
        return None
    return _by_clip(workspace.root / FILE, looks)


def _configuration(looks: Sequence[Look], detector: str) -> dict[str, Any]:
    """All that the measures depend on."""
    clips = {
        look.planned.clip.video_id: name_of(
            {"content": look.planned.content, "frames": list(look.frames), "version": MEASURES_VERSION}
        )
        for look in looks
    }
    return {"detector": detector, "clips": clips}


@contextmanager
def _detector(name: str) -> Iterator[Detector | None]:
    if name == NO_DETECTOR:
        yield None
    else:
        # Nine windows a frame cost ten times as much; here a rough answer about many frames is wanted.
        quick = {"windows": "never"} if name == "mediapipe" else {}
        with opened(name, **quick) as detector:
            yield detector


def _batches(looks: Sequence[Look]) -> list[_Batch]:
    return [
        _Batch(f"{look.planned.clip.video_id}:{start}", look.planned, look.frames[start : start + _BATCH])
        for look in looks
        for start in range(0, len(look.frames), _BATCH)
    ]


def _take_over(
    stage: Stage, table: Any, before: Mapping[str, str], now: Mapping[str, str], batches: Sequence[_Batch]
) -> None:
    """Make parts of what an earlier run measured in clips that have not changed since."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in batches:
        video_id = batch.planned.clip.video_id
        if before.get(video_id) == now[video_id]:
            ours = pc.and_(
                pc.equal(table["video_id"], video_id),
                pc.is_in(table["frame_index"], pa.array(batch.frames, pa.int64())),
            )
            stage.table(batch.unit, partial(table.filter, ours))


def _run(
    root: Path,
    configuration: dict[str, Any],
    detector: str,
    found: Detector | None,
    batches: Sequence[_Batch],
    workers: int,
    step: Any,
) -> None:
    """Work the batches off, here or in processes, batch k in process k mod `workers`."""
    workers = min(workers, len(batches))
    if workers < 2 or not can_start_processes():
        stage = Stage(Workspace(root), STAGE, configuration)
        for batch in batches:
            for _ in _work_off(stage, batch, found):
                step()
        return
    jobs = [
        (f"{STAGE} {k + 1}", _Job(root, configuration, detector, tuple(batches[k::workers]))) for k in range(workers)
    ]
    run_in_processes(_child, jobs, workers, step)


def _child(job: _Job) -> Generator[None, None, None]:
    stage = Stage(Workspace(job.root), STAGE, job.configuration)
    with _detector(job.detector) as detector:
        for batch in job.batches:
            yield from _work_off(stage, batch, detector)


def _work_off(stage: Stage, batch: _Batch, detector: Detector | None) -> Generator[None, None, None]:
    """One batch, unless an earlier run finished it; a step a picture."""
    try:
        stage.table(batch.unit, _not_there)
        yield from (None for _ in batch.frames)
    except _NotThere:
        rows = []
        for row in _rows(batch, detector):
            rows.append(row)
            yield
        stage.table(batch.unit, partial(table_of, rows))


class _NotThere(Exception):
    """A part that no run has finished yet."""


def _not_there() -> Any:
    raise _NotThere


def _rows(batch: _Batch, detector: Detector | None) -> Iterator[dict[str, Any]]:
    """One row a picture; what cannot be read keeps a row that says why."""
    left = dict.fromkeys(batch.frames)
    why = ""
    try:
        for k, image in read_pictures(batch.planned, batch.frames):
            del left[k]
            yield measured_row(batch.planned, k, image, detector)
    except InputError as error:
        why = error.why or error.what
    yield from (measured_row(batch.planned, k, why or "it did not come out", None) for k in left)


def _counter(progress: Progress | None, total: int) -> Any:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return step


def _by_clip(file: Path, looks: Sequence[Look]) -> dict[str, Measured]:
    table = read_table(file)[0]
    return {name: measured_of(table, name) for name in (look.planned.clip.video_id for look in looks)}
