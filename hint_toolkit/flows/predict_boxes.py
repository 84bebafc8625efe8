"""Boxes by a detector, kept: a picture that was looked at is not looked at again, whatever run or model needs it.

They are kept in the cache folder under the hash of the picture's pixels and the detector's name with all its options.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel_crew import Recipe, crew_look
from hint_toolkit.flows.prelabel_look import Job, Seen, Sight, look, look_key, unpacked
from hint_toolkit.io.images import read_image
from hint_toolkit.io.kept import Kept
from hint_toolkit.prelabel.base import Detection, Detector, Prompt
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.sources._download import cache_folder

_BATCH: Final = 4
Progress = Callable[[int, int], None]


@dataclass
class FoundBoxes:
    """What a detector found.

    Attributes:
        boxes: picture -> its hands, best first.
        detector: name and version.
        calls: how often it was asked.
        known: pictures whose answer was kept from an earlier run.
        kept: whether the answers of this run are kept; not while another process writes them.
    """

    detector: str
    boxes: dict[Path, list[Prompt]] = field(default_factory=dict)
    calls: int = 0
    known: int = 0
    kept: bool = True


def find_boxes(
    pictures: Sequence[Path],
    recipe: Recipe,
    *,
    folder: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> FoundBoxes:
    """Hands in whole pictures.

    Args:
        pictures: files.
        recipe: of a detector that finds boxes.
        folder: where answers are kept; None: the cache folder.
        workers: processes; fewer than two: this one.
        progress: called with pictures done and their number.

    Raises:
        InputError: a picture cannot be read, or the detector finds no hands by itself.
    """
    with opened(recipe.name, **recipe.options) as detector:
        if not detector.finds_boxes:
            raise InputError(f"{recipe.name} finds no hands by itself", next_step="use another --box-detector")
        found = FoundBoxes(detector.name)
        with _held(folder or cache_folder() / "boxes", detector.name) as kept:
            found.kept = not isinstance(kept, dict)
            for seen in _looks(pictures, detector, recipe, kept, workers):
                for key, value in seen.fresh.items():
                    kept.keep(key, value) if isinstance(kept, Kept) else kept.update({key: value})
                path = Path(seen.frame_id)
                found.boxes[path] = [_prompt(one, detector.name) for one in seen.found]
                found.calls += seen.calls
                found.known += not seen.calls
                if progress:
                    progress(len(found.boxes), len(pictures))
    return found


def _looks(
    pictures: Sequence[Path], detector: Detector, recipe: Recipe, kept: "Kept | dict[str, Any]", workers: int
) -> Iterator[Seen]:
    """Each picture's answer: what is known from what is kept, the others from here or from the crew."""
    if workers < 2:
        for path in pictures:
            sight = _sight(path)
            known = _known(sight, kept)
            yield from [known] if known else look(Job((sight,)), detector)
        return
    ready: list[Seen] = []

    def unknown() -> Iterator[Sight]:
        for path in pictures:
            sight = _sight(path)
            if (known := _known(sight, kept)) is None:
                yield sight
            else:
                ready.append(known)

    for results in crew_look(_jobs(unknown()), recipe, workers):
        yield from (*ready, *results)
        ready.clear()
    yield from ready


def _known(sight: Sight, kept: "Kept | dict[str, Any]") -> Seen | None:
    key = look_key(sight.digest, ())
    if key not in kept:
        return None
    return Seen(sight.frame_id, [one for value in kept[key] if (one := unpacked(value)) is not None], used=[key])


def _jobs(sights: Iterator[Sight]) -> Iterator[Job]:
    waiting: list[Sight] = []
    for sight in sights:
        waiting.append(sight)
        if len(waiting) == _BATCH:
            yield Job(tuple(waiting))
            waiting = []
    if waiting:
        yield Job(tuple(waiting))


def _sight(path: Path) -> Sight:
    """A picture and the hash of its pixels and size (a picture and its transposed twin may have the same bytes)."""
    image = read_image(path)
    digest = hashlib.sha256(f"{image.shape[1]} x {image.shape[0]}\n".encode() + image.tobytes())
    return Sight(str(path), path, digest.hexdigest(), 0.0)


def _prompt(found: Detection, detector: str) -> Prompt:
    return Prompt(found.box, found.side, found.presence, detector)


@contextmanager
def _held(folder: Path, detector: str) -> Iterator["Kept | dict[str, Any]"]:
    """The file of kept answers; a table of this run's own while another process writes the file."""
    kept = None
    folder.mkdir(parents=True, exist_ok=True)
    name = f"boxes {detector}"
    lock = (folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock").open("w")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield {}
        else:
            kept = Kept(folder, name)
            yield kept
    finally:
        if kept is not None:
            kept.close()
        lock.close()
