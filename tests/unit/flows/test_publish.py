"""Where a release may be put, and who may put it there."""

import fcntl
import json
import os

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.flows.publish import Order, publish
from hint_toolkit.flows.release import convert
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands


@pytest.fixture
def source(tmp_path, make_hands):
    write_jpg(tmp_path / "in/a.jpg", np.zeros((480, 640, 3), np.uint8))
    hands = make_hands(4).replace(image=["a.jpg"] * 4)
    write_table(tmp_path / "in/hands.parquet", hands_to_table(hands), {})
    return tmp_path / "in"


def order(**more):
    return Order(["parquet"], ExportOptions(), lambda: {"version": "v1"}, **more)


def test_a_second_export_leaves_the_first_alone(source, tmp_path, make_hands):
    """The one that comes late is refused and touches nothing of what the other is writing."""
    building = tmp_path / ".out.building"
    building.mkdir()
    (building / "half.parquet").write_text("in the works")
    handle = os.open(building, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(InputError, match="another export writes there"):
            convert(source, tmp_path / "out", formats=["parquet"])
        assert (building / "half.parquet").read_text() == "in the works"
    finally:
        os.close(handle)
    convert(source, tmp_path / "out", formats=["parquet"])
    assert not building.exists()


def test_a_handle_of_a_folder_that_was_put_in_place_is_not_mistaken_for_the_new_one(source, tmp_path, monkeypatch):
    convert(source, tmp_path / "out", formats=["parquet"])
    before = (tmp_path / "out/hands.parquet").stat().st_ino
    flock, moved = fcntl.flock, []

    def late(handle, flags):
        # Between our open and our lock the other export renames its folder to the target.
        if not moved:
            moved.append(os.rename(tmp_path / ".late.building", tmp_path / "elsewhere"))
        return flock(handle, flags)

    monkeypatch.setattr(fcntl, "flock", late)
    convert(source, tmp_path / "late", formats=["parquet"])
    assert sorted(os.listdir(tmp_path / "elsewhere")) == []
    assert (tmp_path / "late/hands.parquet").is_file()
    assert (tmp_path / "out/hands.parquet").stat().st_ino == before


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_release_is_never_replaced(source, tmp_path, force):
    precious = tmp_path / "precious"
    (precious / "sub").mkdir(parents=True)
    (precious / "sub/thesis.txt").write_text("three years")
    file = tmp_path / "file"
    file.write_text("x")
    for target in (precious, file):
        with pytest.raises(InputError, match="is there already and is no release"):
            convert(source, target, formats=["parquet"], force=force)
    (precious / "release.json").write_text(json.dumps({"schema": "somebody else's"}))
    with pytest.raises(InputError, match="is no release"):
        convert(source, precious, formats=["parquet"], force=force)
    assert (precious / "sub/thesis.txt").read_text() == "three years"
    (tmp_path / "empty").mkdir()
    convert(source, tmp_path / "empty", formats=["parquet"], force=force)


def test_the_source_is_neither_inside_nor_outside_of_the_target(source, tmp_path, monkeypatch):
    (source / "inner").mkdir()
    for target in (source, source / "new", tmp_path):
        with pytest.raises(InputError, match="overlaps with the dataset that is read"):
            convert(source, target, formats=["parquet"], force=True)
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    for target in ("", ".", "/", "new\nline", "~x"):
        with pytest.raises(InputError, match="cannot be a release|overlaps"):
            convert(source, type(tmp_path)(target), formats=["parquet"], force=True)
    assert list(other.iterdir()) == []


def test_files_that_somebody_added_are_not_lost_without_force(source, tmp_path):
    convert(source, tmp_path / "out", formats=["parquet"])
    convert(source, tmp_path / "out", formats=["parquet"])
    (tmp_path / "out/NOTES.txt").write_text("x")
    with pytest.raises(InputError, match="has files that the new release would not have: NOTES.txt"):
        convert(source, tmp_path / "out", formats=["parquet"])
    (tmp_path / "out/NOTES.txt").unlink()
    with pytest.raises(InputError, match="has files that the new release would not have: .*images/"):
        convert(source, tmp_path / "out", formats=["parquet"], options=ExportOptions(embed=True))
    convert(source, tmp_path / "out", formats=["parquet"], options=ExportOptions(embed=True), force=True)
    assert not (tmp_path / "out/images").exists()


def test_an_exchange_that_was_cut_in_two_is_undone_or_finished(source, tmp_path, make_hands):
    convert(source, tmp_path / "out", formats=["parquet"])
    (tmp_path / "out").rename(tmp_path / ".out.replaced")
    dataset = Dataset(of_hands(make_hands(0)), Pictures(tmp_path))
    with pytest.raises(InputError, match="no hand to export"):
        publish(dataset, tmp_path / "out", order(force=True))
    assert len(read_truth(tmp_path / "out").hands) == 4
    (tmp_path / ".out.replaced").mkdir()
    convert(source, tmp_path / "out", formats=["parquet"])
    assert not (tmp_path / ".out.replaced").exists()


@pytest.mark.parametrize("text", ["22.11.2026", "2026-02-31", "now"])
def test_a_date_is_a_date(source, tmp_path, text):
    with pytest.raises(InputError, match="is no date"):
        convert(source, tmp_path / "out", formats=["parquet"], options=ExportOptions(published=text))
    convert(source, tmp_path / "out", formats=["parquet"], options=ExportOptions(published="2026-11-22"))
