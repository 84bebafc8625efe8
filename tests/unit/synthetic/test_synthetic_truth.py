"""Truth files: round trip, and one-line errors on malformed content."""

import copy
import json

import numpy as np
import pytest

from hint_toolkit.synthetic import read_truth, render
from hint_toolkit.synthetic.truth import truth_to_json


@pytest.fixture(scope="module")
def hands():
    return render(3, 160, 120, n_hands=2, shift=(0.3, 0.0))[1]


@pytest.fixture
def content(hands):
    frames = [[truth_to_json(hand) for hand in hands], []]
    clip = {"width": 160, "height": 120, "fps": 30, "frames": frames}
    return {"generator": "hint_toolkit.synthetic", "version": 1, "seed": 3, "clips": {"a.mp4": clip}}


def test_read_gives_back_what_was_written(tmp_path, hands, content):
    (tmp_path / "truth.json").write_text(json.dumps(content))
    for path in (tmp_path, tmp_path / "truth.json"):
        truths = read_truth(path)
        assert list(truths) == ["a.mp4"]
        first, second = truths["a.mp4"]
        assert second == []
        for read, written in zip(first, hands, strict=True):
            assert read.side == written.side
            assert np.allclose(read.points, written.points, atol=5.1e-5)
            assert np.allclose(read.box, written.box, atol=5.1e-5)
            assert np.array_equal(read.exists, written.exists)
            assert np.array_equal(read.occluded, written.occluded)
            assert read.exists.dtype == read.occluded.dtype == np.bool_


def test_coordinates_are_rounded_to_four_decimals(content):
    numbers = np.array(content["clips"]["a.mp4"]["frames"][0][0]["points"])
    assert np.array_equal(numbers, numbers.round(4))
    assert not np.array_equal(numbers, numbers.round(3))


HAND = ("clips", "a.mp4", "frames", 0, 1)
HAND_PLACE = r"clips\['a.mp4'\].frames\[0\]\[1\]"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("generator",), "other", "generator: want 'hint_toolkit.synthetic', got 'other'"),
        (("version",), 2, "version: want 1, got 2"),
        (("clips",), [], r"clips: want an object, got \[\]"),
        (("clips", "a.mp4"), 7, r"clips\['a.mp4'\]: want an object, got 7"),
        (("clips", "a.mp4", "frames"), None, r"frames: want a list, got None"),
        (("clips", "a.mp4", "frames", 1), {}, r"frames\[1\]: want a list of hands, got {}"),
        (HAND, "x", f"{HAND_PLACE}: want an object, got 'x'"),
        ((*HAND, "side"), "up", f"{HAND_PLACE}.side: want left or right, got 'up'"),
        ((*HAND, "points"), [[1, 2]] * 20, f"{HAND_PLACE}.points: want 21 x 2 finite numbers"),
        ((*HAND, "points", 4), [1], f"{HAND_PLACE}.points: want 21 x 2 finite numbers"),
        ((*HAND, "points", 4, 0), "a", f"{HAND_PLACE}.points: want 21 x 2 finite numbers"),
        ((*HAND, "points", 4, 0), float("nan"), f"{HAND_PLACE}.points: want 21 x 2 finite"),
        ((*HAND, "exists"), [1] * 21, f"{HAND_PLACE}.exists: want 21 times true or false"),
        ((*HAND, "occluded"), [True] * 20, f"{HAND_PLACE}.occluded: want 21 times true or false"),
        ((*HAND, "exists"), [False] * 21, f"{HAND_PLACE}.occluded: want existing joints only"),
        ((*HAND, "box"), [0, 0, 1], f"{HAND_PLACE}.box: want 4 finite numbers"),
    ],
)
def test_malformed_content_is_named_in_one_line(tmp_path, content, place, value, message):
    changed = copy.deepcopy(content)
    changed["clips"]["a.mp4"]["frames"][0][1]["occluded"][5] = True
    changed["clips"]["a.mp4"]["frames"][0][1]["exists"][5] = True
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match=message) as caught:
        read_truth(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 160


@pytest.mark.parametrize("text", ["", "{", '"clips"', "[]", b"\xff\xfe"])
def test_what_is_not_such_a_file_is_refused(tmp_path, text):
    path = tmp_path / "truth.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"not JSON|want an object"):
        read_truth(path)


def test_an_absent_file_is_absent(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_truth(tmp_path / "truth.json")
