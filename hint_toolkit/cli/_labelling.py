"""The commands of `hint-build` that work with Label Studio, and the demo."""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import click

from hint_toolkit.cli._options import PATH, quiet_option, seed_option, workspace_option
from hint_toolkit.cli._output import Progress, log, progress, waiting
from hint_toolkit.cli._server import KEY, NEW_KEY, PASSWORD, ended_politely, secret


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="On 127.0.0.1; 0: any.")
@click.option("--username", default="annotator@hint-toolkit.invalid", show_default=True, help="E-mail to log in with.")
@click.option("--label-studio", type=PATH, default=None, help="The program.  [default: .venv-labelstudio, then PATH]")
@workspace_option
@quiet_option
def server(port: int, username: str, label_studio: Path | None, workspace: Path, quiet: bool) -> int:
    """Start Label Studio on this machine for this workspace; ctrl+c stops it.

    The password comes from LABEL_STUDIO_PASSWORD (or is asked for), the token from LABEL_STUDIO_API_KEY: the
    same ones at every start of a workspace.

    \b
    Example:
      export LABEL_STUDIO_API_KEY=$(python3 -c "import secrets; print(secrets.token_hex(20))")
      hint-build server
    """
    from hint_toolkit.labelstudio.server import Account, Server, find_label_studio
    from hint_toolkit.workspace import Workspace

    place = Workspace(workspace)
    program = find_label_studio(label_studio)
    key = secret(KEY, f"run: {NEW_KEY}  and keep it for later starts")
    password = secret(PASSWORD, f"run: export {PASSWORD}=..", "Password for the Label Studio page")
    running = Server(program, place.server_folder, place.served_folder, Account(username, password, key), port=port)
    with ended_politely():
        try:
            with waiting("server", "starting Label Studio (a minute or two the first time)", quiet) as bar:
                running.start(bar)
            click.echo(f"Label Studio: {running.url}  log in as {username}; ctrl+c stops it")
            sys.stdout.flush()
            return 0 if running.wait() == 0 else 1
        finally:
            running.stop()


@click.command("label-config")
@click.option("--out", type=PATH, default=None, help="Write to a file instead of stdout.")
@click.option("--bones", is_flag=True, help="The one of push --bones: fingers as chains of lines.")
def label_config(out: Path | None, bones: bool) -> int:
    """Print the labelling configuration that push gives to its project.

    \b
    Example:
      hint-build label-config --out annotation/label_config.xml
    """
    from hint_toolkit.io.atomic import write_text
    from hint_toolkit.labelstudio.config import label_config as make_config

    if out is None:
        click.echo(make_config(bones=bones), nl=False)
    else:
        write_text(out, make_config(bones=bones))
        log(f"written to {out}")
    return 0


class _Terminal:
    """The demo's console."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, text: str) -> None:
        log(text)

    def ask(self, text: str) -> None:
        click.prompt(text, default="", show_default=False, prompt_suffix=" ", err=True)

    def progress(self, label: str, unit: str) -> AbstractContextManager[Progress | None]:
        return progress(label.ljust(10), unit, self.quiet)

    def waiting(self, label: str, what: str) -> AbstractContextManager[Progress | None]:
        return waiting(label.ljust(10), what, self.quiet)


@click.command()
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder for everything it makes.")
@click.option("--videos", type=PATH, default=None, help="Your file or folder.  [default: synthetic clips]")
@click.option("--interactive", is_flag=True, help="Stop and let a person correct in the browser.")
@click.option("--per-video", type=click.IntRange(1), default=8, show_default=True, help="Frames from each video.")
@click.option("--clips", type=click.IntRange(2), default=6, show_default=True, help="How many synthetic clips.")
@click.option("--clip-frames", type=click.IntRange(8), default=48, show_default=True, help="Frames in each of them.")
@seed_option
@quiet_option
def demo(
    out: Path,
    videos: Path | None,
    interactive: bool,
    per_video: int,
    clips: int,
    clip_frames: int,
    seed: int,
    quiet: bool,
) -> int:
    """Run the whole chain once, from a video to a score and a report.

    \b
    Example:
      hint-build demo --videos ~/clips --interactive
    """
    from hint_toolkit.flows.demo import DemoOptions, check_password, rows_by_subset
    from hint_toolkit.flows.demo import demo as run_demo
    from hint_toolkit.flows.report.tables import score_table

    password = None
    if interactive:
        password = check_password(secret(PASSWORD, f"run: export {PASSWORD}=..", "Choose a password for Label Studio"))
    options = DemoOptions(out, videos, password, per_video, clips, clip_frames, seed)
    report = run_demo(options, _Terminal(quiet))
    click.echo("\n" + score_table(report.scored.results))
    if report.labels is not None:
        values = rows_by_subset(report.labels)
        shown = ", ".join(f"{name} {100 * value:.1f}" for name, value in values.items() if value is not None)
        click.echo(f"\ncorrected labels against the same exact truth, PCK@0.05 in %: {shown}")
    results = report.files["results"].parent
    click.echo(f"\nrelease:  {report.release}\nreport:   {report.files['report']}")
    click.echo(f"browse:   {_beside('hint-eval')} view --results {results}   (opens the browser, worst hands first)")
    return 0


def _beside(program: str) -> str:
    """How to call our other program: by name where the shell finds it, else by its place in this environment."""
    import shutil

    return program if shutil.which(program) else os.path.relpath(Path(sys.executable).parent / program)


def add_labelling_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    for command in (server, label_config, demo):
        group.add_command(command)
