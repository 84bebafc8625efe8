"""What differs between two versions of a dataset: which hands, by how much, and what only their provenance says."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.errata import CONTENT
from hint_toolkit.io.hint_names import folder_name
from hint_toolkit.io.truth import hand_digests
from hint_toolkit.joints import JOINTS
from hint_toolkit.records import HAND_FIELDS, Hands

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_SUFFIXES = ("_l", "_r")
_TOLD = ("source", "split", "subset", "licence", "redistributable", "annotator", "detector", "state")
"""Columns of few values: which became which is told, too."""


@dataclass(frozen=True)
class Changes:
    """Two versions joined by id; positions lead into `old` and `new`, in the order of the ids.

    Attributes:
        old: the first version, ids ascending.
        new: the second.
        removed: (R,) positions in `old`.
        added: (A,) positions in `new`.
        renamed: (M, 2) same content under another id, see `changes_between`.
        changed: (C, 2) same id, other content.
        same: (S, 2) same id and content.
        points: (C, 21) the joint's point is another, or is known in one version only.
        exists: (C, 21) the flag is another.
        occluded: likewise.
        box: (C,) a side of the box is another.
        side: (C,) the hand's side is another.
        provenance: column -> (P,) rows of `pairs` that differ in it; columns without a difference are left out.
    """

    old: Hands
    new: Hands
    removed: Ints
    added: Ints
    renamed: Ints
    changed: Ints
    same: Ints
    points: Flags
    exists: Flags
    occluded: Flags
    box: Flags
    side: Flags
    provenance: dict[str, Ints]

    @property
    def pairs(self) -> Ints:
        """(P, 2) all hands that both versions have: changed, renamed, same."""
        return np.concatenate([self.changed, self.renamed, self.same])

    @property
    def none(self) -> bool:
        """Whether the content is the same; provenance may differ."""
        return not (len(self.removed) or len(self.added) or len(self.renamed) or len(self.changed))

    def counts(self) -> dict[str, int]:
        """How many hands of each kind."""
        return {name: len(getattr(self, name)) for name in ("removed", "added", "renamed", "changed", "same")}

    def fields(self) -> dict[str, int]:
        """How many joints and hands of `changed` differ in what."""
        was, now = (self.old.take(self.changed[:, 0]), self.new.take(self.changed[:, 1]))
        return {
            "joints_moved": int(self.points.sum()),
            "hands_moved": int(self.points.any(axis=1).sum()),
            "joints_now_existing": int((now.exists & self.exists).sum()),
            "joints_now_absent": int((was.exists & self.exists).sum()),
            "joints_now_occluded": int((now.occluded & self.occluded).sum()),
            "joints_no_more_occluded": int((was.occluded & self.occluded).sum()),
            "boxes": int(self.box.sum()),
            "sides": int(self.side.sum()),
        }

    def folders(self) -> list[dict[str, Any]]:
        """How many hands of each HInt folder were removed, added, renamed (by their old folder) and changed."""
        listed = {
            "removed": _folders(self.old, self.removed),
            "added": _folders(self.new, self.added),
            "renamed": _folders(self.old, self.renamed[:, 0]),
            "changed": _folders(self.old, self.changed[:, 0]),
        }
        names = sorted(set().union(*listed.values()))
        return [{"folder": name} | {what: counter[name] for what, counter in listed.items()} for name in names]


def changes_between(old: Hands, new: Hands) -> Changes:
    """Compare two versions, each with unique ids.

    Hands are joined by id. Two hands of different ids are one renamed hand when the file name without folder and side
    letter is the same, box, points and flags are the same, and no other hand of either side fits: that is a hand
    which moved to another split or whose side was wrong.
    """
    old, new = old.sorted(), new.sorted()
    was, now = hand_digests(old), hand_digests(new)
    place = {hand_id: i for i, hand_id in enumerate(new.id)}
    joined = np.array([(i, place[h]) for i, h in enumerate(old.id) if h in place], np.int64).reshape(-1, 2)
    equal = np.array([was[i] == now[j] for i, j in joined.tolist()], bool)
    removed = np.setdiff1d(np.arange(len(old)), joined[:, 0])
    added = np.setdiff1d(np.arange(len(new)), joined[:, 1])
    renamed = _renamed(old, removed, new, added)
    changed, same = joined[~equal], joined[equal]
    one, other = old.take(changed[:, 0]), new.take(changed[:, 1])
    pairs = np.concatenate([changed, renamed, same])
    return Changes(
        old=old,
        new=new,
        removed=np.setdiff1d(removed, renamed[:, 0]),
        added=np.setdiff1d(added, renamed[:, 1]),
        renamed=renamed,
        changed=changed,
        same=same,
        points=np.asarray(_differ(content_points(one), content_points(other)).any(axis=2)),
        exists=one.exists != other.exists,
        occluded=one.occluded != other.occluded,
        box=np.asarray(_differ(one.box, other.box).any(axis=1)),
        side=_differ(one.side, other.side),
        provenance=_provenance(old.take(pairs[:, 0]), new.take(pairs[:, 1])),
    )


def content_points(hands: Hands) -> Floats:
    """(N, 21, 2) pixels as the version sees them: an absent joint at 0, 0 has no point (see `hand_digests`)."""
    nowhere = ~hands.exists & (hands.points == 0).all(axis=2)
    return np.asarray(np.where(nowhere[:, :, None], np.nan, hands.points) + 0.0)


def _differ(a: NDArray[Any], b: NDArray[Any]) -> Flags:
    """Element by element; NaN is the same as NaN."""
    if a.dtype != np.float64:
        return np.asarray(a != b, bool)
    return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))


def _renamed(old: Hands, removed: Ints, new: Hands, added: Ints) -> Ints:
    gone, come = _by_content(old, removed), _by_content(new, added)
    found = [(gone[key][0], come[key][0]) for key in gone.keys() & come.keys() if len(gone[key]) == len(come[key]) == 1]
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def _by_content(hands: Hands, chosen: Ints) -> dict[bytes, list[int]]:
    """Digest without folder and side -> positions."""
    found: dict[bytes, list[int]] = {}
    taken = hands.take(chosen)
    stems = [name.rsplit("/", 1)[-1] for name in taken.id]
    plain = [stem[:-2] if stem.endswith(_SUFFIXES) else stem for stem in stems]
    for i, digest in zip(
        chosen.tolist(), hand_digests(taken.replace(id=plain, side=["left"] * len(plain))), strict=True
    ):
        found.setdefault(digest, []).append(i)
    return found


def _provenance(one: Hands, other: Hands) -> dict[str, Ints]:
    found = {}
    for name in HAND_FIELDS:
        if name != "id" and name not in CONTENT:
            differs = _differ(getattr(one, name), getattr(other, name))
            rows = np.flatnonzero(differs if differs.ndim == 1 else differs.any(axis=1))
            if len(rows):
                found[name] = rows
    return found


def _folders(hands: Hands, chosen: Ints) -> Counter[str]:
    taken = hands.take(chosen)
    columns = zip(taken.id, taken.split, taken.source, taken.subset, strict=True)
    return Counter(name.rsplit("/", 1)[0] if "/" in name else folder_name(*parts) for name, *parts in columns)


def moves(changes: Changes, most: int | None = None) -> list[dict[str, Any]]:
    """Every joint whose point is another, the farthest first, then by id and joint; `most` of them, or all.

    Returns:
        `{"id", "joint", "from", "to", "px", "percent"}`: points in pixels, null where not known; `px` the distance,
        `percent` of the longer side of the old box, null where one of the points or the box is not known.
    """
    rows, joints = np.nonzero(changes.points)
    one, other = changes.old.take(changes.changed[:, 0]), changes.new.take(changes.changed[:, 1])
    start, end = content_points(one)[rows, joints], content_points(other)[rows, joints]
    far = np.hypot(*(end - start).T)
    longest = (one.box[:, 2:] - one.box[:, :2]).max(axis=1, initial=-np.inf)[rows]
    share = np.divide(100 * far, longest, out=np.full(len(far), np.nan), where=longest > 0)
    order = np.lexsort((joints, rows, np.where(np.isfinite(far), -far, np.inf)))[:most]
    names = one.id[rows]
    columns = (names[order], joints[order], start[order].tolist(), end[order].tolist(), far[order], share[order])
    return [
        {
            "id": name,
            "joint": JOINTS[j],
            "from": known(a),
            "to": known(b),
            "px": known([px])[0],
            "percent": known([p])[0],
        }
        for name, j, a, b, px, p in zip(*columns, strict=True)
    ]


def known(numbers: Iterable[float]) -> list[float | None]:
    """Plain numbers, null for those that are not known."""
    return [float(x) if isfinite(x) else None for x in numbers]


def provenance_counts(changes: Changes) -> dict[str, dict[str, Any]]:
    """Column -> how many hands differ in it, and for columns of few values which became which, the most first."""
    pairs = changes.pairs
    found: dict[str, dict[str, Any]] = {}
    for name, rows in changes.provenance.items():
        found[name] = {"hands": len(rows)}
        if name in _TOLD:
            old, new = getattr(changes.old, name)[pairs[rows, 0]], getattr(changes.new, name)[pairs[rows, 1]]
            counted = Counter(zip(old.tolist(), new.tolist(), strict=True))
            most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
            found[name]["values"] = [{"from": a, "to": b, "hands": n} for (a, b), n in most]
    return found
