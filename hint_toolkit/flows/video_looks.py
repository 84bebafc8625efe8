"""Looking at every frame of a video once: boxes by a detector or from a file, hands by a model, all of it kept.

What was seen lies in two files of `io.kept`, one a finder of boxes and one a model, under the frame and the boxes that
the model was given. So a killed run goes on where it was, another model takes over the boxes, and a run that has all
calls nobody.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.video_packing import Held, pack, pack_prompt, unpack, unpack_prompt
from hint_toolkit.io.kept import key_of
from hint_toolkit.prelabel.base import Ask, Detection, Detector, Prompt, detect_all
from hint_toolkit.prelabel.windows import same_hand
from hint_toolkit.video.index import VideoIndex
from hint_toolkit.video.reader import read_frames

Progress = Callable[[int, int], None]
Image = NDArray[np.uint8]

CARRY_PRESENCE: Final = 0.5
"""A hand that is looked for where it was must look like one; where a model gives no presence, it is taken for one."""

FOLLOWED: Final = "previous"
"""Origin of a box that is where the frame before had the hand."""
_RATE: Final = 30.0


@dataclass(frozen=True)
class Lookers:
    """Who looks, and where.

    Attributes:
        model: gives the points.
        finder: gives boxes on frames; None: the model finds hands by itself, or `boxes` has them.
        boxes: frame -> boxes, of a file; None: there is no file.
        box_every: boxes are looked for in every so many frames; between them the model's own hands are followed.
        enlarge: boxes of finder or file are taken so many times larger, about their middle.
        solid: hands in space are wanted; a model that gives none is refused at its first hand.
        vertices: keep the model's vertices, too.
        workers: processes that cut crops, for a model that takes many pictures at once.
    """

    model: Detector
    finder: Detector | None = None
    boxes: Mapping[int, tuple[Prompt, ...]] | None = None
    box_every: int = 1
    enlarge: float = 1.0
    solid: bool = False
    vertices: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        if self.box_every < 1 or not 0 < self.enlarge < 100:
            what = f"cannot look with box_every {self.box_every}, enlarge {self.enlarge:g}"
            raise InputError(what, next_step="use a whole number from 1, and a factor above 0")
        if self.boxes is not None and (self.finder is not None or self.box_every > 1):
            raise InputError("a file of boxes leaves nothing to a detector", next_step="leave --box-every away")
        if self.boxes is None and self.finder is None and not self.model.finds_boxes:
            raise InputError(
                f"{self.model.name} works from boxes only",
                next_step="add --boxes detector, which asks --box-detector, or --boxes FILE",
            )
        if self.finder is not None and not self.finder.finds_boxes:
            raise InputError(f"{self.finder.name} works from boxes only", next_step="use mediapipe as --box-detector")


@dataclass
class Seen:
    """What came of one frame.

    Attributes:
        hands: each once.
        given: the box that the model was given for each, None where it found the hand by itself.
        why: reason that the frame could not be decoded; "" where it could.
        duplicates: hands that were another one seen again.
    """

    hands: list[Detection] = field(default_factory=list)
    given: list[Prompt | None] = field(default_factory=list)
    why: str = ""
    duplicates: int = 0


def frame_time(index: VideoIndex, k: int) -> float:
    """Seconds from the first picture; of a file that says nothing about time, at 30 frames a second."""
    return index.time(k) if index.pts or index.rate else k / _RATE


class Looks:
    """The frames of one video and what was seen in them.

    Attributes:
        model_calls: frames put to the model in this run.
        finder_calls: frames put to the finder in this run.
    """

    def __init__(self, index: VideoIndex, lookers: Lookers, folder: Path, *, threads: int = 1) -> None:
        """Open what is kept, or begin it.

        Args:
            index: of the video.
            lookers: who looks.
            folder: of the kept files.
            threads: of the decoder.
        """
        self.index, self.lookers, self.threads = index, lookers, threads
        video = index.mark.digest if index.mark else str(index.path)
        solid = " vertices" if lookers.vertices else ""
        self._found = Held(folder, f"video {video} {lookers.model.name}{solid}")
        self._boxes = Held(folder, f"video boxes {video} {lookers.finder.name}") if lookers.finder else None
        self._keys: dict[int, str] = {}
        self.model_calls = self.finder_calls = 0

    def look(self, progress: Progress | None = None) -> None:
        """Have every frame looked at.

        Args:
            progress: called with frames done and all.

        Raises:
            InputError: the file cannot be read, or the model refuses its boxes.
        """
        total = self.index.count
        steps = self._followed() if self.lookers.box_every > 1 else self._one_by_one()
        for done in steps:
            if progress:
                progress(done, total)
        if progress:
            progress(total, total)

    def seen(self, frame: int) -> Seen:
        """What was seen in a frame; call `look` first."""
        key = self._keys.get(frame)
        if key is None:
            return Seen()
        value = self._found[key]
        if "why" in value:
            return Seen(why=value["why"])
        return _once_each([unpack(one) for one in value["hands"]], [unpack_prompt(one) for one in value["prompts"]])

    def look_again(self, sides: Mapping[int, Mapping[int, str]], progress: Progress | None = None) -> None:
        """Have hands looked at again whose box was given with another side than the track has.

        Args:
            sides: frame -> number of the hand in `seen` -> its side; frames whose hands were given boxes.
            progress: called with frames done and all.
        """
        changed: dict[int, tuple[Prompt, ...]] = {}
        for frame, mended in sides.items():
            given = [prompt for prompt in self.seen(frame).given if prompt is not None]
            prompts = tuple(replace(p, side=mended.get(k, p.side)) for k, p in enumerate(given))
            self._keys[frame] = self._key(frame, prompts)
            if self._keys[frame] not in self._found:
                changed[frame] = prompts
        self._ask(sorted(changed), lambda k, _: changed[k], progress)

    def close(self) -> None:
        """Close the files."""
        self._found.close()
        if self._boxes is not None:
            self._boxes.close()

    def _one_by_one(self) -> Iterator[int]:
        """Frames that do not depend on each other; those that are not known go to the model many at a time."""
        missing = [k for k in range(self.index.count) if not self._known(k)]
        done = self.index.count - len(missing)
        yield done
        for _ in self._asked(missing, self._prompts):
            done += 1
            yield done

    def _known(self, k: int) -> bool:
        """Whether nobody has to look at a frame; notes where its answer is."""
        if self._damage(k) in self._found:
            self._keys[k] = self._damage(k)
            return True
        if self._boxes is not None and self._box_key(k) not in self._boxes:
            return False
        prompts = self._prompts(k, None)
        if self._needs_boxes and not prompts:
            return True
        self._keys[k] = self._key(k, prompts)
        return self._keys[k] in self._found

    @property
    def _needs_boxes(self) -> bool:
        return self.lookers.boxes is not None or self.lookers.finder is not None

    def _prompts(self, k: int, image: Image | None) -> tuple[Prompt, ...]:
        """Boxes of a frame; none where the model is to look at the whole of it, or there is no hand."""
        if self.lookers.boxes is not None:
            found = self.lookers.boxes.get(k, ())
        elif self.lookers.finder is not None:
            found = self._finders(k, image)
        else:
            return ()
        return tuple(replace(prompt, box=_enlarged(prompt.box, self.lookers.enlarge)) for prompt in found)

    def _finders(self, k: int, image: Image | None) -> tuple[Prompt, ...]:
        finder, kept, key = self.lookers.finder, self._boxes, self._box_key(k)
        if finder is None or kept is None:
            return ()
        if key not in kept:
            if image is None:
                raise LookupError(f"frame {k} has no boxes")
            found = finder.detect(image)
            self.finder_calls += 1
            kept.keep(key, [pack_prompt(Prompt(one.box, one.side, one.presence, finder.name)) for one in found])
        return tuple(prompt for one in kept[key] if (prompt := unpack_prompt(one)) is not None)

    def _ask(
        self, frames: list[int], prompts: Callable[[int, Image], tuple[Prompt, ...]], progress: Progress | None
    ) -> None:
        for done, _ in enumerate(self._asked(frames, prompts), 1):
            if progress:
                progress(done, len(frames))

    def _asked(self, frames: list[int], prompts: Callable[[int, Image], tuple[Prompt, ...]]) -> Iterator[int]:
        """Put frames to the model and keep what it says; yields each frame when it is done with."""
        asked: deque[tuple[int, tuple[Prompt, ...]]] = deque()
        idle: deque[int] = deque()

        def asks() -> Iterator[Ask]:
            for k, image in read_frames(self.index, frames, threads=self.threads):
                if isinstance(image, str):
                    self._keep_damage(k, image)
                    idle.append(k)
                    continue
                boxes = prompts(k, image)
                if self._needs_boxes and not boxes:
                    idle.append(k)
                    continue
                asked.append((k, boxes))
                yield Ask(image, boxes)

        for found in detect_all(self.lookers.model, asks(), workers=self.lookers.workers):
            k, boxes = asked.popleft()
            self._keep(k, boxes, found)
            while idle:
                yield idle.popleft()
            yield k
        yield from idle

    def _followed(self) -> Iterator[int]:
        """Frame after frame: boxes on every n-th, and between them where the frame before had hands."""
        frames: Iterator[tuple[int, Image | str]] | None = None
        before: list[Detection] = []
        for k in range(self.index.count):
            image: Image | str | None = None
            if frames is None and not self._known_next(k, before):
                frames = read_frames(self.index, range(k, self.index.count), threads=self.threads)
            if frames is not None:
                image = next(frames)[1]
            if isinstance(image, str):
                self._keep_damage(k, image)
            elif image is not None:
                self._ask_next(k, image, before)
            if self._keys.get(k) != self._damage(k):  # behind a damaged frame the hands before it are followed
                before = _followable(self.seen(k), alone=self._looks_by_itself(k))
            yield k + 1

    def _looks_by_itself(self, k: int) -> bool:
        return k % self.lookers.box_every == 0

    def _next_prompts(self, k: int, image: Image | None, before: Sequence[Detection]) -> tuple[Prompt, ...]:
        if self._looks_by_itself(k):
            return self._prompts(k, image)
        return tuple(Prompt(one.box, one.side, one.presence, FOLLOWED) for one in before)

    def _known_next(self, k: int, before: Sequence[Detection]) -> bool:
        if self._looks_by_itself(k):
            return self._known(k)
        if self._damage(k) in self._found:
            self._keys[k] = self._damage(k)
            return True
        if not before:
            return True
        self._keys[k] = self._key(k, self._next_prompts(k, None, before))
        return self._keys[k] in self._found

    def _ask_next(self, k: int, image: Image, before: Sequence[Detection]) -> None:
        prompts = self._next_prompts(k, image, before)
        whole = self._looks_by_itself(k) and not self._needs_boxes
        if not prompts and not whole:
            self._keys.pop(k, None)
            return
        self._keys[k] = self._key(k, prompts)
        if self._keys[k] not in self._found:
            self._keep(k, prompts, next(detect_all(self.lookers.model, [Ask(image, prompts)])))

    def _keep(self, k: int, prompts: tuple[Prompt, ...], found: Sequence[Detection | None]) -> None:
        self.model_calls += 1
        self._check_solid(found)
        self._keys[k] = self._key(k, prompts)
        given: Sequence[Prompt | None] = prompts or [None] * len(found)
        value: dict[str, Any] = {
            "prompts": [pack_prompt(one) for one in given],
            "hands": [pack(one, vertices=self.lookers.vertices) for one in found],
        }
        self._found.keep(self._keys[k], value)

    def _check_solid(self, found: Sequence[Detection | None]) -> None:
        wanted = (self.lookers.solid, self.lookers.vertices)
        for one in found:
            if one is None or not any(wanted):
                continue
            if one.pose3d is None or (wanted[1] and not len(one.pose3d.vertices)):
                what = "no mesh" if wanted[1] else "points in the picture and no hand in space"
                raise InputError(
                    f"{self.lookers.model.name} gives {what}",
                    next_step="leave --with and --render-meshes away, or take a model that has one: --model hamer",
                )

    def _keep_damage(self, k: int, why: str) -> None:
        self._keys[k] = self._damage(k)
        self._found.keep(self._keys[k], {"why": why})

    @staticmethod
    def _key(k: int, prompts: Sequence[Prompt]) -> str:
        boxes = np.array([prompt.box for prompt in prompts], np.float64).reshape(-1, 4)
        words = [[getattr(prompt, name) for prompt in prompts] for name in ("side", "id", "origin")]
        return key_of(f"frame {k}", boxes, *words)

    @staticmethod
    def _damage(k: int) -> str:
        return key_of(f"damaged {k}")

    @staticmethod
    def _box_key(k: int) -> str:
        return key_of(f"boxes {k}")


def _once_each(found: Sequence[Detection | None], given: Sequence[Prompt | None]) -> Seen:
    """Hands without those that another box gave already."""
    seen = Seen()
    for one, prompt in zip(found, given, strict=True):
        if one is None:
            continue
        if any(same_hand(one, other, boxes=False) for other in seen.hands):
            seen.duplicates += 1
            continue
        seen.hands.append(one)
        seen.given.append(prompt)
    return seen


def _followable(seen: Seen, *, alone: bool) -> list[Detection]:
    """Hands that are looked for in the next frame; what is only supposed to be there must look like a hand."""
    if alone:
        return seen.hands
    return [one for one in seen.hands if not one.presence < CARRY_PRESENCE]


def _enlarged(box: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([middle - factor * half, middle + factor * half])
