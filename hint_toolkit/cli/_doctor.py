"""`hint-build doctor`: is this installation fit, and the Label Studio that it works with."""

from pathlib import Path

import click

from hint_toolkit.cli._options import json_option, workspace_option
from hint_toolkit.cli._output import emit, table
from hint_toolkit.cli._server import KEY, NEW_KEY, project_option, secret, server_url, url_option


@click.command()
@click.option("--server", "look", is_flag=True, help="Also look at the Label Studio server and the project on it.")
@project_option
@url_option
@workspace_option
@json_option
def doctor(look: bool, project: str, url: str | None, workspace: Path, as_json: bool) -> int:
    """Check this installation; with --server also Label Studio: token, project, storage, a picture, a prediction, keys.

    \b
    Example:
      hint-build doctor
      hint-build doctor --server --project kitchen
    """
    from dataclasses import asdict

    from hint_toolkit.flows.doctor import Finding
    from hint_toolkit.flows.doctor import doctor as examine

    findings = examine()
    if look:
        from hint_toolkit.errors import InputError
        from hint_toolkit.flows.doctor_server import examine_server
        from hint_toolkit.labelstudio.client import LabelStudioClient

        try:
            key = secret(KEY, f"export the token of the server's user, or for a server of your own: {NEW_KEY}")
            address = server_url(url, workspace)
            findings += examine_server(lambda: LabelStudioClient(address, key), project, key)
        except InputError as error:  # what was found so far is worth a look all the same
            findings.append(Finding("server", "wrong", str(error)))
    rows = [(finding.what, finding.state, finding.detail) for finding in findings]
    emit({"findings": [asdict(finding) for finding in findings]}, table(["part", "state", "detail"], rows), as_json)
    return 2 if any(finding.state == "wrong" for finding in findings) else 0


def add_doctor_commands(group: click.Group) -> None:
    """Put the command into `hint-build`."""
    group.add_command(doctor)
