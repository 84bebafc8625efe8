"""Errata: a JSON file that says how one version of a dataset becomes the next, hand by hand (docs/versions.md).

Numbers stand as the shortest text that gives the same float64 back, so a patch is exact. One line an entry: a patch
reads well in version control, and is read and written without holding its text in memory.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.issues import Issues
from hint_toolkit.joints import INDEX, SIDES
from hint_toolkit.records import STATES, Hand

SCHEMA: Final = "hint-errata/1"
ACTIONS: Final = ("add", "change", "remove")
CONTENT: Final = ("side", "box", "points", "exists", "occluded")
"""Columns that the version is made of, together with the id."""
PROVENANCE: Final = tuple(
    f.name
    for f in fields(Hand)
    if f.type in (str, float, int, bool) and f.name not in ("id", "side", "image", "original", "annotator")
)
"""Single values of a hand beside its content. `image` belongs to a folder and `original` to a file, not to a hand; who
annotated is nobody's business, and a patch is made to be published."""
_TYPES: Final = {f.name: f.type for f in fields(Hand)}
_VERSION = re.compile(r"[0-9a-f]{64}")
_DOCS = "see docs/versions.md"


@dataclass(frozen=True)
class Entry:
    """What happens to one hand.

    Attributes:
        action: one of `ACTIONS`.
        id: of the hand in the base; of the new hand for "add".
        old: what the base must say: the changed fields, or `{"sha256": ..}` of the hand that goes.
        new: the same fields afterwards; the whole hand for "add", where joints that are not named have neither
            point nor flag. `points`, `exists` and `occluded` are keyed by joint; null is a number that is not known.
        reason: why.
        who: who decided.
        link: where it was discussed.
    """

    action: str
    id: str
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    who: str = ""
    link: str = ""


@dataclass(frozen=True)
class Errata:
    """A patch from one version to another.

    Attributes:
        base: content hash of the dataset that it is for.
        result: content hash that it leads to.
        entries: in the order of their ids, each id once.
        reason: of every entry that states none.
        who: likewise.
        link: likewise.
        name: of the file it was read from.
        sha256: of that file.
    """

    base: str
    result: str
    entries: tuple[Entry, ...]
    reason: str = ""
    who: str = ""
    link: str = ""
    name: str = ""
    sha256: str = ""


