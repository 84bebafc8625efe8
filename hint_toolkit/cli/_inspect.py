"""`hint-build check`: every contradiction in a dataset, with its place."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hint_toolkit.cli._options import PATH, output_options, workspace_option
from hint_toolkit.cli._output import emit, log, progress, table
from hint_toolkit.quality.codes import KINDS

if TYPE_CHECKING:
    from hint_toolkit.flows.inspect import Inspected

_PLACES = 5
_CODE = click.Choice(list(KINDS))


def add_inspect_commands(group: click.Group) -> None:
    """Register `check`."""
    group.add_command(check)


@click.command()
@click.argument("path", type=PATH, required=False)
@click.option("--decode", is_flag=True, help="Decode every picture fully (slow; needs OpenCV).")
@click.option("--only", multiple=True, type=_CODE, metavar="CODE", help="Only this kind of finding. Repeatable.")
@click.option("--ignore", multiple=True, type=_CODE, metavar="CODE", help="Leave this kind out. Repeatable.")
@workspace_option
@output_options
def check(
    path: Path | None, decode: bool, only: tuple[str, ...], ignore: tuple[str, ...], workspace: Path, as_json: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Name every contradiction in a dataset: labels, flags, boxes, names, pictures, files.

    PATH holds HInt's folders, a release, or any other format that is read here; without it, the latest release of
    the workspace is checked. Changes nothing. docs/check.md explains every code. Exits with 0 when there are no
    errors (warnings may be there), 2 when there are. A file of predictions is checked by: hint-eval check

    \b
    Example:
      hint-build check HInt_annotation_partial --ignore json-without-jpg
    """
    from hint_toolkit.flows.inspect import inspect, latest

    chosen = path or latest(workspace)
    if path is None and not quiet:
        log(f"release: {chosen}")
    with progress("check", "hands", quiet) as bar:
        found = inspect(chosen, decode=decode, only=only, ignore=ignore, progress=bar)
    emit(found.to_dict(), _text(found), as_json)
    return found.exit_code


def _text(found: "Inspected") -> str:
    """A table with a line a code, then the first places of each."""
    places: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for finding in found.findings:
        texts.setdefault(finding.code, finding.text)
        listed = places.setdefault(finding.code, [])
        if len(listed) < _PLACES:
            listed.append(finding.place)
    rows = [(code, KINDS[code].level, count) for code, count in found.counts.items()]
    lines = [f"{found.path}: {found.format}, {found.hands} hands (version {found.version[:12]})"]
    if not rows:
        return f"{lines[0]}\nnothing found"
    lines += ["", table(["code", "level", "count"], rows)]
    for (
        code,
        count,
    ) in found.counts.items():
        more = f"\n  and {count - _PLACES} more; --json shows all" if count > _PLACES else ""
        lines += ["", f"{code}: {KINDS[code].meaning}; {KINDS[code].remedy}"]
        lines.append(f"  e.g. {texts[code]}\n  " + "\n  ".join(places[code]) + more)
    return "\n".join([*lines, "", f"{found.errors} errors, {len(found.findings) - found.errors} warnings"])
