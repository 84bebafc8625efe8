"""Anybody's output to predictions of a dataset: each hand that their program found gets the id of the hand it is.

Their hands are known by picture, side and place. Of the dataset only picture, side, box and id are looked at, never
the points. In one picture the pair with the largest overlap of boxes is matched first, then the next, one to one; a
hand of the other side is no candidate. What is left on either side is counted, and nothing is moved or mirrored.

A hand of the dataset in a picture that their program looked at, and for which it has none, gets a record without
points: it was not found. Pictures of which the output says nothing are another thing: their hands have no record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.foreign_pictures import Pictures
from hint_toolkit.geometry import box_around
from hint_toolkit.io.foreign import Floats, ForeignHand, ForeignHands, projected
from hint_toolkit.io.picture_size import picture_facts
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

Progress = Callable[[int, int], None]
MIN_IOU: Final = 0.1
BOX_MARGIN: Final = 0.12
"""A hand without a box has that of its points, grown by this share of the longer side, as HInt's boxes are about."""
NEARLY: Final = 0.8
"""Two of their hands are both meant to be one of the dataset when the second overlaps it at least so well."""
CERTAIN_JOINTS: Final = 4


@dataclass(frozen=True)
class ForeignReport:
    """What became of their hands and of the dataset's.

    Attributes:
        format: of their output, in words.
        theirs: hands in it.
        hands: of the dataset.
        matched: hands of the dataset that got one of theirs.
        not_found: ids in pictures that were looked at, for which they have no hand.
        unseen: ids in pictures of which the output says nothing.
        surplus: how many of their hands are no hand of the dataset, in pictures that are in it.
        other_side: ids whose best overlap, 0.5 or more, is a hand that they say is of the other side, left unmatched.
        twice: ids for which they have a second hand that fits nearly as well; the better one was taken.
        unsure: how many of their hands were left out by `min_score`.
        unknown: pictures of theirs that the dataset does not have.
        ambiguous: names of pictures that fit several of the dataset.
    """

    format: str
    theirs: int
    hands: int
    matched: int
    not_found: list[str]
    unseen: list[str]
    surplus: int
    other_side: list[str]
    twice: list[str]
    unsure: int
    unknown: list[str]
    ambiguous: list[str]


@dataclass
class _Found:
    """Their hands as arrays, those in pictures of the dataset only."""

    points: Floats
    score: Floats
    box: Floats
    side: list[str]
    presence: Floats
    places: list[tuple[int, ...]]


def give_ids(
    truth: Truth,
    theirs: ForeignHands,
    *,
    method: str = "",
    min_iou: float = MIN_IOU,
    any_side: bool = False,
    min_score: float = 0.0,
    complete: bool = False,
    progress: Progress | None = None,
) -> tuple[Predictions, ForeignReport]:
    """Give their hands the ids of the dataset.

    Args:
        truth: the dataset; pictures are opened only for their size, and only where 3D has to be projected.
        theirs: what their program wrote.
        method: its name, for the header; "" for what the format tells.
        min_iou: a pair of boxes that overlaps less is none.
        any_side: let a hand that they say is of the other side be taken where no hand of the right side is left.
        min_score: a hand of theirs needs four joints that score higher, where it has scores.
        complete: their program looked at every picture, also where the output does not say so: meshes and many dumps
            have no trace of a picture without a hand.
        progress: called with their hands done and all.

    Returns:
        Predictions in the order of the dataset, and what did not fit.

    Raises:
        InputError: a picture's size is needed and unknown, their picture has another size, or not one picture of theirs
            is in the dataset.
    """
    pictures = Pictures(truth.hands)
    seen = {name: pictures.hands(name) for name in theirs.pictures}
    if theirs.pictures and not any(seen.values()) and not pictures.ambiguous:
        raise InputError(
            f"none of their {len(seen)} pictures is in the dataset, e.g. {next(iter(seen))}",
            where=str(truth.path),
            why=f"its pictures look like {pictures.example}",
            next_step="pass the right --gt, and keep the names of the pictures",
        )
    kept = [hand for hand in theirs.hands if _certain(hand, min_score)]
    found = _found(kept, seen, truth, progress)
    pairs, other_side, twice = _match(truth.hands, found, min_iou, any_side)
    looked_at = {i for hands in seen.values() for i in hands}
    recorded = np.array([complete or i in looked_at for i in range(len(truth.hands))], dtype=bool)
    matched = np.zeros(len(truth.hands), dtype=bool)
    matched[list(pairs)] = True
    ids = truth.hands.id
    report = ForeignReport(
        format=theirs.format,
        theirs=len(theirs.hands),
        hands=len(ids),
        matched=len(pairs),
        not_found=ids[recorded & ~matched].tolist(),
        unseen=ids[~recorded].tolist(),
        surplus=len(found.side) - len(pairs),
        other_side=[str(ids[i]) for i in other_side],
        twice=[str(ids[i]) for i in twice],
        unsure=len(theirs.hands) - len(kept),
        unknown=[name for name, hands in seen.items() if not hands and name not in pictures.ambiguous],
        ambiguous=sorted(pictures.ambiguous),
    )
    rule = {"min_iou": min_iou, "any_side": any_side, "min_score": min_score, "complete": complete}
    header: dict[str, Any] = {
        "method": method or theirs.format,
        "joint_order": "hint",
        "imported": {"from": theirs.format, "sha256": theirs.sha256, "by": "picture, side and box", **rule},
    }
    return _predictions(ids, recorded, pairs, found, header), report


