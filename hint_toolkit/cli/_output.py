"""Results to stdout, progress and log to stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from hint_toolkit.issues import Issues

Progress = Callable[[int, int], None]
_LINE_EVERY = 15.0  # seconds between progress lines where there is no terminal


def emit(value: dict[str, Any], text: str, as_json: bool) -> None:
    """The result: one JSON object, or text for people."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) if as_json else text)


def log(text: str) -> None:
    """One line on stderr."""
    click.echo(text, err=True)


def show_issues(issues: Issues, shown: int = 5) -> None:
    """The first findings on stderr, then how many more there are."""
    listed = list(issues)
    for issue in listed[:shown]:
        log(f"{issue.level}: {issue}")
    if len(listed) > shown:
        log(f"and {len(listed) - shown} more; --json shows all")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns: text to the left, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[k]) for line in [list(header), *cells]) for k in range(len(header))]
    right = [bool(rows) and all(isinstance(row[k], int | float) for row in rows) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(list(header)), line(["-" * w for w in widths]), *map(line, cells)])


@contextmanager
def progress(label: str, unit: str, quiet: bool) -> Iterator[Progress | None]:
    """A callback `(done, total)`: a bar with rate and time left on a terminal, a line now and then elsewhere."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _lines(label, unit)
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield _lines(label, unit)
        return
    with tqdm(desc=label, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update


@contextmanager
def waiting(label: str, what: str, quiet: bool) -> Iterator[Progress | None]:
    """A callback `(seconds waited, limit)` for a wait of unknown length: says that it goes on, not when it ends."""
    if quiet:
        yield None
        return
    on_terminal, begun = sys.stderr.isatty(), time.monotonic()
    if not on_terminal:
        log(f"{label} {what}")

    def update(seconds: int, limit: int) -> None:
        if on_terminal:
            click.echo(f"\r{label} {what}, {seconds} s", nl=False, err=True)

    yield update
    took = f"{label} ready after {time.monotonic() - begun:.0f} s"
    log(f"\r\x1b[K{took}" if on_terminal else took)


def _lines(label: str, unit: str) -> Progress:
    start = time.monotonic()
    last = start
    shown = -1

    def update(done: int, total: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if done == shown or (done < total and now - last < _LINE_EVERY):
            return
        last, shown = now, done
        rate = done / max(now - start, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if done < total and rate > 0 else ""
        log(f"{label.rstrip()}: {done} of {total} {unit}, {rate:.1f} a second{left}")

    return update
