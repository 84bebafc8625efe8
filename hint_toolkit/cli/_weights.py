"""`hint-build weights`: which weights are here, which are missing, and where to get them (docs/weights.md)."""

from typing import TYPE_CHECKING, Any

import click

from hint_toolkit.cli._options import json_option
from hint_toolkit.cli._output import emit, table

if TYPE_CHECKING:
    from hint_toolkit.sources.weights import State


@click.command()
@click.option("--verify", is_flag=True, help="Read every file and compare its sha256 with the known one.")
@click.option("--need", default="", metavar="NAMES", help="Exit with 3 if one of these is missing, e.g. hamer,mano.")
@json_option
def weights(verify: bool, need: str, as_json: bool) -> int:
    """Show which weights are here, which are missing, under which licence they stand and where to get them.

    Nothing is downloaded. With --verify and --need, a file with another content than the known one counts as missing.

    \b
    Example:
      hint-build weights --verify
      hint-build weights --need hamer,mano
    """
    from hint_toolkit.sources.weights import report, weights_folder

    names = [name.strip() for name in need.split(",") if name.strip()]
    states = report(verify=verify)
    lacking = [one for one in report(names) if not one.there] if names else []
    wrong = [one for one in states if one.name in names and one.check == "differs"]
    value = {"folder": str(weights_folder()), "files": [_plain(one) for one in states]}
    emit(value, _text(states, str(weights_folder()), verify), as_json)
    return 3 if lacking or wrong else 0


def _plain(state: "State") -> dict[str, Any]:
    from dataclasses import asdict

    from hint_toolkit.sources.weights import WEIGHTS

    one = WEIGHTS[state.name]
    about = {"licence": one.licence, "url": one.url, "how": one.how, "variable": one.variable}
    return asdict(state) | {"path": str(state.path)} | about


def _text(states: "list[State]", folder: str, verify: bool) -> str:
    """A row a file, then how to get what is missing."""
    from hint_toolkit.sources.weights import WEIGHTS

    rows = [
        (one.name, one.path.name, "there" if one.there else "missing", _size(one.bytes), _check(one, verify), one.path)
        for one in states
    ]
    lines = [f"weights folder: {folder}", "", table(["weights", "file", "state", "size", "sha256", "path"], rows)]
    for name, one in WEIGHTS.items():
        missing = any(state.name == name and not state.there for state in states)
        get = f"\n  get it: {one.how}\n  or set {one.variable} to the file; more: {one.url}" if missing else ""
        lines += ["", f"{name}: {one.what}\n  licence: {one.licence}{get}"]
    return "\n".join(lines)


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B" if count else ""


def _check(state: "State", verify: bool) -> str:
    """What the hash says; the file's own where it is not the known one."""
    if not verify or not state.there:
        return ""
    return "as known" if state.check == "ok" else f"{state.check}: {state.sha256}"


def add_weights_commands(group: click.Group) -> None:
    """Put the command into `hint-build`."""
    group.add_command(weights)
