"""The audit of pre-labels on scripted annotators whose habits are known."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.anchoring import audit
from hint_toolkit.io.answers import Answers
from hint_toolkit.quality.anchoring import BIN_NAMES, FEWEST, acceptances, at_least, binned, moved
from hint_toolkit.quality.simulated import simulate_correction
from hint_toolkit.records import Hand, Hands

BOX = np.array([100.0, 100, 300, 300])


def scene(i, rng):
    """Truth and pre-label of a hand: the detector is a little off everywhere, and plainly wrong in a third."""
    facts = {"id": f"h{i}", "frame_id": f"f{i}", "video_id": f"v{i % 40}", "side": "right"}
    points = rng.uniform(110, 290, (21, 2))
    occluded = rng.random(21) < 0.2
    truth = Hand(points=points, exists=np.ones(21, bool), occluded=occluded, box=BOX, **facts)
    guess = points + rng.normal(0, 0.008 * 200, (21, 2))
    if rng.random() < 0.35:
        guess[rng.integers(21)] += 60.0
    facts |= {"detector": "d", "state": "prelabel"}
    return truth, Hand(points=guess, exists=np.ones(21, bool), occluded=occluded, box=BOX, **facts)


def answered(habits, n, seed=0, *, blind=0.0, **every):
    """Answers of people with habits to n hands each, and the detector's hands."""
    rng = np.random.default_rng(seed)
    hands, started, prelabels, k = [], [], [], 0
    for name, habit in habits.items():
        for _ in range(n):
            truth, shown = scene(k, rng)
            k += 1
            prelabels.append(shown)
            hidden = rng.random() < blind
            answer = simulate_correction(truth, None if hidden else shown, rng, **({"flip": 0.0} | every | habit))
            hands.append(
                Hand(**{f: getattr(answer, f) for f in ("id", "frame_id", "video_id", "points", "exists", "occluded")},
                     box=BOX, side=answer.side, annotator=name, state="submitted")
            )  # fmt: skip
            nothing = np.zeros(21, bool)
            empty = Hand(id=shown.id, frame_id=shown.frame_id, points=np.full((21, 2), np.nan), exists=nothing,
                         occluded=nothing, box=np.full(4, np.nan), side="right", state="empty")  # fmt: skip
            started.append(empty if hidden else shown)
    ints, texts = np.arange(k), np.array(["2026"] * k, object)
    table = Answers(Hands.of(hands), Hands.of(started), ints, ints, np.zeros(k, np.int64), texts, texts,
                    np.array(["label"] * k, object), np.array(["p"] * k, object), np.ones(k, bool))  # fmt: skip
    return table, Hands.of(prelabels)


def person(result, name):
    return next(row for row in result["people"] if row["name"] == name)


def test_who_accepts_everything_is_named_and_nobody_else():
    table, prelabels = answered({"ann": {}, "bob": {}, "cem": {}, "lou": {"lazy": 1.0}}, 60)
    result = audit(table, prelabels, resamples=10)
    assert result["named"] == ["lou"]
    assert person(result, "lou")["share"] == 1.0
    assert person(result, "lou")["chance"] < 0.001
    assert person(result, "ann")["share"] == pytest.approx(0.65, abs=0.15)
    shares = {row["who"]: row["shares"]["untouched"] for row in result["moves"] if not row["joint"]}
    assert shares["lou"] == 1.0
    json.dumps(result, allow_nan=False)


def test_mostly_lazy_is_named_too_and_a_little_is_not():
    table, prelabels = answered({"ann": {}, "bob": {}, "cem": {}, "lou": {"lazy": 0.8}, "joe": {"lazy": 0.2}}, 150)
    assert audit(table, prelabels, resamples=10)["named"] == ["lou"]


def test_honest_people_are_hardly_ever_accused_even_when_clips_are_alike():
    accused = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(40), 5)
        easy = np.repeat(rng.random(40) < 0.5, 5)  # whole clips are easy or hard
        accepted = np.where(easy, rng.random(200) < 0.95, rng.random(200) < 0.2)
        people = np.repeat(rng.integers(0, 5, 40), 5)  # who gets a clip gets all of it
        accused += sum(one.named for one in acceptances(list("abcde"), people, accepted, clusters))
    assert accused <= 3


