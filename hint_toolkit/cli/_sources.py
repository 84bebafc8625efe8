"""`hint-build fetch`: videos of a list of YouTube ids."""

from pathlib import Path

import click

from hint_toolkit.cli._options import PATH, output_options
from hint_toolkit.cli._output import emit, progress, show_issues, table


def add_sources_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(fetch)


@click.command()
@click.option("--list", "list_file", type=PATH, required=True, help="Text file, one YouTube id or address a line.")
@click.option("--out", type=PATH, required=True, help="Folder for the videos and youtube.json; run again to go on.")
@click.option("--format", default=None, help="Format in yt-dlp's words.  [default: bv/b, best pictures in one file]")
@click.option("--cookies", type=PATH, default=None, help="Cookies in Netscape's format, for videos that want a login.")
@click.option("--verify", is_flag=True, help="Hash the files that are there, instead of comparing sizes.")
@click.option("--check-remote", is_flag=True, help="Also ask whether YouTube still gives the files that are there.")
@click.option("--accept-changed", is_flag=True, help="Where YouTube gives another file than it did, take it.")
@output_options
def fetch(
    list_file: Path, out: Path, format: str | None, cookies: Path | None, verify: bool, check_remote: bool,
    accept_changed: bool, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Download the videos of a list, and record what each file is and why the others are missing.

    \b
    Example:
      hint-build fetch --list ids.txt --out videos
      hint-build sample --source youtube --videos videos
    """
    from hint_toolkit.sources._ytdlp import FORMAT, YtDlp
    from hint_toolkit.sources.youtube import read_ids
    from hint_toolkit.sources.youtube_fetch import FetchOptions
    from hint_toolkit.sources.youtube_fetch import fetch as run_fetch

    source = YtDlp(cookies=cookies, format=format or FORMAT)
    options = FetchOptions(verify, check_remote, accept_changed)
    with progress("fetch", "videos", quiet) as bar:
        report = run_fetch(read_ids(list_file), out, source, options, bar)
    states = [entry.state for entry in report.entries.values()]
    rows = [(state, states.count(state)) for state in dict.fromkeys(sorted(states))]
    emit(report.to_dict(), f"{table(['state', 'videos'], rows)}\n{len(report.fetched)} fetched now", as_json)
    show_issues(report.issues)
    return 3 if report.issues.errors else 0
