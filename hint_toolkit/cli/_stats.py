"""`hint-build stats`: what a dataset holds, in tables and figures (docs/stats.md)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, json_option, workspace_option
from hint_toolkit.cli._output import emit, log, show_issues, table


@click.command()
@click.argument("path", type=PATH, required=False)
@click.option("--out", type=PATH, default=None, help="Folder for a page, a PNG a figure, and the numbers as JSON.")
@workspace_option
@json_option
def stats(path: Path | None, out: Path | None, workspace: Path, as_json: bool) -> int:
    """Count what a dataset holds: sources, sides, occlusion, sizes, duplicates, annotators, licences.

    PATH is any dataset that is read here, or a workspace; without it, the workspace's annotations, else its latest
    release.

    \b
    Example:
      hint-build stats hint/releases/v1 --out stats
    """
    from hint_toolkit.flows.stats import dataset_stats
    from hint_toolkit.workspace import Workspace

    result, issues = dataset_stats(path, Workspace(workspace))
    if out is not None:
        from hint_toolkit.flows.report.dataset_page import write_stats

        written = write_stats(result, out)
        log(f"{len(written)} files in {out}; begin with {written[-1]}")
    emit(result | {"issues": [issue.to_dict() for issue in issues]}, "" if as_json else _text(result), as_json)
    show_issues(issues)
    return 3 if issues.errors else 0


def _text(result: Mapping[str, Any]) -> str:
    from hint_toolkit.flows.report.dataset_tables import blocks, facts, warning

    lines = [f"{name:<15} {text}" for name, text in facts(result)]
    parts = ["\n".join([*lines, *([told] if (told := warning(result)) else [])])]
    for block in blocks(result):
        lines = [block.title, table(block.head, block.rows) if block.rows else "n/a", *block.notes]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def add_stats_commands(group: click.Group) -> None:
    """Put the command into `hint-build`."""
    group.add_command(stats)
