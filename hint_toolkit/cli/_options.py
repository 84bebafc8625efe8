"""Options that several commands share, each defined once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)

workspace_option = click.option(
    "--workspace",
    type=PATH,
    default=Path("hint"),
    show_default=True,
    envvar="HINT_WORKSPACE",
    help="Folder that all stages read and write.",
)
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Of every random choice.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
truth_option = click.option(
    "--gt",
    type=PATH,
    default=None,
    envvar="HINT_ROOT",
    help="Truth: a release folder, its hands.parquet, or HInt's folders.  [default: latest release of ./hint]",
)


def truth_path(gt: Path | None, quiet: bool, otherwise: str = "make one with: hint-build export") -> Path:
    """The truth given by `--gt`, or the latest release of the workspace `./hint`, which is then said on stderr.

    Raises:
        InputError: neither; `otherwise` is what could be done instead of passing `--gt`.
    """
    from hint_toolkit.errors import InputError
    from hint_toolkit.io.release import latest_release

    if gt is not None:
        return gt
    found = latest_release(Path("hint") / "releases")
    if found is None:
        raise InputError("no truth to score against", next_step=f"pass --gt RELEASE, or {otherwise}")
    if not quiet:
        click.echo(f"truth: {found}", err=True)
    return found


def output_options(command: Command) -> Command:
    """`--json` and `--quiet`."""
    return json_option(quiet_option(command))
