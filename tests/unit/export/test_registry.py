"""The contract of every release format: random hands out and back are the same hands."""

import numpy as np
import pytest

from hint_toolkit.export.registry import FORMATS, open_format
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import read_truth


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_thousand_hands_out_and_back(name, tmp_path, make_hands):
    hands = make_hands(1000)
    write_jpg(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8))
    hands = hands.replace(image=["a.jpg"] * 1000)
    open_format(name)(hands, tmp_path, tmp_path / "out")
    back = read_truth(tmp_path / "out").hands.sorted()
    hands = hands.sorted()
    assert back.id.tolist() == hands.id.tolist()
    np.testing.assert_array_equal(back.points, hands.points)
    np.testing.assert_array_equal(back.exists, hands.exists)
    np.testing.assert_array_equal(back.occluded, hands.occluded)
    np.testing.assert_array_equal(back.box, hands.box)
    assert back.side.tolist() == hands.side.tolist()
    assert back.video_id.tolist() == hands.video_id.tolist()
