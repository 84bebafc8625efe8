"""Errors that a user can act on, and the exit code that each one means.

One line each: what went wrong, where (file, id, field), why, and the next thing to do. Everything else that
escapes is our own fault and exits with 1.

    HintError
    |-- InputError       2  the call or the input is wrong
    |-- MissingExtra     2  an optional part is not installed
    |-- ServerError      2  a server is down, or refuses us
    |-- IncompleteError  3  the work is done as far as the data allow; some are missing
"""

from collections.abc import Iterable

SHOWN_IDS = 5


class HintError(Exception):
    """Base of every expected error. `exit_code` is what the command line returns."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", next_step: str = "") -> None:
        """Join the parts to one line: `where: what (why); next_step`."""
        self.what, self.where, self.why, self.next_step = what, where, why, next_step
        line = f"{where}: {what}" if where else what
        if why:
            line += f" ({why})"
        if next_step:
            line += f"; {next_step}"
        super().__init__(one_line(line))


class InputError(HintError):
    """The call or the input is wrong."""

    exit_code = 2


class MissingExtra(HintError):
    """A library of an optional extra is not installed."""

    exit_code = 2

    def __init__(self, library: str, extra: str) -> None:
        """Say which library is missing and the pip line that brings it."""
        super().__init__(
            f"this needs {library}, which is not installed",
            next_step=f'run: pip install "hint-toolkit[{extra}]"',
        )


class ServerError(HintError):
    """A server that we talk to is down, or refuses us."""

    exit_code = 2


class IncompleteError(HintError):
    """All that could be done is done and kept; some of the data are missing."""

    exit_code = 3


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks included, made one blank."""
    return " ".join(text.split())


def shorten(ids: Iterable[str], shown: int = SHOWN_IDS) -> str:
    """At most `shown` ids, then how many more there are: `a, b, c and 37 more`."""
    listed = list(ids)
    head = ", ".join(listed[:shown])
    return head if len(listed) <= shown else f"{head} and {len(listed) - shown} more"
