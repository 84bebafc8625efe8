"""Exceptions become one line and an exit code."""

import errno

import click
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.errors import IncompleteError, InputError


def program(error=None, code=0):
    @click.group()
    def cli():
        pass

    @cli.command()
    @click.option("--n", type=int)
    def work(n):
        if error is not None:
            raise error
        return code

    return cli


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("is wrong", where="a.json"), 2, "hint-x: a.json: is wrong\n"),
        (IncompleteError("3 are missing"), 3, "hint-x: 3 are missing\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/w/x"),
            2,
            "hint-x: /w/x: No space left on device; what was",
        ),
        (KeyboardInterrupt(), 130, "hint-x: stopped; what is finished is kept"),
        (ZeroDivisionError("by\nzero"), 1, "hint-x: our fault: ZeroDivisionError: by zero; run again with --debug"),
    ],
)
def test_one_line_and_a_code(capsys, error, code, line):
    assert run(program(error), "hint-x", ["work"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip("\n").startswith(line)  # click ends the line that shows ^C first
    assert err.strip("\n").count("\n") == 0


def test_debug_lets_the_traceback_through():
    with pytest.raises(ZeroDivisionError):
        run(program(ZeroDivisionError()), "hint-x", ["work", "--debug"])
    with pytest.raises(InputError):
        run(program(InputError("x")), "hint-x", ["--debug", "work"])


@pytest.mark.parametrize("arguments", [["work", "--n", "x"], ["walk"], ["work", "--m"]])
def test_a_wrong_call_is_one_line_and_2(capsys, arguments):
    assert run(program(), "hint-x", arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_s_own_code_is_passed_on():
    assert run(program(code=3), "hint-x", ["work"]) == 3
    assert run(program(), "hint-x", ["work"]) == 0
    assert run(program(), "hint-x", ["--help"]) == 0
