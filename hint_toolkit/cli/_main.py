"""From an exception to one line and an exit code, for both programs.

0 fine, 1 our fault, 2 the call or the input is wrong, 3 the data are incomplete, 4 a `--min` was missed.
"""

import errno
import os
import sys
from collections.abc import Sequence

import click

from hint_toolkit.errors import HintError, one_line

_OUTSIDE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EPERM, errno.EBUSY, errno.ELOOP,
    errno.ENOTDIR, errno.ENAMETOOLONG,
}  # fmt: skip
"""Troubles of the user's disk, not of ours."""


def run(group: click.Group, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code; `--debug` anywhere on it lets tracebacks through."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = group.main(given, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except (HintError, click.ClickException, OSError, click.Abort, KeyboardInterrupt) as error:
        if debug and not isinstance(error, click.ClickException):
            raise
        return _say(program, error)
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}"
        click.echo(f"{program}: our fault: {one_line(what)}; run again with --debug and report it", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _say(program: str, error: BaseException) -> int:
    """Print one line for an expected error and give its exit code."""
    if isinstance(error, HintError):
        click.echo(f"{program}: {error}", err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        asked = f"; see: {context.command_path} --help" if context else ""
        click.echo(f"{program}: {one_line(error.format_message())}{asked}", err=True)
        return 2
    if isinstance(error, BrokenPipeError):
        # The reader of our output went away (`| head`): nothing to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"{program}: {where}{error.strerror or error}; what was finished before is kept", err=True)
        return 2 if error.errno in _OUTSIDE else 1
    click.echo(f"{program}: stopped; what is finished is kept, run the same command again to go on", err=True)
    return 130
