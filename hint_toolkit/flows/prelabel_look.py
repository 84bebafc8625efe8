"""Looking at the frames of one job: known boxes first, then the whole frame, then what the frame before had.

A job is what one process does in one go. It gets what is kept of earlier runs, calls the detector for the rest, and
says which of its results are new. It runs in the parent and in workers alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import box_iou
from hint_toolkit.io.images import read_image
from hint_toolkit.io.kept import joined_key, key_of
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Detector, Prompt
from hint_toolkit.prelabel.windows import SAME_BOX_IOU, same_hand

CARRY_SECONDS: Final = 1.0
"""A hand is looked for where it was in a frame that is no older."""
CARRY_GROWTH: Final = 0.25
"""Of the longer side, on every side: hands move."""
CARRY_PRESENCE: Final = 0.5
"""What was not found by itself, and is only supposed to be there, must look like a hand."""

_NUMBERS: Final = ("points", "score", "box", "occlusion")


@dataclass(frozen=True)
class Sight:
    """One frame to be looked at.

    Attributes:
        frame_id: of the frame.
        path: of its picture.
        digest: of the picture's pixels.
        time: seconds in its clip.
        prompts: boxes in which hands are known to be.
    """

    frame_id: str
    path: Path
    digest: str
    time: float
    prompts: tuple[Prompt, ...] = ()


class Known(Protocol):
    """What is kept of earlier looks; a dict is one."""

    def __contains__(self, key: object, /) -> bool:
        """Whether a look is known."""
        ...

    def __getitem__(self, key: str, /) -> Any:
        """Its packed detections."""
        ...


@dataclass(frozen=True)
class Job:
    """Frames in order; with `carry` they are of one clip.

    Attributes:
        sights: the frames.
        carry: look again where the frame before had hands.
        whole: look at frames without boxes as a whole; not with a detector that cannot.
        known: key -> packed detections; what is sent to another process is a dict.
    """

    sights: tuple[Sight, ...]
    carry: bool = False
    whole: bool = True
    known: Known = field(default_factory=dict[str, Any])


@dataclass
class Seen:
    """What came of one frame.

    Attributes:
        frame_id: of the frame.
        found: hands, each once.
        prompts: the box that each hand was found in, None without.
        missed: boxes in which nothing was seen and no other hand is.
        carried: how many hands were found only where the frame before had them.
        calls: of the detector.
        used: keys of all looks.
        fresh: key -> detections that are to be kept.
    """

    frame_id: str
    found: list[Detection] = field(default_factory=list)
    prompts: list[Prompt | None] = field(default_factory=list)
    missed: list[Prompt] = field(default_factory=list)
    carried: int = 0
    calls: int = 0
    used: list[str] = field(default_factory=list)
    fresh: dict[str, Any] = field(default_factory=dict)


class NeedsDetector(Exception):
    """Something is not known yet and there is no detector to ask."""


def look(job: Job, detector: Detector | None) -> Iterator[Seen]:
    """Work a job off, frame by frame, so that each can be kept before the next is looked at.

    Raises:
        NeedsDetector: without a detector, where not everything is known.
        InputError: a picture is gone or not readable.
    """
    before: tuple[float, list[Detection]] = (-np.inf, [])
    for sight in job.sights:
        seen = _first_look(sight, job.known, detector, job.whole)
        if job.carry and sight.time - before[0] <= CARRY_SECONDS:
            _look_where_hands_were(sight, seen, before[1], job.known, detector)
        before = (sight.time, seen.found)
        yield seen


def look_key(digest: str, prompts: Sequence[Prompt]) -> str:
    """The key of one look at a picture: with these boxes, or at all of it. Looks at one picture are a group."""
    boxes = np.array([prompt.box for prompt in prompts], np.float64).reshape(-1, 4)
    # A detector may ask what kind of box it is (a person's), whose it is, and which side it is said to be.
    words = [[getattr(prompt, name) for prompt in prompts] for name in ("side", "id", "origin")]
    return joined_key(key_of(digest), key_of(boxes, *words))


def _first_look(sight: Sight, known: Known, detector: Detector | None, whole: bool) -> Seen:
    """Known boxes where there are some, else the whole frame."""
    seen = Seen(sight.frame_id)
    if sight.prompts:
        found = _asked(sight, sight.prompts, seen, known, detector)
        for prompt, one in zip(sight.prompts, found, strict=True):
            if one is None:
                seen.missed.append(prompt)
            elif not any(same_hand(one, other, boxes=False) for other in seen.found):
                seen.found.append(one)
                seen.prompts.append(prompt)
        seen.missed = [p for p in seen.missed if not any(_overlap(p.box, one.box) for one in seen.found)]
    elif whole:
        seen.found = [one for one in _asked(sight, (), seen, known, detector) if one is not None]
        seen.prompts = [None] * len(seen.found)
    return seen


def _look_where_hands_were(
    sight: Sight, seen: Seen, before: Sequence[Detection], known: Known, detector: Detector | None
) -> None:
    """Add hands that the frame before had and that are still where they were."""
    lost = [one for one in before if not any(_overlap(one.box, other.box) for other in seen.found)]
    prompts = tuple(Prompt(_grown(one.box), one.side, one.presence, "previous") for one in lost)
    if not prompts:
        return
    for prompt, one in zip(prompts, _asked(sight, prompts, seen, known, detector), strict=True):
        if one is None or not _sure(one):
            continue
        if not any(same_hand(one, other, boxes=True) for other in seen.found):
            seen.found.append(one)
            seen.prompts.append(prompt)
            seen.carried += 1
            seen.missed = [p for p in seen.missed if not _overlap(p.box, one.box)]


def _asked(
    sight: Sight, prompts: Sequence[Prompt], seen: Seen, known: Known, detector: Detector | None
) -> list[Detection | None]:
    """The detector's answer, from what is kept or from the detector."""
    key = look_key(sight.digest, prompts)
    seen.used.append(key)
    if key in known:
        return [unpacked(one) for one in known[key]]
    if detector is None:
        raise NeedsDetector
    image = read_image(sight.path)
    found: list[Detection | None] = detector.detect_in(image, prompts) if prompts else [*detector.detect(image)]
    seen.calls += 1
    seen.fresh[key] = [packed(one) for one in found]
    return found


