"""How the commands reach Label Studio: address and token, never by an option that others can see."""

import os
import sys
from pathlib import Path

import click

KEY, PASSWORD, URL = "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_URL"
NEW_KEY = f'export {KEY}=$(python3 -c "import secrets; print(secrets.token_hex(20))")'

project_option = click.option("--project", default="hint", show_default=True, help="Title of the Label Studio project.")
url_option = click.option(
    "--url", envvar=URL, default=None, help="Of the Label Studio server.  [default: the one this workspace started]"
)


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