def write_errata(path: Path, errata: Errata) -> None:
    """Write a patch; the same patch gives the same bytes.

    Raises:
        ValueError: it holds an infinity or a NaN.
    """
    head = {"schema": SCHEMA, "base": errata.base, "result": errata.result}
    head |= {name: getattr(errata, name) for name in ("reason", "who", "link") if getattr(errata, name)}
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write("{\n" + "".join(f'"{name}": {_text(value)},\n' for name, value in head.items()) + '"entries": [')
        for k, entry in enumerate(sorted(errata.entries, key=lambda e: e.id)):
            handle.write(",\n" if k else "\n")
            handle.write(_text({f.name: v for f in fields(entry) if (v := getattr(entry, f.name))}))
        handle.write("\n]\n}\n")


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def read_errata(path: Path) -> Errata:
    """Read a patch and check that it can mean something; whether it fits a dataset is another question.

    Raises:
        InputError: no such file, not JSON, not errata, or entries that are not as described; names the first five.
    """
    head: dict[str, Any] = {}
    entries: tuple[Entry, ...] = ()
    issues = Issues()
    try:
        with path.open("rb") as handle:
            stream = JsonStream(handle)
            for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
                if key in head:
                    raise ValueError(f"{key!r} stands there twice")
                if key == "entries":
                    entries = tuple(_entries(stream.items(), path.name, issues))
                head[key] = None if key == "entries" else stream.value()
            stream.end()
    except OSError as error:
        raise InputError("cannot be read", where=str(path), why=str(error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON of errata", where=str(path), why=str(error), next_step=_DOCS) from error
    _check_head(head, path)
    issues.raise_errors(_DOCS)
    said = {name: head.get(name, "") for name in ("reason", "who", "link")}
    return Errata(head["base"], head["result"], entries, **said, name=path.name, sha256=stream.sha256)


def _check_head(head: Mapping[str, Any], path: Path) -> None:
    if head.get("schema") != SCHEMA:
        told = f"must be {SCHEMA!r}, got {_shown(head.get('schema'))}"
        raise InputError(told, where=f"{path} > schema", next_step="write it with: hint-build diff A B --out FILE")
    issues = Issues()
    for name in sorted(set(head) - {"schema", "base", "result", "reason", "who", "link", "entries"}):
        issues.error("is no field of errata", file=path.name, field=one_line(repr(name)))
    for name in ("base", "result"):
        if not (isinstance(head.get(name), str) and _VERSION.fullmatch(head[name])):
            issues.error("must be a version of 64 hex digits", file=path.name, field=name)
    for name in ("reason", "who", "link"):
        if not isinstance(head.get(name, ""), str):
            issues.error("must be a text", file=path.name, field=name)
    if "entries" not in head:
        issues.error("is missing", file=path.name, field="entries")
    issues.raise_errors(_DOCS)


def _entries(values: Iterable[Any], file: str, issues: Issues) -> Iterator[Entry]:
    seen: set[str] = set()
    for k, value in enumerate(values):
        name = value.get("id") if isinstance(value, dict) else None
        if not isinstance(name, str) or not name:
            issues.error("must be an object with the id of a hand", file=file, field=f"entry {k}")
            continue
        before = len(issues)
        for text, place in _complaints(value):
            issues.error(text, file=file, id=name, field=place)
        if name in seen:
            issues.error("has two entries", file=file, id=name)
        seen.add(name)
        if len(issues) == before:
            yield Entry(**value)


def _complaints(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with one entry: (text, field)."""
    unknown = sorted(set(value) - {f.name for f in fields(Entry)})
    if unknown:
        yield "is no field of an entry", unknown[0]
    for name in ("reason", "who", "link"):
        if not isinstance(value.get(name, ""), str):
            yield "must be a text", name
    old, new, action = value.get("old", {}), value.get("new", {}), value.get("action")
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield "must be an object", "old" if not isinstance(old, dict) else "new"
    elif action not in ACTIONS:
        yield f"must be one of {', '.join(ACTIONS)}, got {_shown(action)}", "action"
    else:
        yield from _values(old if action == "change" else {}, "old")
        yield from _values(new, "new")
        yield from _deeds(str(action), str(value["id"]), old, new)


def _deeds(action: str, hand_id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an action wants of old and new values."""
    if action == "remove":
        digest = old.get("sha256")
        if set(old) != {"sha256"} or new or not (isinstance(digest, str) and _VERSION.fullmatch(digest)):
            yield 'must be {"sha256": ..} of the hand alone', "old"
    elif action == "add":
        if old or not {"side", "box"} <= set(new) or "id" in new:
            yield "must be a whole hand with side and box, without old values", "new"
    elif _places(old) != _places(new) or not new:
        yield "must name the same fields and joints, at least one", "old and new"
    elif old.get("id", hand_id) != hand_id:
        yield "must be the id of the entry", "old > id"


def _places(values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Field and joint of everything that is stated."""
    stated: set[tuple[str, str]] = set()
    for name, value in values.items():
        stated |= {(name, joint) for joint in value} if isinstance(value, dict) else {(name, "")}
    return stated


def _values(values: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name in _JOINT_VALUES:
            if not isinstance(value, dict) or not value:
                yield "must be an object keyed by joint", f"{place} > {name}"
                continue
            wanted, fits = _JOINT_VALUES[name]
            for joint, one in value.items():
                if joint not in INDEX:
                    yield f"is no joint: {_shown(joint)}", f"{place} > {name}"
                elif not fits(one):
                    yield f"must be {wanted}, got {_shown(one)}", f"{place} > {name} > {joint}"
        elif not (known := _single(name)):
            yield f"is no field of a hand: {_shown(name)}", place
        elif not known[1](value):
            yield f"must be {known[0]}, got {_shown(value)}", f"{place} > {name}"


def _shown(value: Any) -> str:
    text = one_line(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: Any) -> bool:
    """A finite number, or null for one that is not known."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**53 if isinstance(value, int) else math.isfinite(value)


def _numbers(n: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) == n and all(map(_number, value))


_Rule = tuple[str, Callable[[Any], bool]]
_JOINT_VALUES: Final[dict[str, _Rule]] = {
    "points": ("[x, y]", _numbers(2)),
    "exists": ("true or false", lambda value: isinstance(value, bool)),
    "occluded": ("true or false", lambda value: isinstance(value, bool)),
}
_WORDS: Final[dict[str, _Rule]] = {
    "side": (f"one of {', '.join(SIDES)}", lambda value: value in SIDES),
    "state": (f"one of {', '.join(STATES)}", lambda value: value in STATES),
    "box": ("[x1, y1, x2, y2]", _numbers(4)),
    "id": ("a text", lambda value: isinstance(value, str) and bool(value)),
}
_BY_TYPE: Final[dict[Any, _Rule]] = {
    str: ("a text", lambda value: isinstance(value, str)),
    float: ("a number or null", _number),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool) and _number(value)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
}


def _single(name: str) -> _Rule | None:
    if name in _WORDS:
        return _WORDS[name]
    return _BY_TYPE[_TYPES[name]] if name in PROVENANCE else None


def lineage_of(path: Path, version: str) -> dict[str, Any]:
    """What a truth was patched from, as the manifest beside it says.

    Args:
        path: where the truth was read: a release folder, or a file or folder directly in one.
        version: content hash of what was read there.

    Returns:
        `{"base": version, "errata": [{"name", "sha256", ..}, ..]}`; {} for a truth that is no patched release, or only
        a part of one.
    """
    for folder in (path, path.parent):
        try:
            manifest = json.loads((folder / "release.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(manifest, dict) and manifest.get("content") == version:
            base, errata = manifest.get("base"), manifest.get("errata")
            return {"base": base, "errata": errata} if isinstance(base, str) and isinstance(errata, list) else {}
    return {}
