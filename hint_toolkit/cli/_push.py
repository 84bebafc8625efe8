"""`hint-build push`: hands go to Label Studio."""

from pathlib import Path

import click

from hint_toolkit.cli._options import output_options, workspace_option
from hint_toolkit.cli._output import emit, progress
from hint_toolkit.cli._server import KEY, project_option, secret, server_url, url_option


@click.command()
@project_option
@url_option
@workspace_option
@output_options
def push(project: str, url: str | None, workspace: Path, as_json: bool, quiet: bool) -> int:
    """Send hands with their pre-labels to Label Studio; what is there already is not sent twice.

    \b
    Example:
      hint-build push --project kitchen
    """
    from dataclasses import asdict

    from hint_toolkit.flows.push import push as run_push
    from hint_toolkit.flows.push import push_text
    from hint_toolkit.labelstudio.client import LabelStudioClient
    from hint_toolkit.workspace import Workspace

    key = secret(KEY, f"export {KEY}=.. with the token of the server's user")
    with LabelStudioClient(server_url(url, workspace), key) as client, progress("push", "tasks", quiet) as bar:
        report = run_push(Workspace(workspace), client, title=project, progress=bar)
    emit(asdict(report), push_text(report), as_json)
    return 0


def add_push_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(push)
