import numpy as np
import pytest

from hint_toolkit.sampling.choose import Candidates, by_scene, capped, informative, scenes, worth


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
