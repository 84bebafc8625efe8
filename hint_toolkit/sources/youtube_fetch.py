"""Fetching a list of YouTube videos: what is there stays, what breaks is gone on with, what is missing is listed.

A file that labels may have been made on is never replaced silently: YouTube encodes anew, and then frame numbers and
sizes differ (rolpotamias/WiLoR issue 41). The manifest keeps the hash of the first file; another one is put aside.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hint_toolkit.errors import HintError, InputError, MissingExtra, shorten
from hint_toolkit.issues import Issues
from hint_toolkit.sources._ytdlp import Remote, Unavailable, YtDlp
from hint_toolkit.sources.youtube import locate
from hint_toolkit.sources.youtube_manifest import ID, Entry, read_manifest, write_manifest

STAGING = ".fetch"
"""Holds parts, and files that are not what the manifest says, as `<id>.changed.<ending>`."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FetchOptions:
    """How much is asked again.

    Attributes:
        verify: hash the files that are there; otherwise their sizes are compared.
        check_remote: ask YouTube about the files that are there, too; nothing of them is downloaded.
        accept_changed: take what YouTube gives now where it is another file, and say so in the manifest.
    """

    verify: bool = False
    check_remote: bool = False
    accept_changed: bool = False


@dataclass
class FetchReport:
    """What a run left in the folder.

    Attributes:
        entries: of the asked videos, in the order of the list.
        fetched: ids that this run brought.
        issues: an error for everything that is not there as it should be.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    issues: Issues = field(default_factory=Issues)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        states = {video_id: entry.state for video_id, entry in self.entries.items()}
        issues = [issue.to_dict() for issue in self.issues]
        return {
            "held": list(states.values()).count("held"),
            "fetched": self.fetched,
            "states": states,
            "issues": issues,
        }


def fetch(
    ids: Sequence[str],
    folder: Path,
    source: YtDlp | None = None,
    options: FetchOptions | None = None,
    progress: Progress | None = None,
) -> FetchReport:
    """Bring the videos of a list into a folder, with their manifest.

    Run again, it goes on: files that are there are kept (also those that something else downloaded), parts are
    continued, and what was unavailable is asked for again.

    Args:
        ids: YouTube ids, each once.
        folder: made if it is not there.
        source: how videos are asked for.
        options: how much is asked again.
        progress: called with (videos done, all of them).

    Returns:
        what is there now. Whatever is missing or not the file of the manifest is an error among its issues.

    Raises:
        InputError: an id that is none, a broken manifest, or another run works in the folder.
        MissingExtra: yt-dlp is not installed.
        OSError: the disk is full; what came before is kept.
    """
    wrong = [video_id for video_id in ids if not ID.fullmatch(video_id)]
    if wrong:
        raise InputError(f"no YouTube ids: {shorten(ascii(one)[:40] for one in wrong)}")
    report = FetchReport()
    with _alone(folder):
        entries = read_manifest(folder)
        work = _Work(
            folder, entries, locate(folder, report.issues), source or YtDlp(), options or FetchOptions(), report
        )
        for done, video_id in enumerate(ids, 1):
            entry = work.one(video_id)
            if entries.get(video_id) != entry:
                entries[video_id] = entry
                write_manifest(folder, entries)
            report.entries[video_id] = entry
            if progress:
                progress(done, len(ids))
    _tell_same(report)
    return report


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    (folder / STAGING).mkdir(parents=True, exist_ok=True)
    with (folder / STAGING / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError("another hint-build fetch works in this folder", where=str(folder)) from error
        yield


@dataclass
class _Work:
    folder: Path
    entries: dict[str, Entry]
    there: dict[str, list[Path]]
    source: YtDlp
    options: FetchOptions
    report: FetchReport

    def one(self, video_id: str) -> Entry:
        """Do what is to be done for one video."""
        entry = self.entries.get(video_id)
        path = self._path(video_id, entry)
        try:
            if path is None:
                return self._download(video_id, entry)
            if entry is None or not entry.sha256:
                return self._adopt(path)
            return self._keep(video_id, entry, path)
        except (InputError, MissingExtra):
            raise
        except HintError as error:
            self.report.issues.error(f"{error.what} ({error.why})" if error.why else error.what, id=video_id)
            state = "unavailable" if isinstance(error, Unavailable) else "failed"
            return replace(entry or Entry(state), state=state, reason=error.why or error.what)

    def _path(self, video_id: str, entry: Entry | None) -> Path | None:
        if entry and entry.file and (self.folder / entry.file).is_file():
            return self.folder / entry.file
        return next(iter(self.there.get(video_id, ())), None)

    def _adopt(self, path: Path) -> Entry:
        """Take over a file that something else downloaded; of its format nothing is known."""
        return Entry("held", self._name(path), path.stat().st_size, sha256_of(path))

    def _keep(self, video_id: str, entry: Entry, path: Path) -> Entry:
        """Compare a file that is there with the manifest, and with YouTube if that is asked for."""
        size = path.stat().st_size
        name = self._name(path)
        if size != entry.size or (self.options.verify and sha256_of(path) != entry.sha256):
            what = f"has {size} bytes, not {entry.size}" if size != entry.size else "has another sha256"
            next_step = "delete it to fetch it again"
            self.report.issues.error(f"is not the file of the manifest: {what}; {next_step}", file=name, id=video_id)
            return replace(entry, state="changed")
        entry = replace(entry, state="held", file=name, reason="", changed_size=0, changed_sha256="")
        if self.options.check_remote and entry.format:
            self._compare_remote(video_id, entry)
        return entry

    def _compare_remote(self, video_id: str, entry: Entry) -> None:
        """Warn where YouTube gives another file than the one that is here, or none."""
        here = "the file here is kept"
        try:
            remote = self.source.look(video_id, entry.format)
        except (InputError, MissingExtra):
            raise
        except HintError as error:
            self.report.issues.warn(f"is not given any more ({error.why or error.what}); {here}", id=video_id)
            return
        if remote.format != entry.format or (remote.size and remote.size != entry.size):
            text = f"format {remote.format}, {remote.size} bytes, not format {entry.format}, {entry.size} bytes"
            self.report.issues.warn(f"YouTube gives another file now: {text}; {here}", id=video_id)

    def _download(self, video_id: str, entry: Entry | None) -> Entry:
        staging = self.folder / STAGING
        remote = self.source.look(video_id, entry.format if entry else "")
        if remote.warning and all(issue.text != remote.warning for issue in self.report.issues.warnings):
            self.report.issues.warn(remote.warning)
        path = self.source.fetch(video_id, remote, staging)
        sha256, size = sha256_of(path), path.stat().st_size
        if entry and entry.sha256 and entry.sha256 != sha256 and not self.options.accept_changed:
            kept = path.replace(staging / f"{video_id}.changed{path.suffix}")
            (staging / f"{video_id}.json").unlink(missing_ok=True)
            self.report.issues.error(
                f"YouTube gives another file now ({size} bytes, had {entry.size}): frame numbers may differ; it is put "
                f"aside as {self._name(kept)}, --accept-changed takes it",
                id=video_id,
            )
            return replace(entry, state="changed", changed_size=size, changed_sha256=sha256)
        with path.open("rb+") as handle:
            os.fsync(handle.fileno())
        path = path.replace(self.folder / path.name)
        for rest in staging.glob(f"{video_id}.*"):
            rest.unlink()
        self.report.fetched.append(video_id)
        return _entry(self._name(path), size, sha256, remote)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _entry(name: str, size: int, sha256: str, remote: Remote) -> Entry:
    return Entry(
        "held",
        name,
        size,
        sha256,
        format=remote.format,
        width=remote.width,
        height=remote.height,
        fps=remote.fps,
        seconds=remote.seconds,
        licence=remote.licence,
    )


def sha256_of(path: Path) -> str:
    """Of a file of any size."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _tell_same(report: FetchReport) -> None:
    same: dict[str, list[str]] = {}
    for video_id, entry in report.entries.items():
        if entry.state == "held":
            same.setdefault(entry.sha256, []).append(video_id)
    for first, *others in same.values():
        if others:
            report.issues.warn(f"is the same file as {shorten(others)}", id=first)
