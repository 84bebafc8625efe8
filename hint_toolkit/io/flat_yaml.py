"""The part of YAML that YOLO's data files use, so that reading them needs no YAML library.

Top-level keys with a text, a number, a list (`[a, b]`, over several lines, or `- a` lines) or a mapping of one level
(`0: left_hand` lines, or `{0: left_hand}`). Anchors, tags, deeper levels and block texts (`download: |`) are passed
over.
"""

import re
from typing import Any

_KEY = re.compile(r"(?P<key>[^\s:#'\"\[{-][^:]*?|'[^']*'|\"[^\"]*\"):(?:\s+(?P<rest>.*))?$")
_COMMENT = re.compile(r"""((?:[^'"#]|'[^']*'|"[^"]*"|(?<=\S)\#)*)\#?.*""")


def read_flat_yaml(text: str) -> dict[str, Any]:
    """The top-level keys; texts without their quotes, whole numbers as int, lists and mappings of such.

    Raises:
        ValueError: a line at the top level is no `key: value`; says which.
    """
    found: dict[str, Any] = {}
    key, lines = "", iter(enumerate(text.removeprefix("\ufeff").splitlines(), 1))
    for number, raw in lines:
        line = _plain(raw)
        if not line.strip() or line.strip() in ("---", "..."):
            continue
        if line[0] in " \t-" and key:
            _add(found, key, line.strip())
            continue
        match = _KEY.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is no 'key: value'")
        key, rest = str(_scalar(match["key"])), (match["rest"] or "").strip()
        while rest.startswith("[") and not rest.endswith("]"):
            number, raw = next(lines, (0, "]"))
            rest += f" {_plain(raw).strip()}"
        found[key] = _value(rest)
    return found


def _plain(line: str) -> str:
    """The line without its comment and the blanks at its end."""
    match = _COMMENT.fullmatch(line)
    return (match[1] if match else line).rstrip()


def _value(rest: str) -> Any:
    if rest.startswith("[") and rest.endswith("]"):
        return [_scalar(part) for part in rest[1:-1].split(",") if part.strip()]
    if rest.startswith("{") and rest.endswith("}"):
        pairs = (part.partition(":") for part in rest[1:-1].split(","))
        return {_scalar(key): _scalar(value) for key, _, value in pairs if key.strip()}
    return _scalar(rest) if rest else None


def _add(found: dict[str, Any], key: str, line: str) -> None:
    """Put an indented line to the key before it."""
    if line.startswith("- "):
        if found[key] is None:
            found[key] = []
        if isinstance(found[key], list):
            found[key].append(_scalar(line[2:]))
        return
    match = _KEY.fullmatch(line)
    if match and match["rest"]:
        if found[key] is None:
            found[key] = {}
        if isinstance(found[key], dict):
            found[key][_scalar(match["key"])] = _scalar(match["rest"])


def _scalar(text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text
