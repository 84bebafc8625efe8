import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint_toolkit.sampling.plan import STRATEGIES, plan_video


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
