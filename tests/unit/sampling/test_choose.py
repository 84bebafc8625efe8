import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint_toolkit.sampling.choose import Candidates, by_scene, capped, informative, scenes, standing, twins, worth


def candidates(n, embedding=None, **columns):
    angle = np.linspace(0, 0.01, n) if embedding is None else np.asarray(embedding, float)
    made = {
        "frame_index": np.arange(n) * 10,
        "time": np.arange(n) / 3,
        "sharpness": np.ones(n),
        "presence": np.ones(n),
        "occlusion": np.zeros(n),
        "embedding": np.stack([np.cos(angle), np.sin(angle)], axis=1),
    }
    return Candidates(**(made | {k: np.asarray(v, float) for k, v in columns.items()}))


def test_scenes_end_where_the_picture_jumps_and_not_where_it_shakes():
    assert scenes(candidates(6, [0, 0.01, 0.02, 1.5, 1.51, 3])).tolist() == [0, 0, 0, 1, 1, 2]
    shaking = candidates(8, [0, 0.5, 0, 0.5, 0, 0.5, 0, 0.5])
    assert set(scenes(shaking).tolist()) == {0}
    assert scenes(candidates(0)).tolist() == []


def test_every_scene_gets_its_turn_and_the_sharpest_frame_comes_first():
    made = candidates(9, [0] * 5 + [2] * 3 + [4], sharpness=[1, 1, 9, 1, 1, 1, 9, 1, 1])
    assert by_scene(made, 3).tolist() == [2, 6, 8]
    assert by_scene(made, 5).tolist() == [0, 2, 5, 6, 8]  # the farthest in time from what is there, first among equals
    assert by_scene(made, 99).tolist() == list(range(9))
    assert by_scene(candidates(0), 3).tolist() == []


def test_hand_worked_worth():
    made = candidates(3, presence=[1, 0, 1], sharpness=[3, 2, 1], occlusion=[0, 0, 1])
    np.testing.assert_allclose(worth(made), [1 / 1.5, 0.15 * (0.3 + 0.7 * 0.5) / 1.5, 0.3])
    assert worth(candidates(1)).shape == (1,)


def test_informative_takes_hands_that_are_sharp_and_unlike_each_other():
    angle = [0, 0.001, 0.002, 1.0, 1.001, 2.0, 2.001]
    made = candidates(7, angle, presence=[1, 1, 1, 1, 1, 0, 0], sharpness=[1, 5, 1, 1, 5, 9, 9])
    first = informative(made, 1).tolist()
    assert first in ([1], [4])
    assert informative(made, 2).tolist() == [1, 4]
    assert len(informative(made, 3)) == 3
    assert informative(made, 3)[-1] in (5, 6)


def test_it_stops_when_nothing_new_is_left():
    made = candidates(50)
    assert len(informative(made, 10)) == 1
    assert informative(made, 0).tolist() == []
    assert informative(candidates(0), 5).tolist() == []


def test_farthest_point_beats_chance_on_coverage():
    rng = np.random.default_rng(0)
    made = candidates(200, np.concatenate([rng.normal(0, 0.05, 180), rng.uniform(0, 3, 20)]))

    def reach(chosen):
        gaps = np.linalg.norm(made.embedding[:, None] - made.embedding[chosen], axis=2)
        return gaps.min(axis=1).max()

    ours = reach(informative(made, 8))
    chance = [reach(np.random.default_rng(k).choice(200, 8, replace=False)) for k in range(50)]
    assert ours < min(chance)


@pytest.mark.parametrize("cap", [1, 2, 5])
def test_no_group_has_more_than_its_cap_and_the_best_stay(cap):
    groups = ["a", "b", "a", "a", "b", "c"]
    value = np.array([1.0, 2, 3, 3, 1, 0])
    kept = capped(groups, value, cap)
    for name in set(groups):
        assert sum(k for k, g in zip(kept, groups, strict=True) if g == name) == min(cap, groups.count(name))
    if cap == 1:
        assert np.flatnonzero(kept).tolist() == [1, 2, 5]


def test_unknown_presence_and_occlusion_count_the_same_for_all():
    nan = [np.nan] * 3
    made = candidates(3, presence=nan, occlusion=nan, sharpness=[1, 3, 2])
    np.testing.assert_allclose(worth(made), [0.3 / 1.5, 1 / 1.5, 0.65 / 1.5])


@pytest.mark.parametrize("choose", [informative, by_scene])
def test_ranked_gives_the_order_of_choice_and_what_is_refused_is_replaced(choose):
    made = candidates(6, [0, 0.5, 1.0, 1.5, 2.0, 2.5], sharpness=[1, 2, 9, 3, 4, 5])
    ranked = choose(made, 3, ranked=True).tolist()
    assert ranked[0] == 2
    assert sorted(ranked) == choose(made, 3).tolist()
    asked = []

    def refuse(one, chosen):
        asked.append((one, tuple(chosen)))
        return one == ranked[1]

    others = choose(made, 3, ranked=True, refuse=refuse).tolist()
    assert ranked[1] not in others
    assert len(others) == 3
    assert (ranked[1], (2,)) in asked
    assert len(choose(made, 9, refuse=lambda one, chosen: bool(chosen))) == 1


def test_hand_worked_standing_is_fair_between_clips():
    value = standing(["a", "a", "a", "b", "b"], [0, 0, 1, 0, 5], np.array([0.2, 0.8, 1.0, 0.1, 0.9]))
    np.testing.assert_allclose(value, [-0.9, 0.4, -1.5, 0.05, -0.55])
    order = np.argsort(-value).tolist()
    assert order == [1, 3, 4, 0, 2]
    assert standing([], [], np.zeros(0)).shape == (0,)


def test_a_near_duplicate_always_has_a_twin_that_stays():
    pairs = np.array([[0, 1], [1, 2], [2, 3], [4, 5]])
    assert twins(pairs, np.zeros(6)).tolist() == [-1, 0, -1, 2, -1, 4]  # a slow pan: every other one stays
    assert twins(pairs, np.array([0.0, 9, 0, 0, 0, 1])).tolist() == [1, -1, 1, -1, 5, -1]
    assert twins(np.zeros((0, 2), np.int64), np.zeros(3)).tolist() == [-1] * 3


@given(
    n=st.integers(1, 30),
    pairs=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=60),
    seed=st.integers(0, 99),
)
def test_twins_leaves_no_pair_and_removes_nothing_without_cause(n, pairs, seed):
    held = np.array([(a % n, b % n) for a, b in pairs if a % n != b % n], np.int64).reshape(-1, 2)
    value = np.random.default_rng(seed).random(n)
    twin = twins(held, value)
    like = {frozenset(pair) for pair in held.tolist()}
    stays = set(np.flatnonzero(twin < 0).tolist())
    assert not any(pair <= stays for pair in like)
    for i in np.flatnonzero(twin >= 0).tolist():
        assert twin[i] in stays
        assert frozenset((i, int(twin[i]))) in like
        assert value[twin[i]] > value[i]
