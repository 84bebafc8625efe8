"""`hint-build diff` and `patch`: versions that one can compare and correct (docs/versions.md)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, force_option, json_option
from hint_toolkit.cli._output import emit, log, show_issues, table

_SHOWN = 5  # values of one column of provenance


def add_versions_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    for command in (diff, patch):
        group.add_command(command)


@click.command()
@click.argument("old", type=PATH, metavar="A")
@click.argument("new", type=PATH, metavar="B")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, help="How many of the largest moves.")
@click.option("--out", type=PATH, default=None, help="Write errata here that turn A into B.")
@click.option("--reason", default="", help="With --out: why the hands were changed.")
@click.option("--who", default="", help="With --out: who decided.")
@click.option("--link", default="", help="With --out: where it was discussed.")
@click.option("--provenance", is_flag=True, help="With --out: also licence, split, annotator and the like.")
@click.option("--fail-if-different", is_flag=True, help="Exit with 4 if A and B are not the same version.")
@json_option
def diff(old: Path, new: Path, top: int, out: Path | None, fail_if_different: bool, as_json: bool, **said: Any) -> int:
    """Say what differs between two datasets: hands removed, added, renamed, changed, and by how much.

    A and B are datasets of any format that is read here. Exits with 0 whether they differ or not.

    \b
    Example:
      hint-build diff hint/releases/v1 hint/releases/v2
      hint-build diff hint/releases/v1 corrected --out errata.json --reason "thumb and index exchanged" --who ann
    """
    from hint_toolkit.flows.versions import diff_datasets, make_errata
    from hint_toolkit.io.errata import write_errata

    if out is None and any(said.values()):
        raise click.UsageError("--reason, --who, --link and --provenance describe errata; add --out FILE")
    difference = diff_datasets(old, new)
    if out is not None:
        errata = make_errata(difference, **said)
        write_errata(out, errata)
        log(f"{len(errata.entries)} entries written to {out}; apply with: hint-build patch {old} --errata {out}")
    value = difference.to_dict(None if as_json else top)
    emit(value, "" if as_json else _text(value, top), as_json)
    return 4 if fail_if_different and not difference.same else 0


@click.command()
@click.argument("dataset", type=PATH)
@click.option("--errata", "errata", type=PATH, multiple=True, required=True, help="Repeatable, in their order.")
@click.option("--out", type=PATH, required=True, help="Folder to write.")
@click.option("--format", "formats", multiple=True, default=("parquet", "hint"), show_default=True, help="Repeatable: "
              "the formats of hint-build export.")  # fmt: skip
@click.option("--force-base", is_flag=True, help="Apply to another version, wherever the old values match.")
@click.option("--no-pictures", is_flag=True, help="Annotations only.")
@click.option("--i-have-license", is_flag=True, help="Also pictures that may not be passed on (Ego4D); is recorded.")
@force_option
@json_option
def patch(
    dataset: Path, errata: tuple[Path, ...], out: Path, formats: tuple[str, ...], force_base: bool,
    no_pictures: bool, i_have_license: bool, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Write a dataset with errata applied: all of them, or nothing.

    \b
    Example:
      hint-build patch hint/releases/v1 --errata errata.json --out hint/releases/v2
    """
    from hint_toolkit.export.base import ExportOptions
    from hint_toolkit.flows.release import Rules
    from hint_toolkit.flows.versions import apply_errata

    how: dict[str, Any] = {"options": ExportOptions(pictures=not no_pictures), "rules": Rules(licensed=i_have_license)}
    report = apply_errata(dataset, errata, out, formats=formats, force_base=force_base, force=force, **how)
    release = report.release
    value = {"path": str(release.path), "base": report.base, "content": release.content, "hands": release.hands}
    value |= {"applied": report.applied, "skipped": dict(report.skipped)}
    text = (
        f"{report.applied} entries applied: {report.base[:12]} -> {report.result[:12]}, {release.hands} hands in {out}"
    )
    emit(value | {"issues": [issue.to_dict() for issue in release.issues]}, text, as_json)
    show_issues(release.issues)
    return 3 if report.skipped else 0


def _text(value: Mapping[str, Any], top: int) -> str:
    counts, fields = value["counts"], value["fields"]
    rows = [
        (letter, one["version"][:12], one["hands"], one["format"], one["name"] + _lineage(one))
        for letter, one in (("A", value["old"]), ("B", value["new"]))
    ]
    blocks = [table(["", "version", "hands", "format", "name"], rows)]
    if value["same_content"]:
        blocks.append(f"the content is the same: {counts['same']} hands")
    else:
        said = ", ".join(f"{counts[name]} {name}" for name in ("removed", "added", "renamed", "changed", "same"))
        blocks.append(f"the content differs: {said}")
        names = ("removed", "added", "renamed", "changed")
        blocks.append(table(["folder", *names], [[f["folder"], *(f[n] for n in names)] for f in value["folders"]]))
    if counts["changed"]:
        blocks.append("\n".join(f"{name.replace('_', ' '):26}{n}" for name, n in fields.items()))
    if counts["renamed"]:
        blocks.append(_renamed_text(value["renamed"], top))
    if value["moves"]:
        blocks.append(_moves_text(value["moves"], fields["joints_moved"]))
    blocks.append(_provenance_text(value["provenance"]))
    return "\n\n".join(blocks)


def _lineage(one: Mapping[str, Any]) -> str:
    return f" ({one['base'][:12]} + {len(one['errata'])} errata)" if "errata" in one else ""


def _renamed_text(renamed: list[dict[str, str]], top: int) -> str:
    head = f"renamed: the same hand under another folder or side ({min(top, len(renamed))} of {len(renamed)})"
    return "\n".join([head, *(f"  {one['from']} -> {one['to']}" for one in renamed[:top])])


def _moves_text(shown: list[dict[str, Any]], moved: int) -> str:
    rows = [
        (one["id"], one["joint"], _point(one["from"]), _point(one["to"]), _number(one["px"]), _number(one["percent"]))
        for one in shown
    ]
    head = f"largest moves ({len(shown)} of {moved} joints); % of the longer side of the old box"
    return head + "\n" + table(["hand", "joint", "from", "to", "px", "%"], rows)


def _point(point: list[float | None]) -> str:
    return "unknown" if None in point else f"{point[0]:.2f}, {point[1]:.2f}"


def _number(value: float | None) -> str:
    """Two decimals, or two digits of what is smaller; aligned by hand, because some are n/a."""
    return ("n/a" if value is None else f"{value:.2f}" if value >= 0.01 else f"{value:.1e}").rjust(8)


def _provenance_text(provenance: Mapping[str, Any]) -> str:
    if not provenance:
        return "provenance is the same"
    lines = ["provenance of hands in both, no part of the version:"]
    for name, one in provenance.items():
        values = [f"{v['from']!r} -> {v['to']!r}: {v['hands']}" for v in one.get("values", [])]
        more = f"; and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        told = "  (" + "; ".join(values[:_SHOWN]) + more + ")" if values else ""
        lines.append(f"  {name:16}{one['hands']} hands{told}")
    return "\n".join(lines)
