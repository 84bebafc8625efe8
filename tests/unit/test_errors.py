import pytest

from hint_toolkit.errors import HintError, IncompleteError, InputError, MissingExtra, ServerError, shorten
from hint_toolkit.issues import Issues


def test_an_error_is_one_line_with_what_where_why_and_next():
    error = InputError("cannot be\nopened", where="a.mp4", why="no moov atom", next_step="re-encode it")
    assert str(error) == "a.mp4: cannot be opened (no moov atom); re-encode it"


def test_exit_codes():
    assert [e.exit_code for e in (HintError, InputError, ServerError, MissingExtra, IncompleteError)] == [1, 2, 2, 2, 3]


def test_a_missing_extra_names_the_pip_line():
    assert 'pip install "hint-toolkit[view]"' in str(MissingExtra("fiftyone", "view"))


def test_long_lists_end_in_a_count():
    assert shorten("abc") == "a, b, c"
    assert shorten(map(str, range(42))) == "0, 1, 2, 3, 4 and 37 more"


def test_issues_are_sorted_with_errors_first_and_raised_together():
    issues = Issues()
    issues.warn("looks odd", file="b")
    issues.error("is wrong", file="b", id="x", field="box")
    issues.error("is wrong", file="a")
    assert [str(i) for i in issues] == ["a: is wrong", "b > x > box: is wrong", "b: looks odd"]
    assert len(issues.warnings) == 1
    with pytest.raises(InputError, match=r"a: is wrong \| b > x > box: is wrong; mend them"):
        issues.raise_errors("mend them")


def test_warnings_alone_raise_nothing():
    issues = Issues()
    issues.warn("looks odd")
    issues.raise_errors()


def test_many_errors_are_counted():
    issues = Issues()
    for k in range(9):
        issues.error("bad", id=f"{k}")
    with pytest.raises(InputError, match="and 4 more"):
        issues.raise_errors()
