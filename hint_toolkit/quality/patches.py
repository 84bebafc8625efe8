"""Changes -> entries of errata, and entries applied to hands: what one takes, the other gives back to the last bit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.errata import CONTENT, PROVENANCE, Entry
from hint_toolkit.io.hint_names import parse_folder
from hint_toolkit.io.truth import hand_digests
from hint_toolkit.joints import INDEX, JOINTS, N_JOINTS
from hint_toolkit.quality.changes import Changes, content_points, known
from hint_toolkit.records import HAND_FIELDS, Hand, Hands

_NO_FLAGS = np.zeros(N_JOINTS, bool)
_BLANK = Hand("", "", np.full((N_JOINTS, 2), np.nan), _NO_FLAGS, _NO_FLAGS, np.zeros(4), "left")
_BY_JOINT = ("points", "exists", "occluded")


def entries_of(changes: Changes, *, provenance: bool = False) -> list[Entry]:
    """Entries that turn the old version into the new one, ids ascending.

    Args:
        changes: from `changes_between`.
        provenance: also changes of `PROVENANCE` columns in hands that both versions have.
    """
    old, gone = changes.old, changes.old.take(changes.removed)
    entries = [
        Entry("remove", hand_id, {"sha256": digest.hex()})
        for hand_id, digest in zip(gone.id, hand_digests(gone), strict=True)
    ]
    entries += [Entry("add", hand.id, new=_whole(hand)) for hand in _plain(changes.new.take(changes.added))]
    both: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for i, j in changes.renamed.tolist():
        was, now = old.id[i], changes.new.id[j]
        both[was] = {"id": was}, {"id": now}
        if old.side[i] != changes.new.side[j]:
            both[was][0]["side"], both[was][1]["side"] = old.side[i], changes.new.side[j]
    for name, was, now in _content(changes):
        both[name] = was, now
    if provenance:
        _add_provenance(changes, both)
    entries += [Entry("change", name, *values) for name, values in both.items()]
    return sorted(entries, key=lambda entry: entry.id)


def _content(changes: Changes) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(id, old, new) of every changed hand: only what changed."""
    pair = changes.old.take(changes.changed[:, 0]), changes.new.take(changes.changed[:, 1])
    stated: list[list[dict[str, Any]]] = [[{} for _ in pair[0].id] for _ in pair]
    for hands, said in zip(pair, stated, strict=True):
        for name in ("side", "box"):
            rows = np.flatnonzero(getattr(changes, name))
            for row, value in zip(rows.tolist(), getattr(hands, name)[rows].tolist(), strict=True):
                said[row][name] = _json(value)
        for name in _BY_JOINT:
            rows, joints = np.nonzero(getattr(changes, name))
            cells = (content_points(hands) if name == "points" else getattr(hands, name))[rows, joints].tolist()
            for row, joint, value in zip(rows.tolist(), joints.tolist(), cells, strict=True):
                said[row].setdefault(name, {})[JOINTS[joint]] = _json(value)
    yield from zip(pair[0].id.tolist(), *stated, strict=True)


