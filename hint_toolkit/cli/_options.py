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


def output_options(command: Command) -> Command:
    """`--json` and `--quiet`."""
    return json_option(quiet_option(command))
