"""Consensus and scatter on people whose noise is known."""

import numpy as np
import pytest

from hint_toolkit.quality.consensus import Panel, agree_on, disagreements
from hint_toolkit.quality.scatter import scatters, usual_mean


def panel(sigmas, n=200, seed=0, *, flips=None, wild=0.0, share=1.0, offset=0.0):
    """A true layout, and what people with these sigmas (of the hand's size) make of it."""
    rng = np.random.default_rng(seed)
    truth, sizes = rng.normal(100, 40, (n, 21, 2)), rng.uniform(50, 300, n)
    occluded = rng.random((n, 21)) < 0.3
    a = len(sigmas)
    noise = rng.normal(size=(a, n, 21, 2)) * np.array(sigmas)[:, None, None, None]
    noise[0, ..., 0] += offset
    noise = np.where((rng.random((a, n, 21)) < wild)[..., None], rng.normal(size=noise.shape) * 0.4, noise)
    points = truth + noise * sizes[:, None, None]
    flip = rng.random((a, n, 21)) < np.array([0.0] * a if flips is None else flips)[:, None, None]
    answered = rng.random((a, n)) < share
    exists = np.broadcast_to(answered[..., None], flip.shape).copy()
    return Panel(answered, points, exists, (occluded ^ flip) & exists, sizes), truth, occluded


def error(points, truth, sizes):
    return np.sqrt(np.nanmean((((points - truth) / sizes[:, None, None]) ** 2).sum(axis=-1)))


@pytest.mark.parametrize(
    ("sigmas", "n"),
    [([0.01, 0.02, 0.04], 800), ([0.03, 0.03, 0.03], 200), ([0.02, 0.02, 0.03, 0.02, 0.08], 200), ([0.02, 0.02], 60)],
)
@pytest.mark.parametrize("wild", [0.0, 0.02])
def test_everybodys_sigma_comes_back_within_a_tenth(sigmas, n, wild):
    found = agree_on(panel(sigmas, n, wild=wild)[0]).sigma
    assert found == pytest.approx(sigmas, rel=0.1)


def test_two_people_cannot_be_told_apart_and_share_their_sigma():
    found = agree_on(panel([0.01, 0.04])[0]).sigma
    assert found == pytest.approx([np.sqrt((0.01**2 + 0.04**2) / 2)] * 2, rel=0.1)
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize(("wild", "share", "offset"), [(0.0, 1, 0), (0.03, 1, 0), (0.02, 0.7, 0), (0.0, 1, 0.05)])
def test_the_consensus_is_nearer_to_the_truth_than_the_best_of_them(wild, share, offset):
    people, truth, _ = panel([0.03, 0.02, 0.022, 0.04], wild=wild, share=share, offset=offset)
    several = people.answered.sum(axis=0) >= 2
    fused = error(agree_on(people).points[several], truth[several], people.sizes[several])
    each = [
        error(people.points[a][several & people.answered[a]], truth[several & people.answered[a]],
              people.sizes[several & people.answered[a]])
        for a in range(4)
    ]  # fmt: skip
    assert fused < 0.9 * min(each)


def test_its_standard_errors_say_how_wrong_it_is():
    people, truth, _ = panel([0.01, 0.02, 0.04], 800)
    found = agree_on(people)
    z = (found.points - truth) / found.errors[..., None]
    assert z.std() == pytest.approx(1, abs=0.15)


def test_flags_of_a_careless_person_weigh_less_than_those_of_careful_ones():
    people, _, occluded = panel([0.02] * 3, 300, flips=[0.02, 0.3, 0.3])
    found = agree_on(people)
    majority = people.occluded.sum(axis=0) >= 2
    wrong, by_count = (found.occluded != occluded).mean(), (majority != occluded).mean()
    assert wrong < 0.04 < by_count
    # what it calls sure is right as often as it says
    said = np.maximum(found.occluded_sure, 1 - found.occluded_sure)
    assert (found.occluded == occluded).mean() == pytest.approx(said.mean(), abs=0.03)


def test_what_everybody_says_is_so_and_who_denies_a_joint_says_nothing_about_it():
    points = np.zeros((3, 1, 21, 2)) + np.array([10.0, 20.0])
    points[1] += 2.0
    exists, occluded = np.ones((3, 1, 21), bool), np.zeros((3, 1, 21), bool)
    occluded[:, 0, 4] = True
    exists[2, 0, 7] = occluded[2, 0, 4] = False  # one of three denies joint 7, and calls joint 4 visible
    points[2, 0, 7] = np.nan
    exists[:, 0, 9] = False
    found = agree_on(Panel(np.ones((3, 1), bool), points, exists, occluded, np.array([100.0])))
    assert found.exists[0, 7]
    assert 10.0 < found.points[0, 7, 0] < 12.0  # between the two who have it
    assert not found.exists[0, 9]
    assert found.occluded_sure[0, 0] == 0.0
    assert not found.occluded[0, 0]
    assert np.isfinite(found.points[found.exists]).all()


def test_one_answer_is_the_consensus_without_an_error_and_none_is_nothing():
    people, _, _ = panel([0.02, 0.02], 4)
    answered = np.array([[True, False, True, False], [True, True, False, False]])
    mask = answered[..., None]
    alone = Panel(answered, people.points, people.exists & mask, people.occluded & mask, people.sizes)
    found = agree_on(alone)
    assert (found.points[1] == people.points[1, 1]).all()
    assert np.isnan(found.errors[1]).all()
    assert np.isfinite(found.errors[0]).all()
    assert not found.exists[3].any()
    assert np.isnan(found.points[3]).all()
    nobody_twice = np.broadcast_to(np.array([[True, False] * 2, [False, True] * 2])[..., None], people.exists.shape)
    assert np.isnan(scatters(people.points, nobody_twice, people.sizes)).all()


def test_a_half_of_wild_squares_does_not_move_the_usual_mean():
    rng = np.random.default_rng(3)
    honest = rng.exponential(2.0, 4000)
    assert usual_mean(honest) == pytest.approx(honest.mean(), rel=0.03)
    assert usual_mean(np.concatenate([honest, rng.uniform(1000, 2000, 1500)])) == pytest.approx(2.0, rel=0.1)
    assert usual_mean(np.zeros(3)) == 0.0


def test_disputes_are_found_worst_first():
    people, _, _ = panel([0.001] * 2, 5)
    people.points[0, 1, :3] += people.sizes[1] * np.array([0.2, 0.0])
    people.points[0, 2, :2] += people.sizes[2] * np.array([0.3, 0.0])
    people.occluded[0, 3, :4] ^= True
    people.occluded[0, 0, :3] ^= True  # three flags are below the limit of four
    sides = [np.array(["right"] * 5, object), np.array(["right"] * 4 + ["left"], object)]
    found = disagreements(people, sides)
    assert [(one.row, one.joints, one.flags, one.side) for one in found] == [
        (4, 0, 0, True), (1, 3, 0, False), (2, 2, 0, False), (3, 0, 4, False)]  # fmt: skip
    assert found[1].far == pytest.approx(0.2, abs=0.01)
