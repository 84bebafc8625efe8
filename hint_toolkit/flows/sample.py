"""Videos -> frames in the workspace: plan first, decode exactly what the plan says, resume after a kill."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.measure import kept, measure
from hint_toolkit.flows.sample_clips import Outline, outline
from hint_toolkit.flows.sample_options import Progress, SampleOptions
from hint_toolkit.flows.sample_plan import Picked, Plan, PlannedClip, read_pictures
from hint_toolkit.flows.sample_thin import finish
from hint_toolkit.io.atomic import write_bytes, write_json
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import frames_to_table, read_table
from hint_toolkit.issues import Issues
from hint_toolkit.records import Frame, frame_schema
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.video.measures import sharpness
from hint_toolkit.video.picture import Image, pixel_hash
from hint_toolkit.workspace import Stage, Workspace, stage_configuration

__all__ = ["Plan", "SampleOptions", "SampleReport", "make_plan", "outline", "plan_from_kept", "sample"]

_AS_THEY_ARE = frozenset({".jpg", ".jpeg"})


def make_plan(
    options: SampleOptions, workspace: Workspace | None = None, *, workers: int = 1, progress: Progress | None = None
) -> Plan:
    """Read every video's index and choose frames. Only what the strategy must look at is decoded.

    Args:
        options: what is wanted.
        workspace: keeps the measures; not needed where `options.measured` is false.
        workers: processes that measure.
        progress: of the measuring: called with pictures done and in all.

    Raises:
        InputError: no video there, or none that can be read; or another process works in the workspace.
        ValueError: measures are needed and no workspace was given.
    """
    offered = outline(options)
    if not offered.looks:
        return finish(offered)
    if workspace is None:
        raise ValueError(f"{options.strategy} looks at pictures first and keeps its measures in a workspace")
    with workspace.lock():
        detector = options.detector if options.looks_for_hands else "none"
        seen = measure(workspace, offered.looks, detector=detector, workers=workers, progress=progress)
    return finish(offered, seen)


def plan_from_kept(offered: Outline, workspace: Workspace) -> Plan | None:
    """The plan without decoding anything: None when pictures must be looked at and no earlier run has."""
    if not offered.looks:
        return finish(offered)
    options = offered.options
    seen = kept(workspace, offered.looks, options.detector if options.looks_for_hands else "none")
    return None if seen is None else finish(offered, seen)


@dataclass(frozen=True)
class SampleReport:
    """What sampling left in the workspace."""

    frames: int
    videos: int
    issues: Issues


def sample(workspace: Workspace, plan: Plan, *, force: bool = False, progress: Progress | None = None) -> SampleReport:
    """Decode the planned frames and write them with their provenance.

    Raises:
        InputError: the workspace already holds frames of another plan and `force` is false.
    """
    configuration = {k: v for k, v in plan.to_dict().items() if k != "unreadable"}
    with workspace.lock():
        held = stage_configuration(workspace.frames_file)
        if held is not None and held != configuration and not force:
            raise InputError(
                "holds frames of another plan",
                where=str(workspace.root),
                next_step="use another --workspace, or --force to replace them",
            )
        write_json(workspace.plan_file, plan.to_dict())
        _remove_torn(workspace.frames_folder)
        if held == configuration and _all_there(workspace, table := read_table(workspace.frames_file)[0]):
            return _report(plan, {c.clip.video_id: _rows_of(table, c.clip.video_id) for c in plan.clips})
        stage = Stage(workspace, "sample", configuration)
        tables: dict[str, Any] = {}
        done = 0
        for planned in plan.clips:
            tick = _ticker(progress, done, plan.frames)
            work = partial(_decode, workspace, plan.options, planned, tick)
            video_id = planned.clip.video_id
            tables[video_id] = stage.table(video_id, work, valid=partial(_all_there, workspace))
            done += len(planned.picks)
            tick(len(planned.picks))
        stage.finish(workspace.frames_file, list(tables.values()), frame_schema())
    return _report(plan, tables)


def _remove_torn(folder: Path) -> None:
    """Pictures that a kill left under their temporary names."""
    for path in folder.glob(".*.partial.jpg"):
        path.unlink(missing_ok=True)


def _ticker(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    """Progress of one video as progress of the whole."""
    return lambda k: progress(before + k, total) if progress else None


def _all_there(workspace: Workspace, table: Any) -> bool:
    return all((workspace.root / path).is_file() for path in table["path"].to_pylist())


def _rows_of(table: Any, video_id: str) -> Any:
    import pyarrow.compute as pc

    return table.filter(pc.equal(table["video_id"], video_id))


def _report(plan: Plan, tables: dict[str, Any]) -> SampleReport:
    """Count what came out, and name what the plan wanted and no decoder delivered."""
    issues = Issues(list(plan.issues.found))
    for planned in plan.clips:
        got = set(tables[planned.clip.video_id]["frame_index"].to_pylist())
        lost = [pick.frame_index for pick in planned.picks if pick.frame_index not in got]
        if lost:
            text = f"{len(lost)} of {len(planned.picks)} planned frames cannot be decoded: damaged or cut off"
            issues.error(text, file=planned.clip.name, field=f"frame {shorten(map(str, lost))}")
    return SampleReport(sum(len(t) for t in tables.values()), sum(len(t) > 0 for t in tables.values()), issues)


def _decode(workspace: Workspace, options: SampleOptions, planned: PlannedClip, tick: Callable[[int], None]) -> Any:
    """Decode one clip's picks, write the jpgs, and return the rows."""
    wanted = {pick.frame_index: pick for pick in planned.picks}
    rows: list[Frame] = []
    for k, (frame_index, image) in enumerate(read_pictures(planned, list(wanted)), 1):
        tick(k)
        if isinstance(image, str):
            continue
        path = workspace.frames_folder / f"{wanted[frame_index].id}.jpg"
        _write_picture(path, planned, frame_index, image)
        relative = path.relative_to(workspace.root).as_posix()
        rows.append(_frame(options, planned, wanted[frame_index], image, relative))
    return frames_to_table(sorted(rows, key=lambda row: row.frame_index))


def _write_picture(path: Path, planned: PlannedClip, frame_index: int, image: Image) -> None:
    """A decoded picture becomes a JPEG; one that was a JPEG stays the file that it was, byte for byte."""
    if planned.clip.pictures and planned.clip.pictures[frame_index].suffix.lower() in _AS_THEY_ARE:
        write_bytes(path, planned.clip.pictures[frame_index].read_bytes())
    else:
        write_jpg(path, image)


def _frame(options: SampleOptions, planned: PlannedClip, pick: Picked, image: Image, path: str) -> Frame:
    clip = planned.clip
    return Frame(
        id=pick.id,
        source=planned.source,
        video_id=clip.video_id,
        video=clip.name,
        frame_index=pick.frame_index,
        time=planned.time(pick.frame_index),
        width=image.shape[1],
        height=image.shape[0],
        sha256=pixel_hash(image),
        path=path,
        reason=pick.reason,
        split=planned.split,
        licence=clip.licence or options.licence,
        redistributable=clip.redistributable and options.redistributable,
        group=clip.group,
        image_number=pick.image_number,
        sharpness=sharpness(image),
        hand_presence=pick.hand_presence,
        likeness=fingerprint(image).tobytes(),
    )
