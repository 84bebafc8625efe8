"""A restored release proven again from the disk: every jpg there, whole, of the right size, with the right bytes."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import HintError, InputError, shorten
from hint_toolkit.flows.restore import REPORT, state_folder
from hint_toolkit.flows.restore_clip import DIFFERS, GOOD, SAME_PICTURE, Row, decibels, file_hash
from hint_toolkit.flows.restore_plan import Release, read_release
from hint_toolkit.io.hint_counts import count_note
from hint_toolkit.io.hint_pairs import Pair
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.io.parquet import read_table
from hint_toolkit.io.truth_hint import read_pairs
from hint_toolkit.issues import Issues
from hint_toolkit.records import Hands
from hint_toolkit.sources.ego4d import find_videos
from hint_toolkit.video.images import read_images
from hint_toolkit.video.index import index_video
from hint_toolkit.video.picture import pixel_hash

Progress = Callable[[int, int], None]
FINE, ABSENT, UNREADABLE, CHANGED, SIZE, WRONG = (
    "fine",
    "absent",
    "unreadable",
    "changed",
    "other size",
    "wrong picture",
)
STATES = (FINE, ABSENT, UNREADABLE, CHANGED, SIZE, WRONG)
_MARGIN = 1.0  # pixels; a keypoint may be marked on the border itself
_TILE, _COLUMNS = 320, 6


@dataclass
class Verified:
    """What was found.

    Attributes:
        folders: folder -> state -> hands.
        vouched: hands whose bytes are those of the report.
        outside: hands with a keypoint outside of their picture.
        decoded: (pictures decoded again from their clips, of these equal to the report's pixels).
        issues: errors for what is not fine, warnings for what is odd.
    """

    folders: dict[str, dict[str, int]]
    vouched: int = 0
    outside: list[str] = field(default_factory=list)
    decoded: tuple[int, int] = (0, 0)
    issues: Issues = field(default_factory=Issues)

    @property
    def hands(self) -> int:
        """How many were looked at."""
        return sum(sum(counts.values()) for counts in self.folders.values())

    @property
    def fine(self) -> int:
        """How many are fine."""
        return sum(counts[FINE] for counts in self.folders.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        names = ("hands", "fine", "folders", "vouched", "outside")
        decoded = {"pictures": self.decoded[0], "equal": self.decoded[1]}
        return {name: getattr(self, name) for name in names} | {
            "decoded_again": decoded,
            "issues": [issue.to_dict() for issue in self.issues],
        }


@dataclass(frozen=True)
class _Seen:
    """One jpg."""

    name: str
    state: str
    vouched: bool
    width: int = 0
    height: int = 0


def verify(
    hint: Path,
    *,
    subsets: Sequence[str] = (),
    state: Path | None = None,
    ego4d: Path | None = None,
    sample: int = 0,
    seed: int = 0,
    workers: int = 1,
    sheet: Path | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Look at every wanted jpg again.

    Args:
        hint: a release, or one folder of it.
        subsets: folders to look at, empty for all of Ego4D's.
        state: folder of the report, None for `<release>.restore`.
        ego4d: clips; then `sample` frames are decoded again and compared with the report and with the jpg.
        sample: how many frames, 0 for all.
        seed: of their choice.
        workers: threads.
        sheet: JPEG to write with hands drawn on their pictures, for the eye.
        progress: called with jpgs done and all.

    Raises:
        InputError: nothing to verify.
    """
    release = read_release(hint, subsets)
    report = read_report(state_folder(release.root, state) / REPORT)
    names = sorted(name for frames in release.clips.values() for held in frames.values() for name in held)
    found = Verified({name: dict.fromkeys(STATES, 0) for name in release.folders}, issues=release.issues)
    seen: dict[str, _Seen] = {}
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for done, one in enumerate(pool.map(lambda name: _look(release.root, name, report.get(name)), names), 1):
            seen[one.name] = one
            if progress:
                progress(done, len(names))
    if ego4d is not None:
        wrong = _decode_again(release, ego4d, report, seen, (sample, seed), found)
        seen |= {name: _Seen(name, WRONG, False) for name in wrong}
    for one in seen.values():
        found.folders[_folder(one.name)][one.state] += 1
        found.vouched += one.vouched
    hands = _hands(release.root, names)
    _check_points(hands, seen, found)
    _complain(seen, report, found)
    if sheet is not None:
        _draw_sheet(release.root, hands, [n for n in names if seen[n].state == FINE], sheet)
    return found


def read_report(path: Path) -> dict[str, Row]:
    """The report's rows by `<folder>/<stem>`; empty when there is none.

    Raises:
        InputError: it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return {f"{row['folder']}/{row['stem']}": row for row in read_table(path)[0].to_pylist()}
    except KeyError as error:
        raise InputError(f"has no column {error}", where=str(path), why="a report of restore is wanted") from error


def _look(root: Path, name: str, row: Row | None) -> _Seen:
    path = root / f"{name}.jpg"
    if not path.is_file():
        return _Seen(name, ABSENT, False)
    try:
        height, width = read_image(path).shape[:2]
    except InputError:
        return _Seen(name, UNREADABLE, False)
    if row is not None and row["status"] == DIFFERS and row["jpg_sha256"] in ("", file_hash(path)):
        return _Seen(name, WRONG, False, width, height)
    known = row if row is not None and row["status"] in GOOD else None
    if known is not None and known["jpg_sha256"] != file_hash(path):
        return _Seen(name, CHANGED, False, width, height)
    if known is not None and known["width"] and (known["width"], known["height"]) != (width, height):
        return _Seen(name, SIZE, False, width, height)
    return _Seen(name, FINE, known is not None and bool(known["sha256"]), width, height)


def _folder(name: str) -> str:
    return name.split("/")[-2]


def _hands(root: Path, names: Sequence[str]) -> Hands:
    return read_pairs(root, [Pair(str((root / name).parent), Path(name).name, ".jpg") for name in names])


def _check_points(hands: Hands, seen: Mapping[str, _Seen], found: Verified) -> None:
    by_id = {"/".join(name.split("/")[-2:]): one for name, one in seen.items()}
    for hand in hands:
        one = by_id[hand.id]
        points = hand.points[hand.exists]
        far = (points < -_MARGIN) | (points > np.array([one.width, one.height]) - 1 + _MARGIN)
        if one.width and far.any():
            found.outside.append(hand.id)


def _decode_again(
    release: Release,
    ego4d: Path,
    report: Mapping[str, Row],
    seen: Mapping[str, _Seen],
    sample: tuple[int, int],
    found: Verified,
) -> list[str]:
    """Names whose picture is not the clip's."""
    clips = find_videos(ego4d)[0]
    frames = [(uid, n) for uid in sorted(release.clips) if uid in clips for n in sorted(release.clips[uid])]
    if sample[0]:
        chosen = np.random.default_rng(sample[1]).permutation(len(frames))[: sample[0]]
        frames = [frames[k] for k in sorted(chosen)]
    by_clip: dict[str, list[int]] = {}
    for uid, n in frames:
        by_clip.setdefault(uid, []).append(n)
    wrong: list[str] = []
    equal = 0
    for uid, numbers in by_clip.items():
        try:
            for number, image in read_images(index_video(clips[uid]), [n + 1 for n in numbers]):
                names = release.clips[uid][number - 1]
                rows = [report[name] for name in names if name in report and report[name]["sha256"]]
                if isinstance(image, str):
                    continue
                equal += bool(rows) and all(row["sha256"] == pixel_hash(image) for row in rows)
                wrong += [name for name in names if seen[name].state == FINE and not _shows(release, name, image)]
        except HintError as error:
            found.issues.warn(f"was not decoded again: {error.what}", id=uid)
    found.decoded = (len(frames), equal)
    return wrong


def _shows(release: Release, name: str, image: Any) -> bool:
    return decibels(read_image(release.root / f"{name}.jpg"), image) >= SAME_PICTURE


def _complain(seen: Mapping[str, _Seen], report: Mapping[str, Row], found: Verified) -> None:
    for state in STATES[1:]:
        if names := [name for name, one in seen.items() if one.state == state]:
            found.issues.error(f"{len(names)} jpgs: {state}: {shorten(names)}")
    for folder, counts in found.folders.items():
        if note := count_note(folder, sum(counts.values())):
            found.issues.warn(note, file=folder)
    if found.outside:
        text = f"{len(found.outside)} hands have a keypoint outside of their picture: {shorten(found.outside)}"
        found.issues.warn(text)
    if not report:
        found.issues.warn("there is no report of a restoration: nothing says which bytes the jpgs should have")


def _draw_sheet(root: Path, hands: Hands, names: Sequence[str], path: Path) -> None:
    """Up to 24 hands, spread over the release, drawn on their pictures."""
    from hint_toolkit.overlay import contact_sheet, crop, draw_hand

    fine = {"/".join(name.split("/")[-2:]): name for name in names}
    rows = [k for k, hand in enumerate(hands) if hand.id in fine and np.isfinite(hand.box).all()]
    if not rows:
        raise InputError("there is no fine picture to draw", where=str(root))
    tiles = []
    for k in sorted({rows[int(i)] for i in np.linspace(0, len(rows) - 1, 4 * _COLUMNS)}):
        hand = hands[k]
        cut = crop(read_image(root / f"{fine[hand.id]}.jpg"), hand.box, size=_TILE)
        tiles.append(draw_hand(cut.image, cut.points(hand.points), hand.exists, hand.occluded, box=cut.box(hand.box)))
    write_jpg(path, contact_sheet(tiles, _COLUMNS))
