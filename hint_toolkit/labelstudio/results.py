"""Label Studio's JSON export -> hands. Pure functions; every annotation that the server keeps gives one row.

An annotation that cannot be read leaves the table, but never silently: an issue names task, hand and field, it
is counted, and the flow archives the raw export.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.labelstudio.config import BOX, KEYPOINTS
from hint_toolkit.labelstudio.decode import Decoded, Unreadable, blank, decode, window_of_task
from hint_toolkit.records import Frame, Hand, Hands, frame_facts

SIMULATED_EMAIL: Final = "simulated@hint-toolkit.invalid"
"""The server's user that the scripted annotator submits as; such rows have the annotator "simulated"."""
SIMULATED: Final = "simulated"


@dataclass(frozen=True)
class Row:
    """One annotation.

    Attributes:
        hand: what the person said.
        started: what the person was shown: state "prelabel", or "empty" with NaN points for nothing.
        task_id: on the server.
        annotation_id: on the server.
        created_at: as the server writes it.
        updated_at: as the server writes it.
    """

    hand: Hand
    started: Hand
    task_id: int
    annotation_id: int
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Reading:
    """What an export holds.

    Attributes:
        hands: one row an annotation, sorted by id, then order of creation: the newest answer is the last.
            State "submitted", "skipped", or "empty": a person says that there is no hand.
        open_tasks: tasks without any annotation.
        left_out: annotations that could not be read.
        issues: why, and what a person should look at.
        rows: the same annotations with what they started from, in the order of `hands`.
        unreadable: task id, annotation id and reason of every annotation that could not be read.
        made_by_action: annotations that the server made of predictions; nobody has looked at them.
    """

    hands: Hands
    open_tasks: int
    left_out: int
    issues: Issues = field(default_factory=Issues)
    rows: tuple[Row, ...] = ()
    unreadable: tuple[tuple[int, int, str], ...] = ()
    made_by_action: int = 0

    def count(self, state: str) -> int:
        """How many rows have this state."""
        return int((self.hands.state == state).sum())


class ExportReader:
    """Reads the tasks of a JSON export, part by part; nothing of a part is kept but what it says.

    Args:
        frames: by id.
        prelabels: what was pushed, by hint_id; points that come back untouched take its pixels exactly.
    """

    def __init__(self, frames: Mapping[str, Frame], prelabels: Mapping[str, Hand]) -> None:
        """Nothing is read yet."""
        self._frames, self._prelabels = frames, prelabels
        self._issues, self._hands = Issues(), set[str]()
        self._rows: list[Row] = []
        self._unreadable: list[tuple[int, int, str]] = []
        self._open_tasks = self._by_action = 0

    def take(self, tasks: Iterable[Mapping[str, Any]]) -> None:
        """The next tasks, as the client gives them: `completed_by` with its e-mail address."""
        for task in tasks:
            hint_id = str((task.get("data") or {}).get("hint_id") or "")
            if hint_id in self._hands:
                self._issues.warn(
                    "has two tasks; push again to remove the surplus one", file=f"task {task.get('id')}", id=hint_id
                )
            self._hands.add(hint_id)
            annotations = task.get("annotations") or []
            self._open_tasks += not annotations
            for annotation in annotations:
                if _by_action(annotation):
                    self._by_action += 1
                else:
                    self._take(annotation, task, hint_id)

    def _take(self, annotation: Mapping[str, Any], task: Mapping[str, Any], hint_id: str) -> None:
        ids, place = (int(task.get("id") or 0), int(annotation.get("id") or 0)), f"task {task.get('id')}"
        prelabel = self._prelabels.get(hint_id)
        try:
            hand, warnings = _row(annotation, task.get("data") or {}, self._frames, prelabel)
            started = _started(annotation, task, hand, prelabel)
        except Unreadable as error:
            self._issues.error(error.text, file=place, id=hint_id, field=error.field)
            self._unreadable.append((*ids, f"{hint_id} > {error.field}: {error.text}"))
            return
        for text in warnings:
            self._issues.warn(text, file=place, id=hint_id)
        times = (str(annotation.get(name) or "") for name in ("created_at", "updated_at"))
        self._rows.append(Row(hand, started, *ids, *times))

    def finish(self, file: str = "") -> Reading:
        """All that was taken; `file` is the archive's name, for the issues."""
        rows = sorted(self._rows, key=lambda row: (row.hand.id, row.created_at, row.annotation_id))
        found = [replace(one, file=f"{file} > {one.file}".removeprefix(" > ")) for one in self._issues.found]
        return Reading(
            Hands.of(row.hand for row in rows),
            self._open_tasks,
            len(self._unreadable),
            Issues(found),
            tuple(rows),
            tuple(self._unreadable),
            self._by_action,
        )


