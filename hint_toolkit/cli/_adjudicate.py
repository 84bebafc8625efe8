"""`hint-build adjudicate`: what annotators disagree about goes to somebody who decides."""

from pathlib import Path

import click

from hint_toolkit.cli._options import output_options, workspace_option
from hint_toolkit.cli._output import emit, progress
from hint_toolkit.cli._server import KEY, picture_options, project_option, secret, server_url, url_option


@click.command()
@click.option(
    "--far", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Of the hand's size: a dispute."
)
@click.option("--flags", type=click.IntRange(1, 21), default=4, show_default=True, help="Differing flags: a dispute.")
@click.option("--count", type=click.IntRange(1), default=None, help="Only so many, the worst first.")
@project_option
@url_option
@picture_options
@workspace_option
@output_options
def adjudicate(
    far: float,
    flags: int,
    count: int | None,
    project: str,
    url: str | None,
    workspace: Path,
    as_json: bool,
    quiet: bool,
    **place: str,
) -> int:
    """Send the hands that annotators disagree about to "<project> (adjudicate)", their answers side by side.

    Pass the --pictures of push, where it had any. The decision comes back with hint-build pull; it ends the
    dispute, and hint-build consensus takes it.

    \b
    Example:
      hint-build adjudicate --project kitchen --count 50
    """
    from dataclasses import asdict

    from hint_toolkit.flows.adjudicate import adjudicate as run_adjudicate
    from hint_toolkit.flows.push import push_text
    from hint_toolkit.flows.push_options import pictures_of
    from hint_toolkit.labelstudio.client import LabelStudioClient
    from hint_toolkit.workspace import Workspace

    work = Workspace(workspace)
    pictures = pictures_of(place["pictures"], work, s3=place["s3"], server_folder=place["server_folder"])
    key = secret(KEY, f"export {KEY}=.. with the token of the server's user")
    with LabelStudioClient(server_url(url, workspace), key) as client, progress("push", "tasks", quiet) as bar:
        report = run_adjudicate(
            work, client, title=project, far=far, flags=flags, most=count, pictures=pictures, progress=bar
        )
    text = f"{len(report.disputes)} hands in dispute"
    if report.push is not None:
        text += f", {report.pushed} of them in {project!r} (adjudicate): {push_text(report.push)}"
    value = {"disputes": [one.hint_id for one in report.disputes], "pushed": report.pushed}
    emit(value | {"push": asdict(report.push) if report.push else None}, text, as_json)
    return 0


def add_adjudicate_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(adjudicate)
