"""`hint-build pull`: what people decided comes back."""

from pathlib import Path

import click

from hint_toolkit.cli._options import output_options, workspace_option
from hint_toolkit.cli._output import emit, progress, show_issues
from hint_toolkit.cli._server import KEY, project_option, secret, server_url, url_option


@click.command()
@project_option
@url_option
@click.option("--all", "everything", is_flag=True, help="Fetch all tasks again, not only those that changed.")
@workspace_option
@output_options
def pull(project: str, url: str | None, everything: bool, workspace: Path, as_json: bool, quiet: bool) -> int:
    """Bring the corrected hands back, with annotator, seconds and the pre-label they started from.

    \b
    Example:
      hint-build pull --project kitchen
    """
    from dataclasses import asdict

    from hint_toolkit.flows.pull import pull as run_pull
    from hint_toolkit.flows.pull import pull_text
    from hint_toolkit.labelstudio.client import LabelStudioClient
    from hint_toolkit.workspace import Workspace

    key = secret(KEY, f"export {KEY}=.. with the token of the server's user")
    with LabelStudioClient(server_url(url, workspace), key) as client, progress("pull", "tasks", quiet) as bar:
        report = run_pull(Workspace(workspace), client, title=project, everything=everything, progress=bar)
    value = asdict(report) | {"issues": [issue.to_dict() for issue in report.issues]}
    emit(value, pull_text(report), as_json)
    show_issues(report.issues)
    return 3 if report.issues.errors else 0


def add_pull_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(pull)
