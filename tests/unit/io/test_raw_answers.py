"""The archive of what a server sent: never written again, never lost, bytes that depend on nothing but the content."""

import gzip
import json

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.assignments import Assignment, read_assignments, write_assignments
from hint_toolkit.io.raw_answers import PullState, RawAnswers, read_archive


def archived(raw, tasks, state, full=True, **how):
    """All in one part."""
    raw.keep(tasks, **how)
    return raw.seal(state, full=full)


def test_what_came_is_kept_once_and_comes_back(tmp_path):
    raw, state = RawAnswers(tmp_path / "raw"), PullState()
    tasks = [{"id": 1, "odd": float("inf"), "text": "é"}]
    name = archived(raw, tasks, state)
    raw.finish()
    stored = (tmp_path / "raw" / name).read_bytes()
    assert read_archive(tmp_path / "raw" / name) == tasks
    assert archived(raw, [{"text": "é", "odd": float("inf"), "id": 1}], state) == name
    assert [one["name"] for one in state.archives] == [name]
    raw.finish()
    assert archived(raw, [], state, full=False) == ""  # nothing came, nothing is written
    other = archived(raw, [{"id": 2}], state, full=False)
    assert other != name
    raw.finish()
    assert (tmp_path / "raw" / name).read_bytes() == stored
    assert [(one["full"], one["tasks"]) for one in state.archives] == [(True, 1), (False, 1)]
    again, fresh = RawAnswers(tmp_path / "again"), PullState()
    archived(again, tasks, fresh)
    again.finish()
    assert (tmp_path / "again" / name).read_bytes() == stored  # no time, no name in the gzip header


def test_what_comes_in_parts_is_one_list(tmp_path):
    tasks = [{"id": k, "text": "x" * k} for k in range(1, 9)]
    whole, parts = RawAnswers(tmp_path / "whole"), RawAnswers(tmp_path / "parts")
    name, state = archived(whole, tasks, PullState()), PullState()
    for part in (tasks[:3], [], tasks[3:4], tasks[4:]):
        parts.keep(part, strict=True)
    assert parts.seal(state, full=True) == name
    assert parts.seal(state, full=True) == ""  # the next file begins empty
    parts.finish()
    assert read_archive(tmp_path / "parts" / name) == tasks
    assert [(one["tasks"], one["name"]) for one in state.archives] == [(8, name)]


def test_an_archive_that_was_removed_is_written_again(tmp_path):
    raw, state = RawAnswers(tmp_path), PullState()
    name = archived(raw, [{"id": 1}], state)
    raw.finish()
    (tmp_path / name).unlink()
    assert archived(raw, [{"id": 1}], state)
    raw.write_state(state)  # waits for it
    assert read_archive(tmp_path / state.archives[-1]["name"]) == [{"id": 1}]


def test_both_ways_to_write_say_the_same_and_a_full_disk_is_no_secret(tmp_path):
    tasks = [{"id": 1, "x": 0.1 + 0.2, "deep": {"b": [1, None, "é"], "a": 1e-7}}]
    names = []
    for strict in (True, False):
        raw, state = RawAnswers(tmp_path / str(strict)), PullState()
        names.append(archived(raw, tasks, state, strict=strict))
        raw.finish()
        assert read_archive(tmp_path / str(strict) / names[-1]) == tasks
    blocked = RawAnswers(tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    archived(blocked, tasks, PullState())
    with pytest.raises(OSError):  # noqa: PT011 (whatever the disk says)
        blocked.finish()
    blocked.finish()  # said once


def test_the_state_comes_back_and_a_damaged_one_is_one_line(tmp_path):
    raw = RawAnswers(tmp_path)
    assert raw.read_state() == PullState()
    state = PullState(3, "2026", "2026-02", [1, 2], [2], {"1/4": "no width"}, [])
    raw.write_state(state)
    assert raw.read_state() == state
    for text in ("{", '{"strange": 1}', "[]"):
        (tmp_path / "state.json").write_text(text)
        with pytest.raises(InputError, match="is damaged"):
            raw.read_state()


def test_the_archive_is_plain_gzip_json(tmp_path):
    raw, state = RawAnswers(tmp_path), PullState()
    name = archived(raw, [{"id": 1}], state)
    raw.finish()
    assert json.loads(gzip.decompress((tmp_path / name).read_bytes())) == [{"id": 1}]


def test_assignments_come_back_sorted_and_strange_ones_are_named(tmp_path):
    path = tmp_path / "assignments.parquet"
    assert read_assignments(path) == []
    rows = [Assignment("b", "p", "gold", 1, True, 4), Assignment("a", "p (overlap)", "overlap", 3, False)]
    write_assignments(path, rows)
    assert read_assignments(path) == rows
    first = path.read_bytes()
    write_assignments(path, rows[::-1])
    assert path.read_bytes() == first
    write_assignments(path, [Assignment("a", "p", "surprise")])
    with pytest.raises(InputError, match="unknown purpose 'surprise'"):
        read_assignments(path)
