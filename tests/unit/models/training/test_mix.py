"""Which hand is the k-th."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.training.mix import Mix


def test_datasets_come_as_often_as_they_weigh():
    places = Mix([5, 400, 7000], [0.25, 0.7, 0.05], seed=3).places(0, 12_000)
    shares = np.bincount([dataset for dataset, _ in places]) / len(places)
    assert shares == pytest.approx([0.25, 0.7, 0.05], abs=0.012)


def test_a_pass_shows_every_hand_once_before_any_comes_again():
    hands = [hand for dataset, hand in Mix([5, 9], [1, 1], seed=1).places(0, 200) if dataset == 0]
    assert len(hands) > 50
    for begin in range(0, len(hands) - 5, 5):
        assert sorted(hands[begin : begin + 5]) == [0, 1, 2, 3, 4]
    assert hands[:5] != hands[5:10] or hands[5:10] != hands[10:15]


def test_a_sample_depends_on_its_number_alone():
    whole = Mix([50, 20], [0.6, 0.4], seed=2).places(0, 9000)  # over more than two blocks
    later = Mix([50, 20], [0.6, 0.4], seed=2)
    assert later.places(8000, 1000) == whole[8000:]
    assert later.places(10, 5) == whole[10:15]
    assert Mix([50, 20], [0.6, 0.4], seed=4).places(0, 9000) != whole
    one, again = (Mix([50], [1], seed=2).view_rng(7).random(3) for _ in range(2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, Mix([50], [1], seed=2).view_rng(8).random(3))


@pytest.mark.parametrize(
    ("sizes", "weights", "said"),
    [
        ([], [], "no dataset"),
        ([3, 0], [1, 1], "dataset 2 holds no hand"),
        ([3], [0.0], "above 0"),
        ([3], [float("nan")], "above 0"),
    ],
)
def test_what_cannot_be_mixed_is_said(sizes, weights, said):
    with pytest.raises(InputError, match=said):
        Mix(sizes, weights)