def test_one_person_alone_is_judged_by_the_blind_share():
    for lazy, named in ((1.0, ["ann"]), (0.0, [])):
        table, prelabels = answered({"ann": {"lazy": lazy}}, 200, blind=0.3)
        result = audit(table, prelabels, resamples=10)
        assert result["named"] == named
        assert result["needs_correction"] == pytest.approx(0.3, abs=0.12)
    table, prelabels = answered({"ann": {"lazy": 1.0}}, 200)
    result = audit(table, prelabels, resamples=10)
    assert (result["named"], person(result, "ann")["expected"]) == ([], None)


def test_few_hands_accuse_nobody():
    table, prelabels = answered({"ann": {}, "bob": {}, "lou": {"lazy": 1.0}}, FEWEST - 1)
    assert audit(table, prelabels, resamples=10)["named"] == []


def test_the_blind_share_shows_what_the_pre_labels_gave_their_own_detector():
    habits = {"ann": {"tolerance": 0.04}, "bob": {"tolerance": 0.04}}
    table, prelabels = answered(habits, 300, blind=0.4, sigma=0.03)
    rows = {row["measure"]: row for row in audit(table, prelabels, resamples=200)["effect"]}
    row = rows["PCK@0.05[all]"]
    # untouched points agree with the detector; drawn anew they scatter by 0.03 around the truth
    assert row["shown"] > 0.96
    assert row["blind"] == pytest.approx(0.65, abs=0.08)
    assert row["difference"] == pytest.approx(row["shown"] - row["blind"])
    assert 0.2 < row["difference_interval"][0] < row["difference"] < row["difference_interval"][1]


def test_people_who_look_at_every_point_leave_no_difference():
    table, prelabels = answered({"ann": {"tolerance": 0.0}, "bob": {"tolerance": 0.0}}, 300, blind=0.5, sigma=0.02)
    row = audit(table, prelabels, resamples=200)["effect"][0]
    assert row["difference_interval"][0] < 0 < row["difference_interval"][1]


def test_bins_of_distances_by_hand():
    start = np.zeros((1, 21, 2))
    points = start.copy()
    points[0, :8, 0] = [0.0005, 1.0, 1.001, 2.0, 5.0, 9.9, 10.1, 50.0]
    points[0, 8] = np.nan
    counted = np.ones((1, 21), bool)
    counted[0, 9:] = False
    counts = binned(moved(start, points), np.array([100.0]), counted).sum(axis=1)
    assert dict(zip(BIN_NAMES, counts.tolist(), strict=True)) == {
        "untouched": 1, "to 1 %": 1, "to 2 %": 2, "to 5 %": 1, "to 10 %": 1, "farther": 2}  # fmt: skip


def test_flags_and_sides_are_counted_by_person():
    table, prelabels = answered({"ann": {"flip": 0.1}, "bob": {}}, 40)
    table.hands.side[-1] = "left"
    rows = {row["who"]: row for row in audit(table, prelabels, resamples=10)["flags"]}
    assert rows["bob"] == {"who": "bob", "hands": 40, "added": 0, "removed": 0, "ticked occluded": 0,
                           "ticked visible": 0, "side": 1}  # fmt: skip
    assert rows["ann"]["ticked occluded"] + rows["ann"]["ticked visible"] == pytest.approx(84, abs=35)


def test_the_binomial_tail_against_an_independent_one():
    rng = np.random.default_rng(0)
    for k, n, p in ((8, 10, 0.5), (1, 3, 0.2), (0, 5, 0.3), (590, 1200, 0.45)):
        drawn = (rng.binomial(n, p, 200_000) >= k).mean()
        assert at_least(k, n, p) == pytest.approx(drawn, abs=0.004)
    assert at_least(5, 5, 1.0) == 1.0


def test_without_a_shown_task_there_is_one_line():
    table, prelabels = answered({"ann": {}}, 5, blind=1.1)
    with pytest.raises(InputError, match="nothing that was shown"):
        audit(table, prelabels)
