"""`hint-build`: from videos to a released dataset.

hint-build sample --source folder --videos DIR
hint-build prelabel --detector mediapipe
hint-build server    (another terminal: hint-build push, correct in the browser, hint-build pull)
hint-build export
"""

import sys
from pathlib import Path

import click

from hint_toolkit import __version__
from hint_toolkit.cli._adjudicate import add_adjudicate_commands
from hint_toolkit.cli._doctor import add_doctor_commands
from hint_toolkit.cli._export import add_export_commands
from hint_toolkit.cli._inspect import add_inspect_commands
from hint_toolkit.cli._labelling import add_labelling_commands
from hint_toolkit.cli._main import run
from hint_toolkit.cli._next import add_next_commands
from hint_toolkit.cli._occlusion import add_occlusion_commands
from hint_toolkit.cli._options import json_option, workspace_option
from hint_toolkit.cli._output import emit, table
from hint_toolkit.cli._prelabel import add_prelabel_commands
from hint_toolkit.cli._pull import add_pull_commands
from hint_toolkit.cli._push import add_push_commands
from hint_toolkit.cli._quality import add_quality_commands
from hint_toolkit.cli._restore import add_restore_commands
from hint_toolkit.cli._sample import add_sample_commands
from hint_toolkit.cli._sources import add_sources_commands
from hint_toolkit.cli._splits import add_splits_commands
from hint_toolkit.cli._stats import add_stats_commands
from hint_toolkit.cli._suspects import add_suspects_commands
from hint_toolkit.cli._versions import add_versions_commands
from hint_toolkit.cli._weights import add_weights_commands


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hint-build")
def cli() -> None:
    """Make a dataset of hands with 21 keypoints and per-joint occlusion out of videos."""


@cli.command()
@workspace_option
@json_option
def status(workspace: Path, as_json: bool) -> int:
    """Say what the workspace holds, and what comes next.

    \b
    Example:
      hint-build status --workspace hint
    """
    from hint_toolkit.flows.status import status as read_status
    from hint_toolkit.workspace import Workspace

    rows = read_status(Workspace(workspace))
    shown = [(row.stage, "done" if row.done else "open", row.detail) for row in rows]
    emit({"stages": [row.to_dict() for row in rows]}, table(["stage", "state", "detail"], shown), as_json)
    return 0


add_sources_commands(cli)
add_doctor_commands(cli)
add_sample_commands(cli)
add_restore_commands(cli)
add_prelabel_commands(cli)
add_export_commands(cli)
add_labelling_commands(cli)
add_push_commands(cli)
add_pull_commands(cli)
add_splits_commands(cli)
add_next_commands(cli)
add_suspects_commands(cli)
add_quality_commands(cli)
add_adjudicate_commands(cli)
add_occlusion_commands(cli)
add_inspect_commands(cli)
add_stats_commands(cli)
add_versions_commands(cli)
add_weights_commands(cli)


def main() -> None:
    """Entry point of `hint-build`."""
    sys.exit(run(cli, "hint-build"))
