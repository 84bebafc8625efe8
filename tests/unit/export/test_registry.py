"""The contract of every release format: random hands out and back are the same hands."""

import numpy as np
import pytest

from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.registry import FORMATS, open_format
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import Hands

RESOLUTION = {"hamer-npz": 1e-4, "hamer-tar": 1e-4, "yolo-pose": 1e-4}
"""Pixels that a format may move a point by; the others give it back to the last bit."""
SQUARE_BOX = {"hamer-npz", "hamer-tar"}
"""Formats that hold a centre and one size instead of a box."""


def written(name, hands, tmp_path, **options):
    write_jpg(tmp_path / "a.jpg", np.zeros((480, 640, 3), np.uint8))
    hands = hands.replace(image=["a.jpg"] * len(hands)) if len(hands) else hands
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    open_format(name)(dataset, tmp_path / "out", ExportOptions(**options))
    return read_truth(tmp_path / "out").hands.sorted()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_thousand_hands_out_and_back(name, tmp_path, make_hands):
    hands = Hands.concat([make_hands(600), make_hands(400, source="newdays", split="TRAIN")]).sorted()
    back = written(name, hands, tmp_path)
    assert back.id.tolist() == hands.id.tolist()
    near = RESOLUTION.get(name, 0.0)
    # Where a joint is absent, a format may leave its point out.
    np.testing.assert_allclose(back.points[hands.exists], hands.points[hands.exists], rtol=0, atol=near)
    np.testing.assert_array_equal(back.exists, hands.exists)
    np.testing.assert_array_equal(back.occluded, hands.occluded)
    if name not in SQUARE_BOX:
        np.testing.assert_allclose(back.box, hands.box, rtol=0, atol=near)
    assert back.side.tolist() == hands.side.tolist()
    assert back.split.tolist() == hands.split.tolist()
    assert back.source.tolist() == hands.source.tolist()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_one_hand_without_a_picture(name, tmp_path, make_hands):
    hands = make_hands(1)
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    open_format(name)(dataset, tmp_path / "out", ExportOptions())
    back = read_truth(tmp_path / "out").hands
    assert back.id.tolist() == hands.id.tolist()
    assert not list((tmp_path / "out").rglob("*.jpg"))
    said = [str(issue) for issue in dataset.notes]
    assert said == (
        ["hamer_tar: 1 hands without a picture are in no-picture-*.tar, which HaMeR's loader cannot read"]
        if name == "hamer-tar"
        else []
    )
