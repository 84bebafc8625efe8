"""A dataset looked at before anybody relies on it: every contradiction in it, with its place.

Predictions are looked at by `flows/check.py`; this is about the labels and their files.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.inspect_files import Finding, Findings, PictureShelf, check_manifest, check_shards, scan_pairs
from hint_toolkit.io.hint_names import parse_folder
from hint_toolkit.io.parquet import read_hands, read_table, table_to_hands
from hint_toolkit.io.release import hand_digests, hand_files, is_hint_folders, latest_release, version_of
from hint_toolkit.io.stream import BATCH, open_hands
from hint_toolkit.io.truth_hint import Pair, read_pairs
from hint_toolkit.joints import JOINTS, N_JOINTS
from hint_toolkit.quality.anatomy import check_anatomy
from hint_toolkit.quality.labels import (
    LOOKED_AT,
    Columns,
    Found,
    check_flags,
    check_labels,
    check_twins,
    has_point,
    place,
)
from hint_toolkit.quality.plausible import sniff_alone
from hint_toolkit.records import Hands

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Inspected:
    """What was found.

    Attributes:
        path: the dataset.
        format: which format it was read from.
        hands: how many could be read.
        version: content hash of the hands that could be read.
        findings: errors first, then by code and place.
    """

    path: Path
    format: str
    hands: int
    version: str
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Findings of each code, in the order of the findings."""
        return dict(Counter(finding.code for finding in self.findings))

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.level == "error" for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """2 when there is an error, else 0."""
        return InputError.exit_code if self.errors else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, see docs/check.md."""
        return {
            "path": str(self.path),
            "format": self.format,
            "hands": self.hands,
            "version": self.version,
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class Batch:
    """Some hands, and the file that each was read from.

    Attributes:
        hands: N of them.
        files: (N,) paths relative to the dataset.
    """

    hands: Hands
    files: Sequence[str]


@dataclass
class _Seen:
    """What is kept of all hands until the end, to compare them."""

    digests: list[bytes] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        hands = batch.hands
        self.digests += hand_digests(hands)
        chosen = np.isin(hands.state.astype(str), LOOKED_AT)
        hands = hands.take(chosen)
        self.files += [file for file, wanted in zip(batch.files, chosen, strict=True) if wanted]
        known = hands.exists & has_point(hands.points)
        places = [f"{a}/{b}/{c}" for a, b, c in zip(hands.split, hands.source, hands.subset, strict=True)]
        self.columns.append(
            Columns(
                hands.id.tolist(),
                hands.frame_id.tolist(),
                places,
                hands.side.tolist(),
                np.where(np.isfinite(hands.box), hands.box, np.nan),
                np.where(known[:, :, None], hands.points, np.nan),
            )
        )

    def joined(self) -> Columns:
        ids, frames, places, sides = ([text for part in self.columns for text in part[k]] for k in range(4))
        box = np.concatenate([np.zeros((0, 4)), *(part.box for part in self.columns)])
        points = np.concatenate([np.zeros((0, N_JOINTS, 2)), *(part.points for part in self.columns)])
        return Columns(ids, frames, places, sides, box, points)


def latest(workspace: Path) -> Path:
    """The latest release of a workspace.

    Raises:
        InputError: it has none.
    """
    found = latest_release(workspace / "releases")
    if found is None:
        raise InputError("there is no release to check", where=str(workspace), next_step="pass PATH")
    return found


def inspect(
    path: Path,
    *,
    decode: bool = False,
    only: Collection[str] = (),
    ignore: Collection[str] = (),
    progress: Progress | None = None,
) -> Inspected:
    """Look at every hand and every file of a dataset; nothing is changed.

    Args:
        path: HInt's folders (or one of them), a release, or a file of any format that `open_hands` reads.
        decode: decode every picture fully.
        only: codes to keep; all when empty.
        ignore: codes to leave out.
        progress: called with hands done and hands in all.

    Raises:
        InputError: there is nothing at `path`.
        MissingExtra: `decode` without OpenCV.
    """
    if not path.exists():
        raise InputError("no such file or folder", where=str(path), next_step="pass the dataset to check")
    findings, seen = Findings(), _Seen()
    root = path.parent if path.is_file() or parse_folder(path.resolve().name) else path
    shelf = PictureShelf(root, findings, decode=decode)
    form, batches = _open(path, root, shelf, findings)
    for batch, total in batches:
        _check(batch, shelf, findings)
        seen.add(batch)
        if progress is not None:
            progress(len(seen.digests), max(total, len(seen.digests)))
    if not seen.digests and not any(finding.level == "error" for finding in findings.found):
        findings.add("no-hands", "holds no hands", file=str(path))
    version = version_of(seen.digests)
    _check_all(seen, findings)
    if path.is_dir():
        check_manifest(path, version, findings)
    kept = (one for one in findings.found if (not only or one.code in only) and one.code not in ignore)
    return Inspected(path, form, len(seen.digests), version, tuple(sorted(kept)))


def _check(batch: Batch, shelf: PictureShelf, findings: Findings) -> None:
    """Each hand by itself."""
    hands = batch.hands
    pictures = shelf.sizes(hands.image)
    measured = np.asarray((pictures > 0).all(axis=1))
    said = np.stack([hands.width, hands.height], axis=1)
    size = np.where(measured[:, None], pictures, said)
    placed = place(hands, size)
    found = [*check_labels(hands, size, placed), *check_flags(hands)]
    looked_at = np.isin(hands.state.astype(str), LOOKED_AT)
    found += check_anatomy(hands.points, placed.usable & looked_at[:, None])
    differ = measured & (said > 0).all(axis=1) & (pictures != said).any(axis=1)
    for i in np.flatnonzero(differ):
        text = f"is {said[i, 0]} x {said[i, 1]} in the row, the picture is {pictures[i, 0]} x {pictures[i, 1]}"
        found.append(Found("size-mismatch", int(i), "width, height", text))
    for one in found:
        findings.add(one.code, one.text, file=batch.files[one.row], id=hands.id[one.row], field=one.field)


def _check_all(seen: _Seen, findings: Findings) -> None:
    """What hands have with each other."""
    columns = seen.joined()
    for one in check_twins(columns):
        findings.add(one.code, one.text, file=seen.files[one.row], id=columns.id[one.row], field=one.field)
    for diagnosis in sniff_alone(columns.points):
        findings.add("looks-like", f"{diagnosis.text}; {diagnosis.remedy}", field=diagnosis.cause)


def _open(path: Path, root: Path, shelf: PictureShelf, findings: Findings) -> tuple[str, Iterator[tuple[Batch, int]]]:
    """The format, and batches with the number of hands in all."""
    if path.is_dir() and is_hint_folders(path):
        pairs = scan_pairs(path.resolve() if path.name in ("", "..") else path, root, shelf, findings)
        return "HInt folders", _read_hint(root, pairs, findings)
    files = hand_files(path) if path.is_dir() else [path] if _is_parquet(path) else []
    if files:
        if path.is_dir():
            check_shards(path, findings)
        return "Parquet", _read_parquet(files, findings)
    try:
        source = open_hands(path)
        batches = list(source.batches())
    except InputError as error:
        findings.add("unreadable", str(error), file=path.name)
        return "unknown", iter(())
    for issue in source.issues:
        findings.add("reader-note", issue.text, file=issue.file, id=issue.id, field=issue.field)
    total = sum(len(hands) for hands in batches)
    return source.format, ((Batch(hands, [path.name] * len(hands)), total) for hands in batches)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(4) == b"PAR1"


def _read_hint(base: Path, pairs: Sequence[Pair], findings: Findings) -> Iterator[tuple[Batch, int]]:
    for start in range(0, len(pairs), BATCH):
        chosen = pairs[start : start + BATCH]
        try:
            hands = read_pairs(base, chosen)
        except InputError:
            hands = Hands.concat(_read_each(base, chosen, findings))
        yield Batch(hands, [f"{hand_id}.json" for hand_id in hands.id]), len(pairs)


def _read_each(base: Path, pairs: Sequence[Pair], findings: Findings) -> Iterator[Hands]:
    """Pair by pair, as one of them is bad."""
    for pair in pairs:
        try:
            yield read_pairs(base, [pair])
        except InputError as error:
            text = error.what.removeprefix(f"{pair.id}.json: ")
            findings.add("bad-json", f"{text}; the hand was not read", file=f"{pair.id}.json", id=pair.id)


def _read_parquet(files: Sequence[Path], findings: Findings) -> Iterator[tuple[Batch, int]]:
    total = sum(_rows(file) for file in files)
    for file in files:
        try:
            hands = read_hands(file)
        except (InputError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            findings.add("unreadable", str(error), file=file.name)
            hands = _mended(file, findings)
        for start in range(0, len(hands), BATCH):
            part = hands[start : start + BATCH]
            yield Batch(part, [file.name] * len(part)), total


def _rows(file: Path) -> int:
    """Rows of a Parquet file, 0 when it cannot be opened."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _mended(file: Path, findings: Findings) -> Hands:
    """A table that was refused for joints that are occluded and absent, without these flags; else no hand."""
    from hint_toolkit.io.arrow import from_arrow, to_arrow

    try:
        table = read_table(file)[0]
        exists, occluded = (from_arrow(table.column(name).combine_chunks()) for name in ("exists", "occluded"))
        at = table.column_names.index("occluded")
        hands = table_to_hands(table.set_column(at, "occluded", to_arrow(occluded & exists)), file.name)
    except (InputError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return Hands.of([])
    for i, j in np.argwhere(occluded & ~exists):
        text = "is occluded and does not exist"
        findings.add("occluded-absent", text, file=file.name, id=hands.id[i], field=JOINTS[j])
    return hands
