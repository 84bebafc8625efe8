"""`hint-build splits`: leaks between TRAIN, VAL and TEST."""

from pathlib import Path

import click

from hint_toolkit.cli._options import PATH, output_options, truth_path
from hint_toolkit.cli._output import emit, progress, show_issues, table


def add_splits_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(splits)


@click.command()
@click.argument("path", type=PATH, required=False)
@click.option(
    "--check/--no-check", default=True, show_default=True, help="Exit with 2 when two splits share something."
)
@click.option("--by", type=click.Choice(["video", "participant"]), default="video", show_default=True, help="Group.")
@click.option("--groups", type=PATH, default=None, help="CSV with video_id,group, e.g. Ego4D clips and their videos.")
@click.option("--no-pictures", is_flag=True, help="Compare names only, not the pictures.")
@output_options
def splits(
    path: Path | None, check: bool, by: str, groups: Path | None, no_pictures: bool, as_json: bool, quiet: bool
) -> int:
    """Report every video, participant or near-duplicate picture that stands in two splits.

    \b
    Example:
      hint-build splits --check HInt_annotation --by participant
    """
    from typing import cast

    from hint_toolkit.flows.splits import check_splits
    from hint_toolkit.sampling.groups import By

    path = truth_path(path, quiet)
    with progress("compare", "pictures", quiet) as bar:
        report = check_splits(path, by=cast(By, by), groups=groups, pictures=not no_pictures, progress=bar)
    rows = [(split, report.groups[split], hands) for split, hands in report.hands.items()]
    leaks = f"{len(report.parted)} groups and {len(report.duplicates)} pairs of pictures stand in two splits"
    emit(report.to_dict(), f"{table(['split', 'groups', 'hands'], rows)}\n\n{leaks}", as_json)
    show_issues(report.issues)
    return 2 if check and report.issues.errors else 0
