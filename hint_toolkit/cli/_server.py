"""How the commands reach Label Studio: address and token, never by an option that others can see."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

KEY, PASSWORD, URL = "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_URL"
NEW_KEY = f'export {KEY}=$(python3 -c "import secrets; print(secrets.token_hex(20))")'

project_option = click.option("--project", default="hint", show_default=True, help="Title of the Label Studio project.")
url_option = click.option(
    "--url", envvar=URL, default=None, help="Of the Label Studio server.  [default: the one this workspace started]"
)

_PICTURES = (
    click.option(
        "--pictures",
        type=click.Choice(["local", "upload", "s3"]),
        default="local",
        show_default=True,
        help="Where the server takes them from.",
    ),
    click.option("--s3", default="", help="s3://bucket/prefix for --pictures s3."),
    click.option("--server-folder", default="", help="The tasks/crops folder as the server sees it.  [default: same]"),
)


def picture_options(command: Any) -> Any:
    """Where the server takes a task's pictures from: for `flows.push_options.pictures_of`."""
    for option in reversed(_PICTURES):
        command = option(command)
    return command


def secret(name: str, next_step: str, prompt: str | None = None) -> str:
    """A secret from the environment, or from the terminal where a person sits there; never from an option."""
    from hint_toolkit.errors import InputError

    if value := os.environ.get(name):
        return value
    if prompt and sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    raise InputError(f"{name} is not set", next_step=next_step)


def server_url(url: str | None, workspace: Path) -> str:
    """The given address, or that of the server which this workspace started."""
    from hint_toolkit.errors import InputError
    from hint_toolkit.labelstudio.server import read_state
    from hint_toolkit.workspace import Workspace

    state = None if url else read_state(Workspace(workspace).server_folder)
    if not url and state is None:
        raise InputError(
            "no Label Studio server runs for this workspace",
            where=str(workspace),
            next_step=f"run hint-build server in another terminal, or set {URL}",
        )
    return url or (state.url if state else "")


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """A kill, or a terminal that is closed, ends like ctrl+c: what was started here does not outlive us.

    What is ignored already stays so: `nohup` wants it to go on.
    """
    named = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    signs = [sign for sign in dict.fromkeys(named) if signal.getsignal(sign) != signal.SIG_IGN]
    before = [signal.signal(sign, signal.default_int_handler) for sign in signs]
    try:
        yield
    finally:
        for sign, old in zip(signs, before, strict=True):
            signal.signal(sign, old)