def _certain(hand: ForeignHand, min_score: float) -> bool:
    if min_score <= 0 or not np.isfinite(hand.score).any():
        return True
    return int((hand.score > min_score).sum()) >= CERTAIN_JOINTS


def _found(
    hands: list[ForeignHand], seen: dict[str, tuple[int, ...]], truth: Truth, progress: Progress | None
) -> _Found:
    here = [hand for hand in hands if seen[hand.picture]]
    n = len(here)
    result = _Found(np.full((n, N_JOINTS, 2), np.nan), np.full((n, N_JOINTS), np.nan), np.full((n, 4), np.nan),
                    [""] * n, np.full(n, np.nan), [()] * n)  # fmt: skip
    for k, hand in enumerate(here):
        places = seen[hand.picture]
        points = hand.points
        if hand.space is not None:
            points = projected(hand, *_size(hand, truth, places[0]))
        whole = np.isfinite(hand.box).all()
        result.points[k], result.score[k], result.side[k], result.presence[k] = (
            points,
            hand.score,
            hand.side,
            hand.presence,
        )
        result.box[k] = hand.box if whole else box_around(points, margin=BOX_MARGIN)
        result.places[k] = places
        if progress:
            progress(k + 1, n)
    return result


def _size(hand: ForeignHand, truth: Truth, place: int) -> tuple[int, int]:
    """Width and height of the picture that a hand is projected into."""
    width, height = int(truth.hands.width[place]), int(truth.hands.height[place])
    image = str(truth.hands.image[place])
    if not width or not height:
        facts = picture_facts(truth.image_root / image) if image else None
        width, height = (facts.width, facts.height) if facts else (0, 0)
    if not width or not height:
        width, height = hand.size
    elif hand.size != (0, 0) and hand.size != (width, height):
        raise InputError(
            f"their picture is {hand.size[0]} x {hand.size[1]} pixels, the dataset's {width} x {height}",
            where=hand.picture,
            next_step="run their program on the dataset's own pictures",
        )
    if not width or not height:
        raise InputError(
            "the size of the picture is needed to project 3D joints, and is not known",
            where=hand.picture,
            next_step="pass a --gt folder that holds the pictures",
        )
    return width, height


def _match(hands: Hands, found: _Found, min_iou: float, any_side: bool) -> tuple[dict[int, int], list[int], list[int]]:
    """Hand of the dataset -> hand of theirs; and which were left to the other side, and which were claimed twice."""
    ours = np.array([i for places in found.places for i in places], np.int64)
    others = np.array([k for k, places in enumerate(found.places) for _ in places], np.int64)
    if not len(ours):
        return {}, [], []
    iou = _paired_iou(hands.box[ours], found.box[others])
    side = np.array(found.side, dtype=object)[others]
    same = (side == "") | (side == hands.side[ours])
    near = iou >= max(min_iou, 1e-9)
    sure = np.nan_to_num(found.presence[others], nan=-1.0)
    # Best overlap first; of equals the surer one, then the file's order.
    order = np.lexsort((np.arange(len(iou)), -sure, -iou))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for wanted in (same, ~same) if any_side else (same,):
        for p in order[(near & wanted)[order]].tolist():
            if ours[p] not in pairs and others[p] not in taken:
                pairs[int(ours[p])] = int(others[p])
                taken.add(int(others[p]))
    best = {int(ours[p]): float(iou[p]) for p in range(len(iou)) if pairs.get(int(ours[p])) == others[p]}
    free = np.array([int(k) not in taken for k in others])
    second = free & same & near
    twice = sorted(
        {int(i) for i, v in zip(ours[second], iou[second], strict=True) if v >= NEARLY * best.get(int(i), 9)}
    )
    contrary = sorted({int(i) for i in ours[free & ~same & (iou >= 0.5)].tolist() if i not in pairs})
    return pairs, contrary, twice


def _paired_iou(a: Floats, b: Floats) -> Floats:
    """(N,) intersection over union of boxes, row by row; 0 where one is NaN or has no area."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=1)
    union = (
        np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1) + np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) - inter
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.where(union > 0, inter / union, 0.0), nan=0.0)


def _predictions(
    ids: NDArray[Any], recorded: NDArray[np.bool_], pairs: dict[int, int], found: _Found, header: dict[str, Any]
) -> Predictions:
    rows = np.flatnonzero(recorded)
    points, score = np.full((len(rows), N_JOINTS, 2), np.nan), np.full((len(rows), N_JOINTS), np.nan)
    side = [""] * len(rows)
    for row, i in enumerate(rows.tolist()):
        if (k := pairs.get(i)) is not None:
            points[row], score[row], side[row] = found.points[k], found.score[k], found.side[k]
    nothing = np.full((len(rows), N_JOINTS), np.nan)
    return Predictions(ids[rows].tolist(), points, score, nothing, side, header)


def mano_of(given: Path | None) -> Callable[[], dict[str, NDArray[Any]]]:
    """Reads MANO_RIGHT.pkl, where `hint-build weights` looks for it, when it is first asked for."""
    from hint_toolkit.io.mano_file import read_mano
    from hint_toolkit.sources.weights import find

    read: list[dict[str, NDArray[Any]]] = []

    def arrays() -> dict[str, NDArray[Any]]:
        if not read:
            read.append(read_mano(find("mano", given)))
        return read[0]

    return arrays
