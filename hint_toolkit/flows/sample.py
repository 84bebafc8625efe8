"""Videos -> frames in the workspace: plan first, decode exactly what the plan says, resume after a kill."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hint_toolkit.errors import HintError, InputError, MissingExtra, shorten
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import frames_to_table, read_table
from hint_toolkit.issues import Issues
from hint_toolkit.records import Frame, frame_schema
from hint_toolkit.sampling.plan import Pick, plan_video
from hint_toolkit.sources.folder import Clip, find_clips, quick_hash
from hint_toolkit.video.index import VideoIndex, index_video
from hint_toolkit.video.reader import pixel_hash, read_frames
from hint_toolkit.workspace import Stage, Workspace, stage_configuration

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SampleOptions:
    """What decides which frames are sampled, and what is written about them.

    Attributes:
        videos: folder (or one file).
        source: name of the source in every row, e.g. "folder".
        per_video: frames from each video.
        strategy: see `sampling.plan`.
        seed: of the plan.
        split: TRAIN, VAL or TEST, for all of these videos.
        licence: of the pixels, in the user's words.
    """

    videos: Path
    source: str = "folder"
    per_video: int = 12
    strategy: str = "uniform"
    seed: int = 0
    split: str = "TEST"
    licence: str = "unknown"


@dataclass(frozen=True)
class PlannedClip:
    """One video of a plan."""

    clip: Clip
    index: VideoIndex
    content: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True)
class Plan:
    """What will be decoded, and which videos cannot be."""

    options: SampleOptions
    clips: tuple[PlannedClip, ...]
    issues: Issues

    @property
    def frames(self) -> int:
        """How many pictures the plan wants."""
        return sum(len(planned.picks) for planned in self.clips)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: the plan as a file. It holds names relative to the folder, never its place on a disk."""
        options = {k: v for k, v in asdict(self.options).items() if k != "videos"}
        clips = [
            {
                "video_id": p.clip.video_id,
                "video": p.clip.name,
                "content": p.content,
                "count": p.index.count,
                "seconds": round(p.index.duration, 3),
                "frames": [{"frame_index": pick.frame_index, "reason": pick.reason} for pick in p.picks],
            }
            for p in self.clips
        ]
        return {"plan": 1, "options": options, "clips": clips, "unreadable": [str(i) for i in self.issues]}


def make_plan(options: SampleOptions) -> Plan:
    """Read every video's index and choose frames; nothing is decoded.

    Raises:
        InputError: no video there, or none that can be read.
    """
    issues, planned = Issues(), []
    clips = find_clips(options.videos)
    for clip in clips:
        try:
            index = index_video(clip.path)
        except MissingExtra:
            raise
        except HintError as error:
            issues.error(f"{error.what} ({error.why})" if error.why else error.what, file=clip.name)
            continue
        picks = plan_video(clip.video_id, index.count, options.per_video, strategy=options.strategy, seed=options.seed)
        planned.append(PlannedClip(clip, index, quick_hash(clip.path), tuple(picks)))
    if not planned:
        issues.raise_errors("pass --videos DIR with at least one video that ffmpeg can open")
    return Plan(options, tuple(planned), issues)


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
    """Decode one video's picks, write the jpgs, and return the rows."""
    reasons = {pick.frame_index: pick.reason for pick in planned.picks}
    rows: list[Frame] = []
    for k, (frame_index, image) in enumerate(read_frames(planned.index, list(reasons)), 1):
        tick(k)
        if isinstance(image, str):
            continue
        frame_id = f"{planned.clip.video_id}_frame{frame_index:08d}"
        path = workspace.frames_folder / f"{frame_id}.jpg"
        write_jpg(path, image)
        rows.append(
            Frame(
                id=frame_id,
                source=options.source,
                video_id=planned.clip.video_id,
                video=planned.clip.name,
                frame_index=frame_index,
                time=planned.index.time(frame_index),
                width=image.shape[1],
                height=image.shape[0],
                sha256=pixel_hash(image),
                path=path.relative_to(workspace.root).as_posix(),
                reason=reasons[frame_index],
                split=options.split,
                licence=options.licence,
            )
        )
    return frames_to_table(sorted(rows, key=lambda row: row.frame_index))
