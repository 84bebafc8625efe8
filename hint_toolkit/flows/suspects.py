"""Find labels that are probably wrong, have people look at them again, and make errata of what they change."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.io.answers import Answers
from hint_toolkit.io.atomic import write_bytes, write_json
from hint_toolkit.io.errata import Errata, write_errata
from hint_toolkit.io.parquet import frames_to_table, hands_to_table, write_table
from hint_toolkit.io.picture_size import picture_facts
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import content_hash, read_truth
from hint_toolkit.io.truth import Truth
from hint_toolkit.issues import Issues
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.quality.changes import changes_between
from hint_toolkit.quality.patches import entries_of
from hint_toolkit.quality.suspects import Suspect, suspects
from hint_toolkit.records import Frame, Hands
from hint_toolkit.workspace import Workspace, fingerprint

NOTE: Final = "review.json"
"""In the workspace of a review: which dataset it is about, and which of its hands every task shows."""


@dataclass(frozen=True)
class SuspectReport:
    """What looks wrong.

    Attributes:
        rows: one a suspect, the worst first: id, score, joints, reasons.
        hands: that were looked at.
        methods: names of the prediction files' methods.
        version: content hash of the dataset.
        staged: suspects that were put into the workspace for review.
        issues: what could not be used.
    """

    rows: list[dict[str, Any]]
    hands: int
    methods: list[str]
    version: str
    staged: int = 0
    issues: Issues = field(default_factory=Issues)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        named = {name: getattr(self, name) for name in ("hands", "methods", "version", "staged", "rows")}
        return named | {"issues": [issue.to_dict() for issue in self.issues]}


def find_suspects(
    dataset: Path, predictions: Sequence[Path], *, most: int | None = None, review: Workspace | None = None
) -> SuspectReport:
    """Rank the labels of a dataset by how likely they are wrong.

    Args:
        dataset: any labelled dataset.
        predictions: of two or more methods; with fewer only geometry speaks, and the report says so.
        most: at most so many suspects.
        review: a new workspace that the suspects are put into, as if their labels were pre-labels; `hint-build push`
            and `pull` then work there as always.

    Raises:
        InputError: unreadable files, or a workspace that holds something else.
    """
    truth = read_truth(dataset)
    issues = Issues(list(truth.issues))
    points, sides, names = [], [], []
    for path in predictions:
        read = read_predictions(path)
        match = match_predictions(truth, read)
        if not match.found.any():
            raise InputError("has a prediction for none of these hands", where=str(path), next_step="check the ids")
        if missing := int((~match.recorded).sum()):
            issues.warn(f"says nothing about {missing} of {len(truth.hands)} hands", file=path.name)
        points.append(match.points)
        sides.append(match.arrange(np.array(read.side, object), ""))
        names.append(read.method)
    if len(points) < 2:
        issues.warn("fewer than two methods: only the geometry of the labels was looked at; pass --predictions twice")
    found = suspects(truth.hands, points, longer_side(truth.hands.box), sides)[:most]
    staged = _stage(review, truth, found) if review is not None else 0
    rows = [
        {
            "id": truth.hands.id[one.row],
            "score": round(one.score, 3),
            "joints": list(one.joints),
            "reasons": list(one.reasons),
        }
        for one in found
    ]
    return SuspectReport(rows, len(truth.hands), names, truth.version, staged, issues)


def _stage(review: Workspace, truth: Truth, found: Sequence[Suspect]) -> int:
    """Write frames and pre-labels of the suspects' labels; the same call again changes nothing."""
    if not found:
        return 0
    with review.lock():
        hands = truth.hands.take(np.array([one.row for one in found]))
        names = {hand_id: f"review-{fingerprint([truth.version, hand_id])}" for hand_id in hands.id}
        note = {"dataset": truth.version, "hands": {f"{names[i]}_h0": i for i in hands.id}}
        if review.frames_file.is_file() and _note(review)["dataset"] != truth.version:
            raise InputError("is a review of another dataset", where=str(review.root), next_step="name a new folder")
        frames = [_frame(review, truth, hands, k, names[hand_id]) for k, hand_id in enumerate(hands.id)]
        rows = hands.replace(
            id=[f"{names[i]}_h0" for i in hands.id],
            frame_id=[names[i] for i in hands.id],
            image=[frame.path for frame in frames],
            width=[frame.width for frame in frames],
            height=[frame.height for frame in frames],
            detector=[f"label-{truth.version[:12]}"] * len(hands),
            state=["prelabel"] * len(hands),
            annotator=[""] * len(hands),
            seconds=np.full(len(hands), np.nan),
        )
        order = np.argsort(rows.id.astype(str))
        write_table(review.frames_file, frames_to_table([frames[k] for k in order]), {})
        write_table(review.prelabels_file, hands_to_table(rows.take(order)), {})
        # Last: without the note nothing here counts as a review.
        write_json(review.root / NOTE, note)
    return len(found)


