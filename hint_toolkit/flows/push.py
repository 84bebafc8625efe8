"""Pre-labels -> Label Studio.

Pushing is idempotent by `hint_id`: a task that is there is never imported again, one whose pre-label changed is
updated unless somebody has begun it, and one that was imported twice (a kill while the server was still busy
with our request) loses its untouched copy. So after any interruption the same command is run again.

Who is asked what is written to `assignments.parquet` before anything is sent, and to nothing on the server.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.push_pictures import Crops, Work
from hint_toolkit.flows.push_plan import Shares, planned, project_title, ranked
from hint_toolkit.flows.push_project import BATCH, Progress, Sent, ensure_project, find_there, send
from hint_toolkit.io.answers import PURPOSES
from hint_toolkit.io.assignments import Assignment, read_assignments, write_assignments
from hint_toolkit.io.collector import without_collector
from hint_toolkit.issues import Issues
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import has_bones
from hint_toolkit.labelstudio.pictures import LocalPictures, Pictures
from hint_toolkit.records import Hand
from hint_toolkit.workspace import Workspace

REVIEW_PRESENCE: Final = 0.9
"""Below it a detector is often wrong about the hand being one; the same limit as in `prelabel.base`."""


@dataclass(frozen=True)
class PushReport:
    """What a push did.

    Attributes:
        project_id: on the server.
        new: tasks added.
        there: tasks that were there and stay as they are.
        updated: tasks whose pre-label had changed.
        begun: tasks whose pre-label had changed, left alone because somebody has begun or finished them.
        removed: untouched second copies that were deleted.
        purposes: hands by what they are for, over all projects of the title.
    """

    project_id: int
    new: int
    there: int
    updated: int
    begun: int
    removed: int
    purposes: Mapping[str, int] = field(default_factory=dict)


def push(
    workspace: Workspace,
    client: LabelStudioClient,
    *,
    title: str,
    shares: Shares | None = None,
    order: Sequence[str] | None = None,
    view: str = "crop",
    bones: bool = False,
    pictures: Pictures | None = None,
    batch: int = BATCH,
    document_root: Path | None = None,
    progress: Progress | None = None,
) -> PushReport:
    """Bring every pre-labelled hand, and every frame without one, to the server.

    Args:
        workspace: with frames and pre-labels.
        client: logged in.
        title: of the project, made if there is none. The overlap sample has the project "<title> (overlap)".
        shares: what is wanted besides plain labelling; None wants nothing new. What an earlier push chose stays.
        order: hand ids, the first to be labelled first; None keeps the earlier order. Tasks that are on the server
            keep their place.
        view: one of `labelstudio.tasks.VIEWS`.
        bones: whether a new project shows fingers as chains of lines; one that is there keeps what it has.
        pictures: where the server takes them from; None: its local files.
        batch: tasks a request.
        document_root: the folder whose pictures the server shows, at or above `workspace.served_folder` (None: that).
        progress: called with the tasks done and their number, of all projects.

    Raises:
        InputError: nothing pre-labelled, a frame's picture is gone, a title that is too long, or the project is not
            ours.
        ServerError: the server is dead or refuses; what was finished stays.
    """
    shares = shares or Shares()
    for purpose in ("label", "overlap") if shares.overlap else ("label",):
        project_title(title, purpose)
    with workspace.lock(begins=False), without_collector():
        hands = _pushable(workspace)
        brought = pictures or LocalPictures(workspace.tasks_folder, document_root or workspace.served_folder)
        crops = Crops(workspace, brought, view)
        main = ensure_project(client, title, bones=bones)
        there = find_there(client, main, list(hands))
        earlier = _with_untold(read_assignments(workspace.assignments_file), title, hands, there.tasks.keys())
        ranks = None if order is None else {hand_id: k for k, hand_id in enumerate(order)}
        rows = planned(hands.values(), title, earlier, shares, ranks)
        write_assignments(workspace.assignments_file, rows)
        second = [one for one in rows if one.project == f"{title} (overlap)" and one.hint_id in hands]
        total = len(hands) + len(second)
        send_to = partial(send, client, crops=crops, pictures=brought, batch=batch)
        mine = [one for one in rows if one.project == title and one.hint_id in hands]
        sent = [send_to(main, _works(hands, mine), there=there, progress=_part(progress, 0, total))]
        if second:
            project = ensure_project(
                client, second[0].project, people=max(one.wanted for one in second), bones=has_bones(main.label_config)
            )
            sent.append(send_to(project, _works(hands, second), progress=_part(progress, len(hands), total)))
    return _report(main.id, sent, [*mine, *second])


def push_hands(
    workspace: Workspace,
    client: LabelStudioClient,
    hands: Iterable[Hand],
    title: str,
    purpose: str,
    *,
    others: Mapping[str, Sequence[tuple[str, Hand]]] | None = None,
    notes: Mapping[str, str] | None = None,
    wanted: int = 1,
    view: str = "crop",
    pictures: Pictures | None = None,
    batch: int = BATCH,
    document_root: Path | None = None,
    progress: Progress | None = None,
) -> PushReport:
    """Bring chosen hands to a project of their own, for a decision between answers or a second look.

    The same call again changes nothing. Do not hold the workspace's lock.

    Args:
        workspace: of the hands' frames.
        client: logged in.
        hands: what annotators start from, under the hands' own ids; their state becomes "prelabel".
        title: of the main project; this one is "<title> (<purpose>)".
        purpose: one of `io.answers.PURPOSES`, "adjudicate" or "review" as a rule.
        others: hand id -> (name, answer) to decide between. The page shows them side by side above the picture, under
            these names, and has them in its list of predictions. Do not name them after people.
        notes: hand id -> a line above the picture.
        wanted: different people who shall answer each.
        view: one of `labelstudio.tasks.VIEWS`.
        pictures: where the server takes them from; None: its local files.
        batch: tasks a request.
        document_root: as in `push`.
        progress: called with the tasks done and their number.

    Returns:
        what was done in this project.

    Raises:
        InputError: no hand, or one stands there twice; a title that is too long; or the project is not ours.
        ServerError: the server is dead or refuses; what was finished stays.
    """
    if purpose not in PURPOSES:
        raise InputError(f"unknown purpose {purpose!r}", why=f"one of {', '.join(PURPOSES)}")
    name, others, notes = project_title(title, purpose), others or {}, notes or {}
    chosen = [hand if hand.state == "empty" else replace(hand, state="prelabel") for hand in hands]
    _once([hand.id for hand in chosen], f"the hands for {name}")
    works = [
        Work(hand, hand.state != "empty", notes.get(hand.id) or note_of(hand), tuple(others.get(hand.id, ())))
        for hand in chosen
    ]
    with workspace.lock(), without_collector():
        brought = pictures or LocalPictures(workspace.tasks_folder, document_root or workspace.served_folder)
        keeper = ensure_project(client, title) if others else None
        project = ensure_project(client, name, people=wanted, keeper=keeper)
        rows = [Assignment(hand.id, name, purpose, wanted, hand.state != "empty") for hand in chosen]
        kept = {(one.project, one.hint_id): one for one in read_assignments(workspace.assignments_file)}
        kept |= {(name, one.hint_id): one for one in rows}
        write_assignments(workspace.assignments_file, list(kept.values()))
        crops = Crops(workspace, brought, view)
        sent = send(client, project, works, crops, brought, keeper=keeper, batch=batch, progress=progress)
    return _report(project.id, [sent], rows)


def _pushable(workspace: Workspace) -> dict[str, Hand]:
    """Pre-labels by id.

    Raises:
        InputError: there are none, one stands there twice, or one is of an unknown frame.
    """
    known = {frame.id for frame in workspace.read_frames()}
    prelabels = workspace.read_prelabels()
    issues, hands = Issues(), {}
    for hand in prelabels:
        if hand.id in hands:
            issues.error("stands there more than once", file=workspace.prelabels_file.name, id=hand.id)
        if hand.frame_id not in known:
            issues.error("is of no sampled frame", file=workspace.prelabels_file.name, id=hand.id, field="frame_id")
        hands[hand.id] = hand
    issues.raise_errors("pre-label again: hint-build prelabel")
    if not hands:
        raise InputError("nothing to push", where=str(workspace.prelabels_file), next_step="sample frames first")
    return hands


def _once(ids: Sequence[str], where: str) -> None:
    names, counts = np.unique(np.array(ids, dtype=str), return_counts=True)
    if not len(names):
        raise InputError("nothing to push", where=where)
    if (counts > 1).any():
        raise InputError("stands there more than once", where=f"{where} > {names[int(counts.argmax())]}")


def _with_untold(
    earlier: list[Assignment], title: str, hands: Mapping[str, Hand], there: Iterable[str]
) -> list[Assignment]:
    """Tasks that nothing is written down about were pushed for plain labelling, with their pre-label."""
    told = {one.hint_id for one in earlier if one.project == title}
    untold = [hands[hand_id] for hand_id in sorted(set(there) - told)]
    return [*earlier, *(Assignment(hand.id, title, shown=hand.state != "empty") for hand in untold)]


def _works(hands: Mapping[str, Hand], rows: Sequence[Assignment]) -> list[Work]:
    """What goes to a project, in the order of work."""
    of = {one.hint_id: one for one in rows}
    chosen = ranked([hand for hand_id, hand in hands.items() if hand_id in of], of)
    return [Work(hand, of[hand.id].shown, note_of(hand, shown=of[hand.id].shown)) for hand in chosen]


def note_of(hand: Hand, shown: bool = True) -> str:
    """What an annotator should know about a task before the first look; "" when there is nothing to say."""
    if hand.state == "empty" and np.isfinite(hand.box).all():
        return "A hand should be here, and no point was found: draw it, or submit as it is when there is none."
    if hand.state == "empty":
        return "Nothing was found here. Draw the largest hand, or submit as it is when there is none."
    if not shown:
        return "No suggestion here: draw the hand in the middle of the picture."
    parts = ["Check that this is a hand, and which side it is."] if hand.presence < REVIEW_PRESENCE else []
    ticked = [
        name for name, ticks in (("occluded", hand.occluded & hand.exists), ("absent", ~hand.exists)) if ticks.any()
    ]
    if ticked:
        parts.append(f"The ticks under {' and '.join(ticked)} are suggested: check them.")
    return " ".join(parts)


def _part(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one project as a part of all."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def _report(project_id: int, sent: Sequence[Sent], rows: Sequence[Assignment]) -> PushReport:
    counts = {purpose: sum(one.purpose == purpose for one in rows) for purpose in PURPOSES}
    return PushReport(
        project_id,
        new=sum(one.new for one in sent),
        there=sum(one.there for one in sent),
        updated=sum(one.updated for one in sent),
        begun=sum(len(one.begun) for one in sent),
        removed=sum(one.removed for one in sent),
        purposes={purpose: count for purpose, count in counts.items() if count},
    )


def push_text(report: PushReport) -> str:
    """What a push did, in words."""
    parts = [f"{report.new} tasks new, {report.there} there already"]
    for count, what in (
        (report.updated, "updated"),
        (report.begun, "changed but already begun by a person, left alone"),
        (report.removed, "second copies removed"),
    ):
        if count:
            parts.append(f"{count} {what}")
    if set(report.purposes) - {"label"}:
        parts.append("for: " + ", ".join(f"{purpose} {count}" for purpose, count in report.purposes.items()))
    return ", ".join(parts)
