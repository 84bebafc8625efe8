import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint_toolkit.sampling.plan import ALL_STRATEGIES, MEASURED, STRATEGIES, plan_around, plan_per_second, plan_video


@given(
    count=st.integers(0, 500), wanted=st.integers(0, 60), seed=st.integers(0, 99), strategy=st.sampled_from(STRATEGIES)
)
def test_picks_are_distinct_ascending_inside_and_as_many_as_wanted(count, wanted, seed, strategy):
    picks = [pick.frame_index for pick in plan_video("v", count, wanted, strategy=strategy, seed=seed)]
    assert len(picks) == min(count, wanted)
    assert picks == sorted(set(picks))
    assert all(0 <= k < count for k in picks)


@given(count=st.integers(12, 500), seed=st.integers(0, 99))
def test_uniform_takes_one_from_each_equal_part(count, seed):
    picks = plan_video("v", count, 12, strategy="uniform", seed=seed)
    for part, pick in enumerate(picks):
        assert count * part // 12 <= pick.frame_index < count * (part + 1) // 12


def test_seed_and_video_name_the_stream():
    def plan(video, seed):
        return plan_video(video, 1000, 20, strategy="random", seed=seed)

    assert plan("a", 1) == plan("a", 1)
    assert plan("a", 1) != plan("a", 2)
    assert plan("a", 1) != plan("b", 1)


def test_the_plan_is_the_same_on_every_machine():
    picks = plan_video("clip", 300, 5, strategy="uniform", seed=0)
    assert [pick.frame_index for pick in picks] == [2, 85, 144, 204, 298]
    assert picks[2].reason == "uniform: part 3 of 5"


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="strategy must be one of"):
        plan_video("v", 1, 1, strategy="best", seed=0)
    with pytest.raises(ValueError, match="must not be negative"):
        plan_video("v", -1, 1, strategy="random", seed=0)


def test_per_second_takes_the_nearest_picture_of_a_grid():
    times = [k / 30 for k in range(91)]
    assert [p.frame_index for p in plan_per_second(times, 1)] == [0, 30, 60, 90]
    assert [p.frame_index for p in plan_per_second(times, 2.5)] == [0, 12, 24, 36, 48, 60, 72, 84]
    assert [p.frame_index for p in plan_per_second([0, 0.1, 5.0], 1)] == [0, 1, 2]  # a gap: nothing twice
    assert [p.frame_index for p in plan_per_second([0, 0.9, 1.2, 2.0], 1)] == [0, 1, 3]
    assert plan_per_second([], 1) == []
    assert [p.frame_index for p in plan_per_second([0.0], 7)] == [0]
    with pytest.raises(ValueError, match="rate must be positive"):
        plan_per_second(times, 0)


def test_around_moments_and_nothing_outside():
    picks = plan_around([(50, "pnr_frame"), (3, "pre_45"), (50, "post_frame")], 60, offsets=(0, -5, 15))
    assert [(p.frame_index, p.reason) for p in picks] == [
        (3, "around pre_45"),
        (18, "around pre_45 +15"),
        (45, "around pnr_frame -5"),
        (50, "around pnr_frame"),
    ]
    assert plan_around([], 10) == []
    assert plan_around([(10, "x"), (-1, "x")], 10) == []


def test_strategies_are_told_apart():
    assert len(set(ALL_STRATEGIES)) == 6
    assert not set(STRATEGIES) & set(MEASURED)
    for strategy in set(ALL_STRATEGIES) - set(STRATEGIES):
        with pytest.raises(ValueError, match="strategy must be one of"):
            plan_video("v", 1, 1, strategy=strategy, seed=0)
