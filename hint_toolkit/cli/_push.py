"""`hint-build push`: hands go to Label Studio."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, workspace_option
from hint_toolkit.cli._output import emit, progress
from hint_toolkit.cli._server import KEY, picture_options, project_option, secret, server_url, url_option

_SHARE = click.FloatRange(0, 1)
_CHOICES = (
    click.option("--overlap", type=click.IntRange(2), default=None, help="People who each answer the overlap sample."),
    click.option("--overlap-share", type=_SHARE, default=0.1, show_default=True, help="Of hands for that sample."),
    click.option("--blind-share", type=_SHARE, default=0.0, show_default=True, help="Of hands without a pre-label."),
    click.option("--gold", type=PATH, default=None, help="A truth of some of the hands; it stays on this machine."),
    click.option("--gold-share", type=_SHARE, default=1.0, show_default=True, help="Of them that become gold tasks."),
    click.option("--order", type=PATH, default=None, help="CSV from hint-build next: who comes first."),
)
_PLACES = (
    click.option("--view", type=click.Choice(["crop", "frame"]), default="crop", show_default=True, help="Shown part."),
    click.option("--bones", is_flag=True, help="A new project shows fingers as chains of lines."),
)


def _options(command: Any) -> Any:
    for option in reversed((*_CHOICES, *_PLACES)):
        command = option(command)
    return command


@click.command()
@project_option
@url_option
@_options
@picture_options
@seed_option
@workspace_option
@output_options
def push(project: str, url: str | None, workspace: Path, as_json: bool, quiet: bool, **wish: Any) -> int:
    """Send hands with their pre-labels to Label Studio; what is there already is not sent twice.

    What an earlier push chose (overlap, blind, gold) stays. Which hand is what is written to assignments.parquet and
    to nothing that annotators can see.

    \b
    Example:
      hint-build push --project kitchen
      hint-build push --project kitchen --overlap 3 --overlap-share 0.1 --blind-share 0.05 --order order.csv
    """
    from dataclasses import asdict

    from hint_toolkit.flows.push import push as run_push
    from hint_toolkit.flows.push import push_text
    from hint_toolkit.flows.push_options import pictures_of, read_order
    from hint_toolkit.labelstudio.client import LabelStudioClient
    from hint_toolkit.workspace import Workspace

    place = Workspace(workspace)
    options = {
        "shares": _shares(place, wish),
        "order": read_order(wish["order"]) if wish["order"] else None,
        "view": wish["view"],
        "bones": wish["bones"],
        "pictures": pictures_of(wish["pictures"], place, s3=wish["s3"], server_folder=wish["server_folder"]),
    }
    key = secret(KEY, f"export {KEY}=.. with the token of the server's user")
    with LabelStudioClient(server_url(url, workspace), key) as client, progress("push", "tasks", quiet) as bar:
        report = run_push(place, client, title=project, progress=bar, **options)
    emit(asdict(report), push_text(report), as_json)
    return 0


def _shares(workspace: Any, wish: dict[str, Any]) -> Any:
    from hint_toolkit.flows.push_options import gold_ids
    from hint_toolkit.flows.push_plan import Shares

    gold = gold_ids(wish["gold"], workspace.read_prelabels().id.tolist()) if wish["gold"] else frozenset()
    named = {name: wish[name] for name in ("seed", "overlap_share", "blind_share", "gold_share")}
    return Shares(overlap=wish["overlap"] or 0, gold=gold, **named)


def add_push_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(push)
