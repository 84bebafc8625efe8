"""Whether two splits share what they must not: a video, a participant, or the same picture under two names."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import HintError, InputError, shorten
from hint_toolkit.io.stream import HandSource, open_hands
from hint_toolkit.issues import Issues
from hint_toolkit.sampling.groups import By, group_of, parted

Progress = Callable[[int, int], None]


@dataclass
class SplitReport:
    """What `check_splits` found.

    Attributes:
        hands: split -> hands.
        groups: split -> groups.
        parted: groups that stand in several splits.
        duplicates: pairs of pictures of two splits that are near-duplicates: ids, splits, similarity.
        pictures: pictures compared; None when none was asked for.
        issues: errors for leaks, warnings for what could not be checked.
    """

    hands: dict[str, int]
    groups: dict[str, int]
    parted: list[dict[str, Any]]
    duplicates: list[dict[str, Any]] = field(default_factory=list)
    pictures: int | None = None
    issues: Issues = field(default_factory=Issues)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        values = {name: getattr(self, name) for name in ("hands", "groups", "pictures", "parted", "duplicates")}
        return values | {"issues": [issue.to_dict() for issue in self.issues]}


@dataclass(frozen=True)
class _Rows:
    """What is kept of every hand."""

    ids: list[str]
    splits: list[str]
    groups: list[str]
    images: list[str]


def check_splits(
    path: Path,
    *,
    by: By = "video",
    groups: Path | None = None,
    pictures: bool = True,
    progress: Progress | None = None,
) -> SplitReport:
    """Look for groups and near-duplicate pictures that stand in two splits.

    Args:
        path: any dataset that `io.stream.open_hands` reads.
        by: see `sampling.groups.group_of`.
        groups: CSV with the columns video_id and group, e.g. Ego4D's clips and their videos.
        pictures: compare the pictures, too.
        progress: called with pictures done and all.

    Raises:
        InputError: nothing there, or a damaged list of groups.
    """
    source = open_hands(path)
    known = read_groups(groups) if groups else {}
    rows = _rows(source, by, known)
    issues = Issues(list(source.issues))
    found = parted(rows.groups, rows.splits)
    for one in found:
        issues.error(f"stands in {', '.join(f'{s} ({n} hands)' for s, n in one.splits.items())}", id=one.group)
    unknown = [name for name, group in zip(rows.ids, rows.groups, strict=True) if not group]
    if unknown:
        issues.warn(f"{len(unknown)} hands name no video, only their pictures were compared: {shorten(unknown)}")
    report = SplitReport(
        hands=_counts(rows.splits),
        groups=_counts([split for split, _ in sorted({*zip(rows.splits, rows.groups, strict=True)})]),
        parted=[{"group": one.group, "splits": one.splits} for one in found],
        issues=issues,
    )
    if pictures and len(report.hands) > 1:
        _compare_pictures(source, rows, report, progress)
    return report


def _rows(source: HandSource, by: By, known: Mapping[str, str] = MappingProxyType({})) -> _Rows:
    rows = _Rows([], [], [], [])
    for batch in source.batches():
        rows.ids.extend(batch.id)
        rows.splits.extend(batch.split)
        rows.images.extend(batch.image)
        named = zip(batch.source, batch.video_id, batch.group, strict=True)
        rows.groups.extend(group_of(s, v, by, known, g) for s, v, g in named)
    return rows


def _counts(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def _compare_pictures(source: HandSource, rows: _Rows, report: SplitReport, progress: Progress | None) -> None:
    """Add near-duplicate pairs of two splits to the report; one picture a file, whatever hands it has."""
    from hint_toolkit.sampling.dedupe import near_duplicates

    first: dict[tuple[str, str], int] = {}
    for i, (image, split) in enumerate(zip(rows.images, rows.splits, strict=True)):
        if image:
            first.setdefault((image, split), i)
    chosen, prints = [], []
    for done, ((image, _), i) in enumerate(first.items(), 1):
        try:
            prints.append(_fingerprint(source.root / image))
            chosen.append(i)
        except HintError as error:
            report.issues.warn(f"its picture could not be compared: {error}", id=rows.ids[i])
        if progress:
            progress(done, len(first))
    report.pictures = len(chosen)
    without = sum(not image for image in rows.images)
    if without:
        report.issues.warn(f"{without} hands have no picture at hand, which could not be compared")
    if len(chosen) < 2:
        return
    splits = np.array([rows.splits[i] for i in chosen])
    pairs, alike = near_duplicates(np.stack(prints), groups=splits)
    for (a, b), value in zip(pairs.tolist(), alike.tolist(), strict=True):
        i, j = chosen[a], chosen[b]
        one = {"ids": [rows.ids[i], rows.ids[j]], "splits": [rows.splits[i], rows.splits[j]]}
        report.duplicates.append(one | {"similarity": round(value, 4)})
        text = (
            f"shows the same picture as {rows.ids[j]} (similarity {value:.2f}): {rows.splits[i]} and {rows.splits[j]}"
        )
        report.issues.error(text, id=rows.ids[i])


def _fingerprint(path: Path) -> NDArray[np.uint8]:
    from hint_toolkit.io.images import read_image
    from hint_toolkit.video.likeness import fingerprint

    return fingerprint(read_image(path))


def read_groups(path: Path) -> dict[str, str]:
    """Video id -> group from a CSV file.

    Raises:
        InputError: no such file, no such columns, or one video with two groups.
    """
    known: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            if not {"video_id", "group"} <= set(reader.fieldnames or ()):
                raise InputError("must have the columns video_id and group", where=str(path))
            for row in reader:
                video_id, group = row["video_id"], row["group"]
                if known.setdefault(video_id, group) != group:
                    raise InputError("has two groups", where=f"{path} > {video_id}", next_step="keep one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("cannot be read as a list of groups", where=str(path), why=str(error)) from error
    return known
