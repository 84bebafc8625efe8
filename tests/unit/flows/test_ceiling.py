"""Two people against each other: directions, flags, partners, and two annotators of one file."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.ceiling import WITHIN_PALM, score_ceiling
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.records import Hands


def save(path, hands):
    write_table(path, hands_to_table(hands), {})
    return path


def rows(results, source="folder"):
    return {(r["measure"], r["direction"]): r for r in results["rows"] if r["source"] == source}


@pytest.fixture
def same(make_hands):
    """Hands in which everything exists, with a palm of 80 pixels and a box of 400 x 400."""
    hands = make_hands(20, clips=5)
    points = hands.points.round()  # so that a shift by 20 is exactly 20
    points[:, 9] = points[:, 0] + [80, 0]
    box = np.tile([50.0, 50, 450, 450], (20, 1))
    return hands.replace(points=points, exists=np.ones((20, 21), bool), occluded=hands.occluded, box=box)


def test_a_person_agrees_with_himself(tmp_path, make_hands):
    hands = make_hands(20)
    results = score_ceiling(save(tmp_path / "a.parquet", hands), save(tmp_path / "b.parquet", hands))
    assert {r["value"] for r in results["rows"]} == {1.0}
    assert results["incomplete"] is None
    assert results["counts"] == {"both": 20, "only_a": 0, "only_b": 0, "side_agreement": 1.0}
    json.dumps(results, allow_nan=False)


def test_distances_are_measured_by_the_palm_and_by_the_box(tmp_path, same):
    # 20 pixels are 0.25 palms and 0.05 boxes: both borders belong to it.
    for shift, expected in ((20.0, 1.0), (20.001, 0.0)):
        moved = same.replace(points=same.points + np.array([shift, 0]))
        got = rows(score_ceiling(save(tmp_path / "a.parquet", same), save(tmp_path / "b.parquet", moved)))
        for direction in ("b against a", "a against b"):
            assert got[(WITHIN_PALM, direction)]["value"] == expected
            assert got[("PCK@0.05[all]", direction)]["value"] == expected
            assert got[("PCK@0.1[visible]", direction)]["value"] == 1.0


def test_the_flags_of_the_one_scored_against_decide(tmp_path, same):
    a = same.replace(occluded=np.zeros((20, 21), bool))
    b = same.replace(occluded=np.ones((20, 21), bool))
    got = rows(score_ceiling(save(tmp_path / "a.parquet", a), save(tmp_path / "b.parquet", b)))
    assert got[("PCK@0.05[visible]", "b against a")]["joints"] == 420
    assert got[("PCK@0.05[visible]", "a against b")]["value"] is None
    assert got[("PCK@0.05[occluded]", "a against b")]["joints"] == 420
    assert got[("occlusion agreement", "both")]["value"] == 0
    assert got[(WITHIN_PALM, "a against b")]["value"] is None


def test_flags_are_counted_and_kappa_takes_chance_off(tmp_path, same):
    occluded = np.zeros((20, 21), bool)
    occluded[:10] = True
    other = occluded.copy()
    other[0] = False
    a, b = same.replace(occluded=occluded), same.replace(occluded=other)
    got = rows(score_ceiling(save(tmp_path / "a.parquet", a), save(tmp_path / "b.parquet", b)))
    row = got[("occlusion agreement", "both")]
    assert row["value"] == 19 / 20
    # Chance agrees on 0.5 x 0.45 + 0.5 x 0.55 = 0.5.
    kappa = got[("occlusion kappa", "both")]
    assert kappa["value"] == pytest.approx((0.95 - 0.5) / 0.5, abs=1e-12)
    assert kappa["interval"][0] < kappa["value"] <= kappa["interval"][1]
    assert got[("existence agreement", "both")]["value"] == 1.0
    assert got[("existence kappa", "both")]["value"] is None


def test_a_joint_that_the_other_calls_absent_is_wrong_and_no_part_of_occlusion(tmp_path, same):
    fewer = np.ones((20, 21), bool)
    fewer[:, 4] = False
    b = same.replace(exists=fewer, occluded=same.occluded & fewer)
    results = score_ceiling(save(tmp_path / "a.parquet", same), save(tmp_path / "b.parquet", b))
    got = rows(results)
    assert got[("PCK@0.15[all]", "b against a")]["value"] == pytest.approx(20 / 21, abs=1e-12)
    assert got[("PCK@0.15[all]", "a against b")]["value"] == 1.0
    assert got[("existence agreement", "both")]["value"] == pytest.approx(20 / 21, abs=1e-12)
    assert got[("occlusion agreement", "both")]["joints"] == 400
    joint = results["per_joint"][4]
    assert (joint["PCK@0.05[all]"], joint["existence agreement"], joint["occlusion agreement"]) == (0, 0, None)
    assert results["per_joint"][5]["PCK@0.05[all]"] == 1


def test_hands_without_a_palm_leave_that_measure_only(tmp_path, same):
    exists = np.ones((20, 21), bool)
    exists[:5, 0] = False
    a = same.replace(exists=exists, occluded=np.zeros((20, 21), bool))
    got = rows(score_ceiling(save(tmp_path / "a.parquet", a), save(tmp_path / "b.parquet", same)))
    assert got[(WITHIN_PALM, "b against a")]["hands"] == 15
    assert got[("PCK@0.05[all]", "b against a")]["hands"] == 20


def test_a_hand_without_a_size_is_refused_by_name(tmp_path, same):
    box = same.box.copy()
    box[3] = [9, 9, 9, 9]
    with pytest.raises(InputError, match=rf"1 hands have no size by bbox-max: {same.id[3]}"):
        score_ceiling(save(tmp_path / "a.parquet", same.replace(box=box)), save(tmp_path / "b.parquet", same))


def test_hands_of_one_person_only_are_counted_and_named(tmp_path, make_hands):
    hands = make_hands(10)
    a, b = save(tmp_path / "a.parquet", hands[:8]), save(tmp_path / "b.parquet", hands[1:])
    results = score_ceiling(a, b)
    assert results["counts"] | {"side_agreement": 0} == {"both": 7, "only_a": 1, "only_b": 2, "side_agreement": 0}
    assert "1 only in a.parquet" in results["incomplete"]
    assert "2 only in b.parquet" in results["incomplete"]
    assert len(results["only_b"]) == 2
    with pytest.raises(InputError, match="no hand is in both.*two labellings of the same images"):
        score_ceiling(a, save(tmp_path / "c.parquet", hands[8:]))


def test_a_side_that_two_people_see_differently_is_still_one_hand(tmp_path, make_hands):
    hands = make_hands(4)
    other = hands.replace(
        id=[f"{i[:-1]}{'l' if i[-1] == 'r' else 'r'}" for i in hands.id],
        side=["left" if s == "right" else "right" for s in hands.side],
    )
    results = score_ceiling(save(tmp_path / "a.parquet", hands), save(tmp_path / "b.parquet", other))
    assert results["counts"] == {"both": 4, "only_a": 0, "only_b": 0, "side_agreement": 0.0}
    # HInt's own names tell two hands of a frame apart by the side alone.
    named = hands.replace(id=[f"TEST_newdays_img/ND_x_frame{k:06d}_r" for k in range(4)])
    left = named.replace(id=[f"{i[:-1]}l" for i in named.id])
    with pytest.raises(InputError, match="no hand is in both"):
        score_ceiling(save(tmp_path / "a.parquet", named), save(tmp_path / "b.parquet", left))


def test_two_annotators_of_one_file_the_last_answer_counts(tmp_path, make_hands):
    hands = make_hands(6)
    ann, bob = hands.replace(annotator=["ann"] * 6), hands.replace(annotator=["bob"] * 6)
    first_try = bob.replace(points=bob.points + 500)[:1]
    skipped = bob[5:].replace(state=["skipped"])
    path = save(tmp_path / "annotations.parquet", Hands.concat([ann, first_try, bob, skipped]))
    results = score_ceiling(path, annotators=("ann", "bob"))
    assert rows(results)[("PCK@0.05[all]", "b against a")]["value"] == 1.0
    assert results["counts"] | {"side_agreement": 0} == {"both": 5, "only_a": 1, "only_b": 0, "side_agreement": 0}
    assert results["b"]["name"] == "bob"
    with pytest.raises(InputError, match=r"nobody is called 'eve'.*there are ann, bob"):
        score_ceiling(path, annotators=("ann", "eve"))


def test_it_wants_exactly_one_second_person(tmp_path, make_hands):
    path = save(tmp_path / "a.parquet", make_hands(2))
    for b, annotators in ((None, None), (path, ("x", "y"))):
        with pytest.raises(InputError, match="wants a second person"):
            score_ceiling(path, b, annotators=annotators)


def test_sources_apart_and_together_with_intervals_by_clip(tmp_path, make_hands, rng):
    both = Hands.concat([make_hands(12, source="newdays"), make_hands(12, source="visor", clips=1)])
    other = both.replace(points=both.points + rng.normal(0, 12, both.points.shape))
    results = score_ceiling(save(tmp_path / "a.parquet", both), save(tmp_path / "b.parquet", other), seed=3)
    assert {row["source"] for row in results["rows"]} == {"newdays", "visor", "all sources"}
    key = ("PCK@0.05[all]", "b against a")
    low, high = rows(results, "newdays")[key]["interval"]
    assert low <= rows(results, "newdays")[key]["value"] <= high
    assert rows(results, "visor")[key]["interval"] is None
    assert rows(results, "all sources")[key]["hands"] == 24
    again = score_ceiling(tmp_path / "a.parquet", tmp_path / "b.parquet", seed=3)
    assert json.dumps(again) == json.dumps(results)
