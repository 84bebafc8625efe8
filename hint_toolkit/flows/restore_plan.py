"""Which Ego4D frames a HInt release lacks, and which clips they come from: read off its names, nothing is decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.hint_pairs import Pair, list_pairs
from hint_toolkit.issues import Issues
from hint_toolkit.sources.ego4d import UID, find_videos

GIGABYTES_PER_CLIP = 739 / 1723
"""Most that a clip can be on average: what users are told to download (ddshan/hint issue 2), were it all clips that
HInt's own list names. It holds others, too, so the truth is smaller."""
SECONDS_PER_FRAME = 0.4
"""CPU seconds for a frame of a 1080p H.264 clip: `benchmarks/speed/restore.py` measures 0.2 for frames in bursts, and
`benchmarks/speed/frames.py` up to 0.6 for frames far apart between rare key frames."""
_ENOUGH = 5
"""From this many clips on, those that are there tell the size of the others."""


@dataclass(frozen=True)
class Release:
    """The Ego4D part of a HInt release.

    Attributes:
        root: folder that the HInt folders lie in.
        clips: clip uid -> frame number as in the names -> the hands of that frame, `<folder>/<stem>`.
        folders: names of the folders, sorted.
        issues: names that could not be read.
    """

    root: Path
    clips: dict[str, dict[int, list[str]]]
    folders: list[str]
    issues: Issues = field(default_factory=Issues)

    @property
    def hands(self) -> int:
        """How many jpgs are wanted."""
        return sum(len(names) for frames in self.clips.values() for names in frames.values())

    @property
    def frames(self) -> int:
        """How many distinct pictures are wanted."""
        return sum(len(frames) for frames in self.clips.values())


def read_release(hint: Path, subsets: Sequence[str] = ()) -> Release:
    """The wanted frames of a release, partial or complete, by the names of its json files.

    Args:
        hint: `HInt_annotation_partial`, or one folder in it.
        subsets: names of folders to keep, e.g. "TEST_ego4d_img"; empty keeps all of Ego4D's.

    Raises:
        InputError: no such folder, no Ego4D folder in it, or a subset that is not there.
    """
    if not hint.is_dir():
        raise InputError("no such folder", where=str(hint), next_step="pass --hint HInt_annotation_partial")
    root, pairs = list_pairs(hint)
    by_folder: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_folder.setdefault(pair.folder, []).append(pair)
    ours = {Path(path).name: path for path in by_folder if (parse_folder(Path(path).name) or "..")[1] == "ego4d"}
    unknown = [name for name in subsets if name not in ours]
    if unknown or not ours:
        there = f"there are: {', '.join(sorted(ours))}" if ours else "looked for folders like TEST_ego4d_img with json"
        raise InputError(f"holds no folder {', '.join(unknown) or 'of Ego4D'}", where=str(hint), why=there)
    release = Release(root, {}, sorted(subsets or ours))
    odd: list[str] = []
    for name in release.folders:
        for pair in by_folder[ours[name]]:
            stem = parse_stem(pair.stem)
            if stem.side and stem.frame_index >= 0 and UID.fullmatch(stem.video_id):
                place = (Path(pair.folder) / pair.stem).relative_to(root).as_posix()
                release.clips.setdefault(stem.video_id, {}).setdefault(stem.frame_index, []).append(place)
            else:
                odd.append(pair.id)
    if odd:
        release.issues.error(f"{len(odd)} names are not <clip>_<action>_<frame>_<type>_<l|r>: {shorten(odd)}")
    return release


@dataclass(frozen=True)
class Plan:
    """What has to be fetched and done.

    Attributes:
        release: what is wanted.
        needed: uids of all clips that it needs, sorted.
        missing: those that are not there; all of them where no folder was given.
        have_bytes: size of those that are there.
        folders: name -> (clips, frames, hands).
        issues: what was odd.
    """

    release: Release
    needed: tuple[str, ...]
    missing: tuple[str, ...]
    have_bytes: int
    folders: dict[str, tuple[int, int, int]]
    issues: Issues

    @property
    def gigabytes(self) -> float:
        """Estimated size of the missing clips; see `assumption`."""
        present = len(self.needed) - len(self.missing)
        each = self.have_bytes / present / 1e9 if present >= _ENOUGH else GIGABYTES_PER_CLIP
        return len(self.missing) * each

    @property
    def assumption(self) -> str:
        """What the estimate of gigabytes rests on."""
        present = len(self.needed) - len(self.missing)
        if present >= _ENOUGH:
            return f"the missing clips are as large as the {present} that are there"
        return "at most: 739 GB over the 1,723 clips of HInt's own list; that download holds other clips, too"

    def minutes(self, workers: int) -> float:
        """Estimated time of the restoring itself, without the download."""
        return self.release.frames * SECONDS_PER_FRAME / workers / 60

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        names = ("clips", "frames", "hands")
        return {
            "clips": len(self.needed),
            "missing": len(self.missing),
            "frames": self.release.frames,
            "hands": self.release.hands,
            "gigabytes": round(self.gigabytes, 1),
            "assumption": self.assumption,
            "minutes": round(self.minutes(1), 1),
            "folders": {name: dict(zip(names, counts, strict=True)) for name, counts in self.folders.items()},
            "issues": [issue.to_dict() for issue in self.issues],
        }


def make_plan(hint: Path, *, ego4d: Path | None = None, subsets: Sequence[str] = ()) -> Plan:
    """Which clips to fetch.

    Args:
        hint: as in `read_release`.
        ego4d: folder with clips that are there already, at any depth.
        subsets: as in `read_release`.

    Raises:
        InputError: see `read_release`; no such folder of clips.
    """
    release = read_release(hint, subsets)
    videos: Mapping[str, Path] = {}
    issues = Issues(list(release.issues.found))
    if ego4d is not None:
        videos, found = find_videos(ego4d)
        issues.found += [issue for issue in found if not issue.id or issue.id in release.clips]
    needed = tuple(sorted(release.clips))
    have = sum(videos[uid].stat().st_size for uid in needed if uid in videos)
    missing = tuple(uid for uid in needed if uid not in videos)
    return Plan(release, needed, missing, have, _count(release), issues)


def _count(release: Release) -> dict[str, tuple[int, int, int]]:
    clips: dict[str, set[str]] = {name: set() for name in release.folders}
    frames: dict[str, set[tuple[str, int]]] = {name: set() for name in release.folders}
    hands = dict.fromkeys(release.folders, 0)
    for uid, wanted in release.clips.items():
        for number, names in wanted.items():
            for name in names:
                folder = name.split("/")[-2]
                clips[folder].add(uid)
                frames[folder].add((uid, number))
                hands[folder] += 1
    return {name: (len(clips[name]), len(frames[name]), hands[name]) for name in release.folders}


def write_uids(path: Path, uids: Sequence[str]) -> None:
    """A list of uids for `ego4d --video_uid_file`: one a line, sorted."""
    write_text(path, "".join(f"{uid}\n" for uid in sorted(uids)))