def _by_action(annotation: Mapping[str, Any]) -> bool:
    """Whether the server made it of a prediction ("Create annotations from predictions"): no time, no frozen copy."""
    made = annotation.get("parent_prediction") is not None and not annotation.get("prediction")
    return made and annotation.get("lead_time") is None


def _row(
    annotation: Mapping[str, Any], data: Mapping[str, Any], frames: Mapping[str, Frame], prelabel: Hand | None
) -> tuple[Hand, tuple[str, ...]]:
    """One annotation as a hand, and what a person should look at.

    Raises:
        Unreadable: names field and reason.
    """
    hint_id = str(data.get("hint_id") or "")
    if not hint_id:
        raise Unreadable("data.hint_id", "is missing: not one of our tasks")
    frame = frames.get(str(data.get("frame_id")))
    if frame is None:
        raise Unreadable("data.frame_id", f"{data.get('frame_id')!r} is no frame of this workspace")
    state, found = _answer(annotation, data, hint_id, prelabel)
    detector = str(data.get("detector") or "")
    hand = Hand(
        id=hint_id,
        points=found.points,
        exists=found.exists,
        occluded=found.occluded,
        box=found.box,
        side=found.side or (prelabel.side if prelabel else "right"),
        detector=_started_from(annotation.get("prediction"), detector) if detector else "",
        annotator=annotator_of(annotation.get("completed_by")),
        seconds=_seconds(annotation.get("lead_time")),
        prelabel_id=hint_id if detector else "",
        state=state,
        **frame_facts(frame),
    )
    return hand, found.contradictions


def _answer(
    annotation: Mapping[str, Any], data: Mapping[str, Any], hint_id: str, prelabel: Hand | None
) -> tuple[str, Decoded]:
    """State and content. What a person left behind when skipping is kept if it can be read.

    Raises:
        Unreadable: submitted, but not readable or without box or points.
    """
    skipped = bool(annotation.get("was_cancelled"))
    try:
        found = decode(annotation.get("result"), window_of_task(data), hint_id, prelabel)
    except Unreadable:
        if skipped:
            return "skipped", blank()
        raise
    if skipped:
        return "skipped", found
    if found.nothing:
        return "empty", found
    if np.isnan(found.box).any():
        raise Unreadable(BOX, "is missing; draw it with the label left or right")
    if np.isnan(found.points).all():
        raise Unreadable(KEYPOINTS, "are missing, there is only a box")
    return "submitted", found


def _started_from(frozen: Any, detector: str) -> str:
    """Version of the prediction that the annotator saw: the server's frozen copy, else what the task was made with."""
    version = frozen.get("model_version") if isinstance(frozen, dict) else None
    return str(version or detector)


def _started(annotation: Mapping[str, Any], task: Mapping[str, Any], hand: Hand, prelabel: Hand | None) -> Hand:
    """What the person was shown: the server's frozen copy, else the task's prediction of that version.

    A draft that was loaded again loses its `parent_prediction`, but not the frozen copy. A prediction that cannot be
    read any more gives a row of state "empty", as a task without one does.
    """
    frozen = annotation.get("prediction")
    shown = frozen if isinstance(frozen, dict) and frozen.get("result") else None
    if shown is None:
        held = [one for one in task.get("predictions") or [] if isinstance(one, dict) and one.get("result")]
        shown = next((one for one in held if str(one.get("model_version")) == hand.detector), None)
    found, detector = blank(), ""
    if shown is not None:
        try:
            found = decode(shown["result"], window_of_task(task.get("data") or {}), hand.id, prelabel)
            detector = str(shown.get("model_version") or "")
        except Unreadable:
            found = blank()
    there = bool(np.isfinite(found.points).any())
    return replace(
        hand,
        points=found.points,
        exists=found.exists,
        occluded=found.occluded,
        box=found.box,
        side=found.side or (prelabel.side if prelabel else hand.side),
        presence=prelabel.presence if prelabel and there else float("nan"),
        score=prelabel.score if prelabel and there else np.full(N_JOINTS, np.nan),
        detector=detector if there else "",
        annotator="",
        seconds=float("nan"),
        state="prelabel" if there else "empty",
    )


def annotator_of(completed_by: Any) -> str:
    """E-mail address, "simulated" for the script, `user <id>` for one that the server no longer knows."""
    email = completed_by.get("email") if isinstance(completed_by, dict) else None
    if email is None:
        return f"user {completed_by}"
    return SIMULATED if email == SIMULATED_EMAIL else str(email)


def _seconds(lead_time: Any) -> float:
    return float(lead_time) if isinstance(lead_time, int | float) else float("nan")
