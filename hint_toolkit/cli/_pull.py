"""`hint-build pull`: what people decided comes back."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import output_options, workspace_option
from hint_toolkit.cli._output import emit, log, progress, show_issues
from hint_toolkit.cli._server import KEY, project_option, secret, server_url, url_option


@click.command()
@project_option
@url_option
@click.option("--all", "everything", is_flag=True, help="Fetch all tasks again, not only those that changed.")
@click.option("--listen", is_flag=True, help="Go on pulling as people submit, until ctrl+c.")
@click.option("--host", default="127.0.0.1", show_default=True, help="--listen: this machine, as the server calls it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="--listen: 0 is any free one."
)
@click.option(
    "--every", type=click.FloatRange(1), default=60, show_default=True, help="--listen: seconds between looks."
)
@workspace_option
@output_options
def pull(project: str, url: str | None, workspace: Path, as_json: bool, quiet: bool, **wish: Any) -> int:
    """Bring the corrected hands back, with annotator, seconds and the pre-label they started from.

    \b
    Example:
      hint-build pull --project kitchen
      hint-build pull --project kitchen --listen --every 30
    """
    from hint_toolkit.flows.pull import pull as run_pull
    from hint_toolkit.labelstudio.client import LabelStudioClient
    from hint_toolkit.workspace import Workspace

    key, place = secret(KEY, f"export {KEY}=.. with the token of the server's user"), Workspace(workspace)
    with LabelStudioClient(server_url(url, workspace), key) as client:
        if wish["listen"]:
            return _listen(place, client, project, wish, as_json)
        with progress("pull", "tasks", quiet) as bar:
            report = run_pull(place, client, title=project, everything=wish["everything"], progress=bar)
    _show(report, as_json)
    return 3 if report.issues.errors else 0


def _show(report: Any, as_json: bool) -> None:
    from dataclasses import asdict

    from hint_toolkit.flows.pull import pull_text

    value = asdict(report) | {"issues": [issue.to_dict() for issue in report.issues]}
    emit(value, pull_text(report), as_json)
    show_issues(report.issues)


def _listen(workspace: Any, client: Any, title: str, wish: dict[str, Any], as_json: bool) -> int:
    """Until ctrl+c or a polite end; prints what is new."""
    import signal

    from hint_toolkit.flows.listen import listen

    last: list[Any] = []

    def pulled(report: Any) -> None:
        if not last or report.revisions or report.deleted or report.open_tasks != last[0].open_tasks:
            _show(report, as_json)
        last[:] = [report]

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ways = {name: wish[name] for name in ("host", "port", "every")}
        listen(workspace, client, title=title, pulled=pulled, say=log, **ways)
    except KeyboardInterrupt:
        log("no longer listening")
    finally:
        signal.signal(signal.SIGTERM, before)
    return 3 if last and last[0].issues.errors else 0


def add_pull_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(pull)
