"""HInt's Ego4D frames put back: every wanted picture out of its clip, each with a status and a fingerprint.

The release itself gets nothing but jpgs: HInt's own check counts the files of every folder beside each other and zips
all that lies there. What a restoration knows lies beside the release, in `<release>.restore/`:

    restore.parquet      the report: a row a hand (docs/restore.md)
    missing_clips.txt    uids to fetch, for `ego4d --video_uid_file`
    clips/<uid>.parquet  rows of one finished clip; with them a killed run goes on, and clips may be deleted
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import HintError, shorten
from hint_toolkit.flows.restore_clip import (
    DAMAGED,
    DIFFERS,
    GOOD,
    MISSING,
    STATUSES,
    Job,
    Row,
    read_rows,
    report_schema,
    run_job,
)
from hint_toolkit.flows.restore_ffmpeg import ffmpeg_build, need_ffmpeg
from hint_toolkit.flows.restore_plan import Release, read_release, write_uids
from hint_toolkit.io.fingerprints import Fingerprint, read_fingerprints
from hint_toolkit.io.images import JPEG_QUALITY
from hint_toolkit.io.parquet import write_table
from hint_toolkit.issues import Issues
from hint_toolkit.sampling.dedupe import NEAR, similarity
from hint_toolkit.sources.ego4d import find_videos
from hint_toolkit.video.ffmpeg import find_ffmpeg
from hint_toolkit.video.likeness import is_flat, thumbnails
from hint_toolkit.workspace import Workspace

Progress = Callable[[int, int], None]
EXACT, CLOSE, OTHER, UNPROVEN = "exact", "near", "differs", "not proven"
PROOFS = (EXACT, CLOSE, OTHER, UNPROVEN)
REPORT, TO_FETCH = "restore.parquet", "missing_clips.txt"
_WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore.

    Attributes:
        quality: of our JPEGs, 1..100; 0 for the bytes that ffmpeg's `-qscale:v 1` gives.
        subsets: folders to restore, empty for all of Ego4D's.
        workers: processes.
        fingerprints: list to compare with, or None.
        force: replace jpgs that show another picture.
        state: folder of the report, None for `<release>.restore`.
    """

    quality: int = JPEG_QUALITY
    subsets: tuple[str, ...] = ()
    workers: int = 1
    fingerprints: Path | None = None
    force: bool = False
    state: Path | None = None


@dataclass
class RestoreReport:
    """What a restoration left.

    Attributes:
        folders: folder -> status -> hands.
        proofs: proof -> hands, of those that are there.
        missing: uids of clips that were not there and are needed.
        encoder: what wrote the JPEGs.
        path: of the report.
        compared: whether there was a known list.
        issues: everything a person should look at.
    """

    folders: dict[str, dict[str, int]]
    proofs: dict[str, int]
    missing: list[str]
    encoder: str
    path: Path
    compared: bool = False
    issues: Issues = field(default_factory=Issues)

    @property
    def hands(self) -> int:
        """How many jpgs were wanted."""
        return sum(sum(counts.values()) for counts in self.folders.values())

    @property
    def good(self) -> int:
        """How many are there and right as far as is known."""
        return sum(counts.get(status, 0) for counts in self.folders.values() for status in GOOD)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "hands": self.hands,
            "good": self.good,
            "folders": self.folders,
            "proofs": self.proofs,
            "missing_clips": self.missing,
            "encoder": self.encoder,
            "compared": self.compared,
            "report": str(self.path),
            "issues": [issue.to_dict() for issue in self.issues],
        }


def state_folder(root: Path, state: Path | None = None) -> Path:
    """Where the report of a release lies: beside it."""
    whole = root.resolve()
    return state if state is not None else whole.with_name(f"{whole.name}.restore")


def restore(
    hint: Path, ego4d: Path, options: RestoreOptions | None = None, *, progress: Progress | None = None
) -> RestoreReport:
    """Write `<stem>.jpg` beside every `<stem>.json` of Ego4D whose clip is there.

    Args:
        hint: a release, or one folder of it.
        ego4d: folder with `<clip uid>.mp4`, at any depth.
        options: see `RestoreOptions`.
        progress: called with hands done and all.

    Raises:
        InputError: nothing to restore, no clips folder, ffmpeg wanted and absent, or another run works here.
        OSError: the disk is full or not writable; finished clips are kept, and the next run goes on.
    """
    options = options or RestoreOptions()
    release = read_release(hint, options.subsets)
    known = read_fingerprints(options.fingerprints) if options.fingerprints else {}
    clips, issues = find_videos(ego4d)
    issues.found = [issue for issue in issues if not issue.id or issue.id in release.clips]
    issues.found += release.issues.found
    state = state_folder(release.root, options.state)
    jobs = _jobs(release, clips, ego4d, state, options)
    with Workspace(state).lock():
        _sweep([release.root / name for name in _folders(jobs)] + [state / "clips"])
        _run(jobs, options.workers, progress)
        return _report(release, jobs, known, state, issues)


def _jobs(release: Release, clips: Mapping[str, Path], ego4d: Path, state: Path, options: RestoreOptions) -> list[Job]:
    program = find_ffmpeg()
    encoder = f"OpenCV JPEG {options.quality}"
    if options.quality == 0:
        program = need_ffmpeg()
        encoder = f"ffmpeg {ffmpeg_build(program)}"
    return [
        Job(
            uid=uid,
            clip=clips.get(uid),
            name=clips[uid].relative_to(ego4d).as_posix() if uid in clips else "",
            frames=tuple((n, tuple(sorted(names))) for n, names in sorted(release.clips[uid].items())),
            root=release.root,
            part=state / "clips" / f"{uid}.parquet",
            quality=options.quality,
            ffmpeg=program,
            encoder=encoder,
            force=options.force,
        )
        for uid in sorted(release.clips)
    ]


