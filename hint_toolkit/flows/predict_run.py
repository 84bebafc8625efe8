"""A model's answers to sheets of pictures, hand by hand into a file of predictions: flat in memory, resumable."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict import in_crop
from hint_toolkit.flows.predict_inputs import Sheet, Wanted
from hint_toolkit.flows.prelabel_crew import Recipe, crew
from hint_toolkit.io.meshes import write_mesh
from hint_toolkit.io.prediction_parts import PredictionParts
from hint_toolkit.io.prediction_rows import PredictionRow
from hint_toolkit.prelabel.base import Ask, Batched, Detection, Detector, Pose3D, detect_all

Progress = Callable[[int, int], None]
Answers = list[Detection | None]
_ASKS_A_JOB: Final = 4


@dataclass(frozen=True)
class Meshes:
    """Where meshes go.

    Attributes:
        folder: made if there is none.
        kind: "obj" or "ply".
    """

    folder: Path
    kind: str = "obj"


@dataclass(frozen=True)
class Run:
    """How sheets are worked off.

    Attributes:
        detector: open.
        recipe: how it is opened in another process.
        way: "box", or "crop" (`flows.predict.WAYS`).
        workers: of a detector that takes many pictures at once: processes that read pictures and cut crops; of
            another one: processes with a detector each, if two or more.
        with_: words of `prediction_rows.WITH`.
        meshes: written where this is not None.
        extra: gives the further columns of a hand.
        drawn: called with each sheet and its answers, for pictures of them.
    """

    detector: Detector
    recipe: Recipe
    way: str = "box"
    workers: int = 0
    with_: tuple[str, ...] = ()
    meshes: Meshes | None = None
    extra: Callable[[Sheet, Wanted], dict[str, str | int | float]] = field(default=lambda sheet, hand: {})
    drawn: Callable[[Sheet, Answers], None] | None = None

    def into(self, parts: PredictionParts, sheets: Sequence[Sheet], progress: Progress | None = None) -> None:
        """Predict what the parts do not hold yet.

        Args:
            parts: where rows go.
            sheets: all of them, in the order of the rows.
            progress: called with hands done and their number.

        Raises:
            InputError: a picture cannot be read, or the model cannot give what was asked for.
        """
        left = [s for s in sheets if not s.hands or any(hand.id not in parts.done for hand in s.hands)]
        total = sum(len(sheet.hands) for sheet in sheets)
        done = total - sum(len(sheet.hands) for sheet in left)
        for sheet, answers in self._answered(left):
            rows = []
            for hand, one in zip(sheet.hands, answers, strict=True):
                if hand.id in parts.done:
                    continue
                rows.append(self._row(sheet, hand, one))
                if one is not None and self.meshes is not None:
                    self._mesh(self.meshes, hand.id, one)
            if self.drawn:
                self.drawn(sheet, answers)
            parts.add(rows)
            done += len(sheet.hands)
            if progress:
                progress(done, total)

    def _answered(self, sheets: Sequence[Sheet]) -> Iterator[tuple[Sheet, Answers]]:
        """Every sheet with an answer for each of its hands. One in which nothing is to be asked is not asked."""
        answers = self._asked(Ask(s.picture, _prompts(s)) for s in sheets if _prompts(s))
        for sheet in sheets:
            given = iter(next(answers) if _prompts(sheet) else ())
            yield sheet, [None if hand.prompt is None else next(given) for hand in sheet.hands]

    def _asked(self, asks: Iterator[Ask]) -> Iterator[Answers]:
        if self.way == "box" and (isinstance(self.detector, Batched) or self.workers < 2):
            yield from detect_all(self.detector, asks, workers=self.workers)
        elif self.workers < 2:
            for ask in asks:
                yield from _work(self.detector, (self.way, [ask]))
        else:
            jobs = iter(lambda: (self.way, list(islice(asks, _ASKS_A_JOB))), (self.way, []))
            for results in crew(_work, jobs, self.recipe, self.workers, in_order=True):
                yield from results

    def _row(self, sheet: Sheet, hand: Wanted, one: Detection | None) -> PredictionRow:
        box = np.full(4, np.nan) if hand.prompt is None else hand.prompt.box
        extra = self.extra(sheet, hand)
        if one is None:
            return PredictionRow(hand.id, None, box=box, extra=extra)
        return PredictionRow(
            id=hand.id,
            points=one.points,
            score=one.score,
            visibility=1 - one.occlusion,
            side=one.side,
            presence=one.presence,
            box=box,
            extra=extra,
            solid=solid_of(self._pose(one)) if self.with_ else {},
        )

    def _pose(self, one: Detection) -> Pose3D:
        if one.pose3d is None:
            raise InputError(
                f"{self.recipe.name} gives points in the picture and no hand in space",
                next_step="leave --with and --meshes out, or take a model that has one: --model hamer",
            )
        return one.pose3d

    def _mesh(self, meshes: Meshes, hand_id: str, one: Detection) -> None:
        pose, faces = self._pose(one), getattr(self.detector, "faces", None)
        if faces is None or not len(pose.vertices):
            raise InputError(f"{self.recipe.name} gives no mesh", next_step="leave --meshes out")
        write_mesh(meshes.folder, hand_id, pose.vertices + pose.translation, faces, one.side, meshes.kind)


def _prompts(sheet: Sheet) -> tuple[Any, ...]:
    return tuple(hand.prompt for hand in sheet.hands if hand.prompt is not None)


def _work(detector: Detector, job: tuple[str, list[Ask]]) -> list[Answers]:
    """Some pictures, by the one way or the other."""
    way, asks = job
    results: list[Answers] = []
    for ask in asks:
        image = ask.image()
        if way == "box":
            results.append(detector.detect_in(image, ask.prompts))
        else:
            results.append([in_crop(image, prompt.box, detector) for prompt in ask.prompts])
    return results


def solid_of(pose: Pose3D) -> dict[str, Any]:
    """The hand in space as `PredictionRow.solid` wants it."""
    names = ("translation", "focal", "camera", "vertices", "rotations", "betas")
    return {"joints3d": pose.joints} | {name: getattr(pose, name) for name in names}
