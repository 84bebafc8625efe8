import numpy as np
import pytest

from hint_toolkit.sampling.plan import stream
from hint_toolkit.sampling.value import ALIKE, OFF, Candidates, disagreement, expected_wrong, rank


def candidates(n=60, seed=0, labelled=0.2, like=None, **changes):
    rng = np.random.default_rng(seed)
    slices = {
        "source": rng.choice(["common", "rare"], n, p=[0.9, 0.1]).tolist(),
        "side": rng.choice(["left", "right"], n).tolist(),
    }
    values = {
        "ids": [f"h{i:03d}" for i in range(n)],
        "clips": rng.integers(0, 12, n),
        "slices": slices,
        "doubt": rng.random(n),
        "like": like or {},
        "labelled": rng.random(n) < labelled,
    }
    return Candidates(**(values | changes))


def naive(c, weight, seed):
    """Greedy without any short cut: every candidate is worked out again at every step."""

    def size(positions, name, attribute):
        clips = [int(c.clips[i]) for i in positions if c.slices[attribute][i] == name]
        return sum(m / (1 + (m - 1) * ALIKE) for m in np.bincount(clips, minlength=1) if m)

    def gain(i, positions):
        total = 0.0
        for attribute, names in c.slices.items():
            before = 1 + size(positions, names[i], attribute)
            after = 1 + size([*positions, i], names[i], attribute)
            total += before**-0.5 - after**-0.5
        return total

    done = np.flatnonzero(c.labelled).tolist()
    left = np.flatnonzero(~c.labelled).tolist()
    doubt = np.where(np.isnan(c.doubt), np.nanmean(c.doubt[left]), c.doubt) / np.nanmean(c.doubt[left])
    scale = np.mean([gain(i, done) for i in left])
    order = []
    while left:
        values = {i: (1 - weight) * doubt[i] + weight * gain(i, done) / scale for i in left}
        best = max(left, key=lambda i: (round(values[i], 12), -stream(seed, c.ids[i])))
        order.append((best, values[best]))
        done.append(best)
        left.remove(best)
    return order


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_order_is_the_greedy_one(weight):
    c = candidates()
    ranked, wanted = rank(c, seed=3, weight=weight), naive(c, weight, 3)
    np.testing.assert_allclose([one.value for one in ranked], [value for _, value in wanted], rtol=1e-9)
    assert [one.position for one in ranked] == [i for i, _ in wanted]


def test_labelled_hands_are_not_ranked_and_everything_else_is_once():
    c = candidates()
    assert sorted(one.position for one in rank(c)) == np.flatnonzero(~c.labelled).tolist()
    assert rank(candidates(labelled=1.1)) == []


def test_the_order_of_the_input_does_not_matter():
    c = candidates(labelled=0)
    turned = Candidates(
        c.ids[::-1],
        c.clips[::-1],
        {name: values[::-1] for name, values in c.slices.items()},
        c.doubt[::-1],
        {},
        c.labelled[::-1],
    )
    assert [c.ids[one.position] for one in rank(c)] == [turned.ids[one.position] for one in rank(turned)]


def test_repeats_stand_last_and_name_what_they_repeat():
    doubt = np.linspace(0, 0.5, 10)
    doubt[[3, 7]] = 1.0
    c = candidates(n=10, labelled=0, doubt=doubt, like={3: [7], 7: [3]}, slices={})
    ranked = rank(c, weight=0)
    assert {ranked[0].position, ranked[-1].position} == {3, 7}
    assert (ranked[-1].repeats, ranked[-1].value) == (ranked[0].position, 0.0)
    # A twin that is labelled already makes a repeat, too.
    labelled = np.zeros(10, bool)
    labelled[3] = True
    ranked = rank(candidates(n=10, doubt=doubt, like={3: [7], 7: [3]}, slices={}, labelled=labelled), weight=0)
    assert (ranked[-1].position, ranked[-1].repeats) == (7, 3)


def test_an_unknown_doubt_is_the_average_one():
    c = candidates(n=3, labelled=0, doubt=np.array([0.9, np.nan, 0.1]), slices={})
    assert [one.position for one in rank(c, weight=0)] == [0, 1, 2]
    nothing = candidates(n=3, labelled=0, doubt=np.full(3, np.nan), slices={})
    assert len(rank(nothing)) == 3


def test_a_rare_slice_and_a_new_clip_go_first():
    n = 21
    slices = {"source": ["common"] * 20 + ["rare"]}
    c = candidates(n=n, labelled=0, slices=slices, doubt=np.full(n, 0.5), clips=np.array([0] * 10 + list(range(1, 12))))
    ranked = [one.position for one in rank(c, weight=1)]
    assert 20 in ranked[:2]
    assert sum(i < 10 for i in ranked[:12]) == 1  # of the clip with ten hands, one until all other clips had their turn


def test_weight_is_checked():
    with pytest.raises(ValueError, match="weight"):
        rank(candidates(), weight=1.5)


def test_disagreement_by_hand():
    one = np.zeros((1, 21, 2))
    two = np.zeros((1, 21, 2))
    two[0, 0] = [6, 8]  # 10 apart: each 5 from the mean, squares 25 + 25, one degree of freedom
    two[0, 1] = np.nan
    spread = disagreement([one, two], np.array([100.0]))
    assert spread[0, 0] == pytest.approx(np.sqrt(50) / 100)
    assert np.isnan(spread[0, 1])
    assert spread[0, 2] == 0
    with pytest.raises(ValueError, match="two detectors"):
        disagreement([one], np.array([100.0]))


def test_expected_wrong_is_the_tail_of_a_round_gaussian():
    rng = np.random.default_rng(0)
    s = 0.06
    far = np.hypot(*rng.normal(0, s / np.sqrt(2), (2, 200_000))) > OFF
    assert expected_wrong(np.full((1, 21), s))[0] == pytest.approx(far.mean(), abs=0.005)
    assert expected_wrong(np.zeros((1, 21)))[0] == 0
    assert np.isnan(expected_wrong(np.full((1, 21), np.nan))[0])
    half = np.full((1, 21), np.nan)
    half[0, :2] = [0.0, 1e9]
    assert expected_wrong(half)[0] == pytest.approx(0.5)