def _frame(review: Workspace, truth: Truth, hands: Hands, k: int, name: str) -> Frame:
    """The hand's picture, copied into the workspace."""
    source = truth.image_root / hands.image[k]
    if not hands.image[k] or not source.is_file():
        raise InputError(
            "has no picture to look at", where=hands.id[k], next_step="restore the dataset's pictures first"
        )
    path = f"frames/{name}{source.suffix.lower()}"
    data = source.read_bytes()
    if not (review.root / path).is_file():
        write_bytes(review.root / path, data)
    facts = picture_facts(source)
    if facts.state != "whole":
        raise InputError(f"has a picture that is {facts.state}", where=hands.id[k], next_step="fetch it again")
    return Frame(
        id=name,
        source=hands.source[k],
        video_id=hands.video_id[k] or name,
        video="",
        frame_index=int(hands.frame_index[k]),
        time=float(hands.time[k]),
        width=facts.width,
        height=facts.height,
        sha256="",
        path=path,
        reason="suspect",
        split=hands.split[k],
        licence=hands.licence[k],
        redistributable=bool(hands.redistributable[k]),
        group=hands.group[k],
    )


def _note(review: Workspace) -> dict[str, Any]:
    import json

    path = review.root / NOTE
    try:
        note = json.loads(path.read_text("utf-8"))
        if isinstance(note["dataset"], str) and isinstance(note["hands"], dict):
            return dict(note)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "is no review of a dataset", where=str(path), why=str(error), next_step="make one: hint-build suspects"
        ) from error
    raise InputError("is no review of a dataset", where=str(path), next_step="make one: hint-build suspects")


@dataclass(frozen=True)
class ReviewReport:
    """What a review changed.

    Attributes:
        path: of the errata.
        reviewed: suspects that somebody submitted.
        changed: of them with another label now.
        open: suspects that nobody has submitted.
        base: content hash of the dataset.
        result: content hash that the errata lead to.
    """

    path: Path
    reviewed: int
    changed: int
    open: int
    base: str
    result: str


def review_errata(dataset: Path, review: Workspace, out: Path, *, reason: str = "", who: str = "") -> ReviewReport:
    """Write what people changed in a review as errata for the dataset.

    Args:
        dataset: the one that the suspects were found in.
        review: the workspace, after `hint-build pull`.
        out: file to write.
        reason: why, for every entry.
        who: who decided; a name that may be published.

    Raises:
        InputError: another dataset, nothing reviewed, or nothing changed.
    """
    truth, note = read_truth(dataset), _note(review)
    if note["dataset"] != truth.version:
        raise InputError(
            f"is version {truth.version[:12]}, the review is about {note['dataset'][:12]}",
            where=str(dataset),
            next_step="name the dataset that the suspects were found in",
        )
    decided = _decisions(review.read_answers())
    mine = {hand_id: row for hand_id, row in decided.items() if hand_id in note["hands"]}
    if not mine:
        raise InputError("nobody has submitted a suspect yet", where=str(review.root), next_step="hint-build pull")
    changed = _with(truth.hands, {note["hands"][hand_id]: row for hand_id, row in mine.items()})
    changes = changes_between(truth.hands, changed)
    entries = tuple(entries_of(changes))
    if not entries:
        raise InputError("the review confirmed every label: there is nothing to correct", where=str(review.root))
    result = content_hash(changed)
    write_errata(out, Errata(truth.version, result, entries, reason, who))
    return ReviewReport(out, len(mine), len(entries), len(note["hands"]) - len(mine), truth.version, result)


def _decisions(answers: Answers) -> dict[str, Hands]:
    """The newest submitted answer to every task, as a row of its own. Several people who differ are an error."""
    newest = answers.newest()
    submitted = newest.take(newest.hands.state == "submitted")
    order = np.argsort(submitted.updated_at.astype(str), kind="stable")
    rows: dict[str, list[int]] = {}
    for i in order.tolist():
        rows.setdefault(submitted.hands.id[i], []).append(i)
    clash = [hand_id for hand_id, found in rows.items() if len({submitted.hands.annotator[i] for i in found}) > 1]
    if clash:
        raise InputError(
            f"{len(clash)} suspects have answers of several people: {shorten(sorted(clash))}",
            next_step="delete all answers but the right one in Label Studio, then pull again",
        )
    return {hand_id: submitted.hands.take(np.array(found[-1:])) for hand_id, found in rows.items()}


def _with(hands: Hands, decided: dict[str, Hands]) -> Hands:
    """The dataset with the reviewed content; everything that is no content stays."""
    rows = []
    for hand in hands:
        row = decided.get(hand.id)
        if row is not None:
            new = row[0]
            hand = replace(
                hand, points=new.points, exists=new.exists, occluded=new.occluded, box=new.box, side=new.side
            )
        rows.append(hand)
    return Hands.of(rows)