def _add_provenance(changes: Changes, both: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    pairs = changes.pairs
    for column in PROVENANCE:
        for i, j in pairs[changes.provenance.get(column, [])].tolist():
            was, now = both.setdefault(changes.old.id[i], ({}, {}))
            was[column], now[column] = (_json(getattr(h, column)[k]) for h, k in ((changes.old, i), (changes.new, j)))


def _json(value: Any) -> Any:
    """A plain value; null for numbers that are not known."""
    if isinstance(value, list):
        return [None if one != one else one for one in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value


def _plain(hands: Hands) -> Iterator[Hand]:
    """Hands whose points are as the version sees them."""
    yield from hands.replace(points=content_points(hands))


def _whole(hand: Hand) -> dict[str, Any]:
    """Everything of a hand that a patch carries and that is not what an empty hand says."""
    stated: dict[str, Any] = {"side": hand.side, "box": known(hand.box)}
    points = {JOINTS[k]: known(point) for k, point in enumerate(hand.points) if not np.isnan(point).all()}
    stated |= {"points": points} if points else {}
    for name in ("exists", "occluded"):
        flags = {JOINTS[k]: True for k in np.flatnonzero(getattr(hand, name))}
        stated |= {name: flags} if flags else {}
    singles = {name: _json(getattr(hand, name)) for name in PROVENANCE}
    return stated | {name: value for name, value in singles.items() if value != _json(getattr(_BLANK, name))}


def misfits(hands: Hands, entries: Sequence[Entry]) -> dict[str, str]:
    """Entries that do not fit these hands: id -> why (unknown, there already, or which old values differ)."""
    place = {hand_id: i for i, hand_id in enumerate(hands.id)}
    found: dict[str, str] = {}
    points = _points_of(hands, place, entries)
    digests = _digests_of(hands, place, entries)
    for entry in entries:
        row = place.get(entry.id)
        if entry.action == "add":
            if row is not None:
                found[entry.id] = "is there already"
        elif row is None:
            found[entry.id] = "is not there"
        elif entry.action == "remove":
            if digests[entry.id] != entry.old["sha256"]:
                found[entry.id] = "is not the hand that was removed"
        elif differs := _differing(hands, row, entry.old, points.get(entry.id)):
            found[entry.id] = f"has another {', '.join(differs)} than the old value"
    return found


def _points_of(hands: Hands, place: Mapping[str, int], entries: Iterable[Entry]) -> dict[str, NDArray[np.float64]]:
    names = [e.id for e in entries if e.action == "change" and e.id in place]
    return dict(zip(names, content_points(hands.take(np.array([place[n] for n in names], np.int64))), strict=True))


def _digests_of(hands: Hands, place: Mapping[str, int], entries: Iterable[Entry]) -> dict[str, str]:
    names = [e.id for e in entries if e.action == "remove" and e.id in place]
    digests = hand_digests(hands.take(np.array([place[n] for n in names], np.int64)))
    return {name: digest.hex() for name, digest in zip(names, digests, strict=True)}


def _differing(hands: Hands, row: int, old: Mapping[str, Any], points: Any) -> list[str]:
    """Fields and joints in which a hand is not what `old` says."""
    found = []
    for name, value in old.items():
        column = getattr(hands, name)[row] if name != "points" else points
        if name in _BY_JOINT:
            found += [f"{name} of {joint}" for joint, one in value.items() if not _same(column[INDEX[joint]], one)]
        elif not _same(column, value):
            found.append(name)
    return found


def _same(held: Any, stated: Any) -> bool:
    """Exactly equal; null stands for NaN."""
    if isinstance(held, np.ndarray):
        return all(_same(one, other) for one, other in zip(held, stated, strict=True))
    if stated is None:
        return isinstance(held, float) and bool(np.isnan(held))
    return bool(held == stated)


def patched(hands: Hands, entries: Sequence[Entry]) -> Hands:
    """The hands after all entries, ids ascending; old values are not looked at (see `misfits`).

    A renamed hand takes split, source and subset from its new folder. A changed hand loses `original`, which would
    contradict it. A new hand takes the picture of another hand of its frame, where there is one.

    Raises:
        InputError: an id would stand there twice, or a hand would contradict itself.
    """
    place = {hand_id: i for i, hand_id in enumerate(hands.id)}
    columns = {name: getattr(hands, name).copy() for name in HAND_FIELDS}
    changed = [entry for entry in entries if entry.action == "change"]
    rows = np.array([place[entry.id] for entry in changed], np.int64)
    columns["points"][rows] = content_points(hands.take(rows))
    for entry, row in zip(changed, rows.tolist(), strict=True):
        _change(columns, row, entry)
    kept = np.ones(len(hands), bool)
    kept[[place[entry.id] for entry in entries if entry.action == "remove"]] = False
    parts = {name: column[kept] for name, column in columns.items()}
    pictures = {frame: image for frame, image in zip(hands.frame_id, hands.image, strict=True) if frame and image}
    try:
        new = [_new(entry, pictures) for entry in entries if entry.action == "add"]
        result = Hands.concat([Hands(parts), Hands.of(new)]).sorted()
    except ValueError as error:
        raise InputError(f"the errata contradict themselves: {error}", next_step="make them again") from error
    ids, times = np.unique(result.id.astype(str), return_counts=True)
    if (times > 1).any():
        twice = shorten(ids[times > 1])
        raise InputError(f"hands would stand there twice: {twice}", next_step="remove or rename one of each")
    return result


def _change(columns: Mapping[str, NDArray[Any]], row: int, entry: Entry) -> None:
    new = dict(entry.new)
    parts = parse_folder(new["id"].rsplit("/", 1)[0]) if "id" in new else None
    if parts:
        new = dict(zip(("split", "source", "subset"), parts, strict=True)) | new
    for name, value in new.items():
        column = columns[name]
        if name in _BY_JOINT:
            for joint, one in value.items():
                column[row, INDEX[joint]] = _held(one)
        else:
            column[row] = _held(value)
    if not set(CONTENT).isdisjoint(new):
        columns["original"][row] = ""


def _held(value: Any) -> Any:
    """From JSON: null is NaN."""
    if isinstance(value, list):
        return [np.nan if one is None else one for one in value]
    return np.nan if value is None else value


def _new(entry: Entry, pictures: Mapping[str, str]) -> Hand:
    stated = dict(entry.new)
    points, exists, occluded = np.full((N_JOINTS, 2), np.nan), np.zeros(N_JOINTS, bool), np.zeros(N_JOINTS, bool)
    for name, column in (("points", points), ("exists", exists), ("occluded", occluded)):
        for joint, value in stated.pop(name, {}).items():
            column[INDEX[joint]] = _held(value)
    singles = {name: _held(value) for name, value in stated.items()}
    frame = singles.pop("frame_id", "")
    picture = pictures.get(frame, "")
    return Hand(entry.id, frame, points, exists, occluded, image=picture, **singles)


def merged(patches: Iterable[tuple[str, Sequence[Entry]]]) -> list[Entry]:
    """The entries of patches for one base as a single patch.

    Args:
        patches: file name and entries of each.

    Raises:
        InputError: two patches touch the same field of a hand, or one removes what the other changes; names them.
    """
    whole: dict[str, tuple[str, Entry]] = {}
    conflicts: dict[tuple[str, str], list[str]] = {}
    for file, entries in patches:
        for entry in entries:
            if entry.id not in whole:
                whole[entry.id] = file, entry
            elif together := _together(whole[entry.id][1], entry):
                whole[entry.id] = file, together
            else:
                conflicts.setdefault((whole[entry.id][0], file), []).append(entry.id)
    for (one, other), ids in conflicts.items():
        raise InputError(
            f"conflicts with {one} in {len(ids)} hands: {shorten(ids)}",
            where=other,
            next_step="apply one of them, and make the other anew against its result with: hint-build diff",
        )
    return sorted((entry for _, entry in whole.values()), key=lambda entry: entry.id)


def _together(one: Entry, other: Entry) -> Entry | None:
    """Both changes of a hand as one, or None where they touch the same."""
    if one.action != "change" or other.action != "change":
        return None
    old, new = dict(one.old), dict(one.new)
    for name in other.new:
        if name not in new:
            old[name], new[name] = other.old[name], other.new[name]
        elif name in _BY_JOINT and new[name].keys().isdisjoint(other.new[name]):
            old[name], new[name] = old[name] | other.old[name], new[name] | other.new[name]
        else:
            return None
    return Entry("change", one.id, old, new)
