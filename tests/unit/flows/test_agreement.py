"""Agreement of people whose habits are known, against independent implementations and cases worked by hand."""

import json

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from hint_toolkit.errors import InputError
from hint_toolkit.flows.agreement import EVERYBODY, agreement
from hint_toolkit.flows.agreement_sums import DISTANCE_PALM, DISTANCE_SIZE, SIDE, pair_sums
from hint_toolkit.flows.ceiling import score_ceiling
from hint_toolkit.flows.pairs import WITHIN_PALM
from hint_toolkit.flows.people import people_of, read_people
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.agreement import interval
from hint_toolkit.records import Hand, Hands


def answers(people, n=60, seed=0, *, sigma=0.0, flip=0.0, share=1.0, missing=0.0):
    """Hands of 200 px whose points everybody puts at the truth plus noise; lists of rows by person."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        truth = rng.uniform(100, 300, (21, 2))
        occluded = rng.random(21) < 0.3
        for name in people:
            scatter = sigma[name] if isinstance(sigma, dict) else sigma
            if rng.random() > share:
                continue
            exists = rng.random(21) >= missing
            found.append(
                Hand(
                    id=f"v{i % 12}_frame{i}_h0",
                    frame_id=f"v{i % 12}_frame{i}",
                    video_id=f"v{i % 12}",
                    points=truth + rng.normal(0, scatter * 200, (21, 2)),
                    exists=exists,
                    occluded=(occluded ^ (rng.random(21) < flip)) & exists,
                    box=np.array([100.0, 100, 300, 300]),
                    side="right" if i % 3 else "left",
                    annotator=name,
                    seconds=10.0 + i,
                    state="submitted",
                )
            )
    return Hands.of(found)


def write_hands(path, hands):
    write_table(path, hands_to_table(hands), {})


def measured(result, measure, who=EVERYBODY, joint=None):
    found = [r for r in result["rows"] if (r["measure"], r["who"], r["joint"]) == (measure, who, joint)]
    assert len(found) == 1, measure
    return found[0]


def flags(hands, people, name):
    """Ratings as the reference packages want them: people x units, NaN where nobody was asked."""
    ids = sorted(set(hands.id))
    table = np.full((len(people), len(ids), 21), np.nan)
    for hand in hands:
        row = getattr(hand, name).astype(float)
        if name == "occluded":
            row = np.where(hand.exists, row, np.nan)
        table[people.index(hand.annotator), ids.index(hand.id)] = row
    return table


def test_kappa_and_agreement_of_two_equal_scikit_learn():
    hands = answers(["ann", "bob"], flip=0.15, missing=0.1, share=0.8)
    result = agreement(people_of(hands), resamples=50)
    for flag, column in (("occlusion", "occluded"), ("existence", "exists")):
        a, b = flags(hands, ["ann", "bob"], column).reshape(2, -1)
        both = ~np.isnan(a) & ~np.isnan(b)
        kappa = cohen_kappa_score(a[both], b[both])
        assert measured(result, f"{flag} kappa")["value"] == pytest.approx(kappa, abs=1e-12)
        assert measured(result, f"{flag} agreement")["value"] == pytest.approx((a[both] == b[both]).mean(), abs=1e-12)
        a, b = flags(hands, ["ann", "bob"], column)[:, :, 3]
        both = ~np.isnan(a) & ~np.isnan(b)
        joint = measured(result, f"{flag} kappa", joint=JOINTS[3])["value"]
        assert joint == pytest.approx(cohen_kappa_score(a[both], b[both]), abs=1e-12)


def test_alpha_of_four_with_gaps_equals_the_krippendorff_package():
    people = ["ann", "bob", "cem", "dan"]
    hands = answers(people, flip=0.1, missing=0.1, share=0.6)
    result = agreement(people_of(hands), resamples=20)
    for flag, column in (("occlusion", "occluded"), ("existence", "exists")):
        data = flags(hands, people, column).reshape(4, -1)
        wanted = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
        assert measured(result, f"{flag} alpha")["value"] == pytest.approx(wanted, abs=1e-12)
    assert not [row for row in result["rows"] if row["who"] == EVERYBODY and "kappa" in row["measure"]]
    assert measured(result, "occlusion kappa", "ann, dan")["value"] < 1


@pytest.mark.parametrize("normaliser", ["bbox-max", "kp-extent-max"])
def test_pck_between_people_is_the_ceilings_two_directions_together(tmp_path, normaliser):
    hands = answers(["ann", "bob"], sigma=0.04, flip=0.1)  # nobody misses a joint: both directions weigh the same
    write_hands(tmp_path / "a.parquet", hands)
    ceiling = score_ceiling(tmp_path / "a.parquet", annotators=("ann", "bob"), normaliser=normaliser, resamples=2)
    result = agreement(people_of(hands), normaliser=normaliser, resamples=2)
    for name in ("PCK@0.05[all]", "PCK@0.1[all]"):
        ways = [row["value"] for row in ceiling["rows"] if row["measure"] == name]
        assert len(ways) == 2
        assert measured(result, name)["value"] == pytest.approx(np.mean(ways), abs=1e-12)
    ways = [row for row in ceiling["rows"] if row["measure"] == WITHIN_PALM]
    joints = sum(row["joints"] for row in ways)
    wanted = sum(row["value"] * row["joints"] for row in ways) / joints
    assert measured(result, WITHIN_PALM)["value"] == pytest.approx(wanted, abs=1e-12)


def test_distances_of_a_case_worked_by_hand():
    one = answers(["ann"], n=2)
    moved = one.replace(points=one.points + np.array([3.0, 4.0]), annotator=["bob"] * 2, side=["left", "left"])
    result = agreement(people_of(Hands.concat([one, moved])), resamples=10)
    assert measured(result, DISTANCE_SIZE)["value"] == pytest.approx(5 / 200)
    palms = np.hypot(*(one.points[:, 9] - one.points[:, 0]).T)
    assert measured(result, DISTANCE_PALM)["value"] == pytest.approx((5 / palms).mean())
    assert measured(result, SIDE)["value"] == 0.5
    assert result["sigmas"]["wrist"] == pytest.approx(np.sqrt(25 / 200**2 / 2))
    assert measured(result, "occlusion agreement")["value"] == 1
    assert measured(result, "PCK@0.05[all]")["value"] == 1
    json.dumps(result, allow_nan=False)


def test_sigmas_are_those_of_the_people():
    hands = answers(["ann", "bob", "cem"], n=300, sigma=0.02, flip=0.1)
    result = agreement(people_of(hands), resamples=300)
    # the sigma of a keypoint similarity is of the whole distance: sqrt(2) times that of a coordinate
    assert list(result["sigmas"].values()) == pytest.approx([0.02 * np.sqrt(2)] * 21, rel=0.1)
    assert [row["sigma"] for row in result["people"]] == pytest.approx([0.02] * 3, rel=0.1)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    chance = 0.34**2 + 0.66**2  # 0.3 x 0.9 + 0.7 x 0.1 say occluded
    truth = {"occlusion agreement": 0.9**2 + 0.1**2, "occlusion kappa": (0.82 - chance) / (1 - chance)}
    held = dict.fromkeys(truth, 0)
    for seed in range(60):
        hands = answers(["ann", "bob"], n=36, seed=seed, flip=0.1)  # 12 clips
        measures = pair_sums(*_pair(hands), 12, "bbox-max")
        for name, wanted in truth.items():
            low, high = interval(measures[name].pooled, measures[name].together(), resamples=200, seed=seed)
            held[name] += low <= wanted <= high
    assert all(52 <= n < 60 for n in held.values()), held


def _pair(hands):
    people = people_of(hands)
    ((a, b, both),) = people.pairs()
    return (people.of(a, both), people.of(b, both)), people.clusters[both]


def test_who_is_alone_is_left_out_and_an_answer_given_twice_counts_once():
    hands = answers(["ann", "bob"], n=6)
    again = hands.take(hands.annotator == "ann")
    changed = again.replace(occluded=np.zeros_like(again.occluded))
    alone = answers(["zoe"], n=1, seed=5).replace(id=["other_h0"], frame_id=["other"])
    result = agreement(people_of(Hands.concat([hands, changed, alone])), resamples=5)
    assert result["hands"] == 6
    assert [(row["name"], row["hands"], row["shared"]) for row in result["people"]] == [
        ("ann", 6, 6),
        ("bob", 6, 6),
        ("zoe", 1, 0),
    ]
    wanted = 1 - hands.take(hands.annotator == "bob").occluded.mean()
    assert measured(result, "occlusion agreement")["value"] == pytest.approx(wanted)


def test_nothing_shared_and_nobody_are_one_line_each(tmp_path):
    write_hands(tmp_path / "one.parquet", answers(["ann"], n=3))
    with pytest.raises(InputError, match="3 hands by ann"):
        agreement(read_people(None, tmp_path / "one.parquet"))
    write_hands(tmp_path / "none.parquet", answers(["ann"], n=3).replace(state=["skipped"] * 3))
    with pytest.raises(InputError, match="nobody has submitted"):
        read_people(None, tmp_path / "none.parquet")
    with pytest.raises(InputError, match="no answers are named"):
        read_people(None, None)


def test_hands_without_any_joint_and_one_clip_give_no_interval_and_no_nan():
    hands = answers(["ann", "bob"], n=3, missing=1.1).replace(video_id=["v"] * 6)
    result = agreement(people_of(hands), resamples=5)
    assert measured(result, DISTANCE_SIZE)["value"] is None
    assert measured(result, "existence agreement")["value"] == 1
    assert measured(result, "existence agreement")["interval"] is None
    assert set(result["sigmas"].values()) == {None}
    json.dumps(result, allow_nan=False)