def _sure(one: Detection) -> bool:
    """Whether a hand is seen. Without any confidence (a hand model fits everywhere) nobody could tell that it left."""
    if np.isnan(one.presence):
        return bool(np.isfinite(one.score).any())
    return one.presence >= CARRY_PRESENCE


def _grown(box: NDArray[np.float64]) -> NDArray[np.float64]:
    margin = CARRY_GROWTH * float((box[2:] - box[:2]).max())
    return np.asarray(box + np.array([-margin, -margin, margin, margin]), np.float64)


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(box_iou(a, b)[0, 0] >= SAME_BOX_IOU)


def packed(found: Detection | None) -> dict[str, Any] | None:
    """A detection as plain JSON."""
    if found is None:
        return None
    numbers = {name: getattr(found, name).tolist() for name in _NUMBERS}
    return numbers | {"side": found.side, "presence": float(found.presence), "side_score": float(found.side_score)}


def unpacked(value: Mapping[str, Any] | None) -> Detection | None:
    """The detection again, bit by bit; null is NaN."""
    if value is None:
        return None
    arrays = {name: np.array(value[name], dtype=np.float64) for name in _NUMBERS}
    presence, side_score = (np.nan if value[name] is None else value[name] for name in ("presence", "side_score"))
    blank = np.full(N_JOINTS, np.nan)
    found = Detection(arrays["points"], arrays["score"], arrays["box"], value["side"], presence, side_score, blank)
    return replace(found, occlusion=arrays["occlusion"])