def _folders(jobs: Sequence[Job]) -> list[str]:
    return sorted({name.rpartition("/")[0] for job in jobs for _, names in job.frames for name in names})


def _sweep(folders: Sequence[Path]) -> None:
    """Remove half-written files that a killed run left."""
    for folder in folders:
        if folder.is_dir():
            for path in folder.glob(".*.partial.*"):
                path.unlink(missing_ok=True)


def _run(jobs: Sequence[Job], workers: int, progress: Progress | None) -> None:
    total, done = sum(job.hands for job in jobs), 0
    for hands in map(run_job, jobs) if workers <= 1 or len(jobs) <= 1 else _in_processes(jobs, workers):
        done += hands
        if progress:
            progress(done, total)


def _in_processes(jobs: Sequence[Job], workers: int) -> Iterator[int]:
    import multiprocessing

    # Spawn, not fork: a fork would copy locks held by threads of OpenCV or of the caller.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_follow, initargs=(os.getpid(),))
    try:
        for future in as_completed([pool.submit(run_job, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        what = "a worker process was ended from outside"
        raise HintError(what, why="not enough memory?", next_step="run again with fewer --workers") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int) -> None:
    """End this worker when the process that started it is gone: a pool's workers would wait forever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _report(
    release: Release, jobs: Sequence[Job], known: Mapping[str, Fingerprint], state: Path, issues: Issues
) -> RestoreReport:
    import pyarrow as pa

    rows: list[Row] = [row for job in jobs for row in read_rows(job)]
    rows.sort(key=lambda row: (row["folder"], row["stem"]))
    _prove(rows, known)
    schema = report_schema().append(pa.field("proof", pa.string())).append(pa.field("similarity", pa.float64()))
    encoder = jobs[0].encoder if jobs else ""
    facts = {"encoder": encoder, "folders": release.folders, "compared": bool(known)}
    write_table(state / REPORT, pa.Table.from_pylist(rows, schema=schema), facts)
    missing = sorted({job.uid for job in jobs if job.clip is None} & _uids_of(rows, {MISSING}))
    damaged = _uids_of(rows, {DAMAGED})
    if to_fetch := {*missing, *damaged}:
        write_uids(state / TO_FETCH, sorted(to_fetch))
    else:  # an empty list would make Ego4D's tool fetch everything
        (state / TO_FETCH).unlink(missing_ok=True)
    folders = {name: dict.fromkeys(STATUSES, 0) for name in release.folders}
    for row in rows:
        folders[row["folder"].rpartition("/")[2]][row["status"]] += 1
    proofs = {name: sum(row["proof"] == name for row in rows if row["status"] != MISSING) for name in PROOFS}
    report = RestoreReport(folders, proofs, missing, encoder, state / REPORT, bool(known), issues)
    _complain(rows, report)
    return report


def _uids_of(rows: Sequence[Row], statuses: set[str]) -> set[str]:
    return {row["stem"].partition("_")[0] for row in rows if row["status"] in statuses}


def _prove(rows: Sequence[Row], known: Mapping[str, Fingerprint]) -> None:
    """Compare with a known list; a frame that differs from it loses its good status."""
    for row in rows:
        row["proof"], row["similarity"] = UNPROVEN, None
        one = known.get(row["stem"])
        if one is None or not row["sha256"] or row["status"] not in GOOD:
            continue
        if (one.width, one.height) != (row["width"], row["height"]):
            why = f"the known one has {one.width} x {one.height} pixels, this one {row['width']} x {row['height']}"
            row["proof"], row["status"], row["note"] = OTHER, DIFFERS, why
        elif one.sha256 == row["sha256"]:
            row["proof"] = EXACT
        elif one.likeness:
            _compare_likeness(row, one)
        else:
            row["note"] = "other pixels; the list has no likeness that could tell another decoder from another picture"


def _compare_likeness(row: Row, one: Fingerprint) -> None:
    pair = np.stack([np.frombuffer(row["likeness"], np.uint8), np.frombuffer(one.likeness, np.uint8)])
    if is_flat(pair).any():
        row["note"] = "other pixels, and a flat picture has nothing else to know it by"
        return
    seen = thumbnails(pair)
    row["similarity"] = round(float(similarity(seen[:1], seen[1:])[0]), 3)
    if row["similarity"] >= NEAR:
        row["proof"] = CLOSE
        return
    row["proof"], row["status"] = OTHER, DIFFERS
    row["note"] = f"is not the known picture (similarity {row['similarity']})"


def _complain(rows: Sequence[Row], report: RestoreReport) -> None:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["status"] not in GOOD and row["status"] != MISSING:
            groups.setdefault((row["status"], row["note"]), []).append(f"{row['folder']}/{row['stem']}")
    for (status, note), stems in groups.items():
        report.issues.error(f"{status}: {note}", id=shorten(stems))
    if torn := sorted(_uids_of(rows, {DAMAGED})):
        where = report.path.with_name(TO_FETCH)
        report.issues.error(
            f"{len(torn)} clips are damaged: {shorten(torn)}; fetch them again, all uids are in {where}"
        )
    if report.missing:
        frames = sum(row["status"] == MISSING for row in rows)
        text = f"{len(report.missing)} clips with {frames} hands are missing: {shorten(report.missing)}"
        report.issues.error(f"{text}; all uids are in {report.path.with_name(TO_FETCH)}")
