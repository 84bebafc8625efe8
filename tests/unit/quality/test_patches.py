"""A patch gives the other version to the last bit, forth and back; what does not fit is named."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hint_toolkit.errors import InputError
from hint_toolkit.io.errata import PROVENANCE, Entry
from hint_toolkit.io.release import content_hash
from hint_toolkit.quality.changes import changes_between
from hint_toolkit.quality.patches import entries_of, merged, misfits, patched
from hint_toolkit.records import Hand, Hands

IDS = ["plain", "plain_l", "TEST_a_img/one_l", "TEST_a_img/one_r", "TRAIN_a_img/one_l", "VAL_epick_seq/two_r"]
POINTS = st.sampled_from([(0.0, 0.0), (np.nan, np.nan), (-0.0, 0.0), (np.nan, 1.0), (0.1 + 0.2, 5.0)])
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 0.1 + 0.2, 1e-300, 123.456789012345678, np.nan])


@st.composite
def some_hands(draw):
    """Few hands of few ids and values, so that two draws meet; every oddity that a file can hold."""
    made = []
    for name in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=5)):
        points, box = np.zeros((21, 2)), np.array([0.0, 0, 10, 10])
        exists, occluded = np.ones(21, bool), np.zeros(21, bool)
        for joint in draw(st.lists(st.integers(0, 3), max_size=4)):
            points[joint] = draw(POINTS)
            exists[joint] = draw(st.booleans())
        occluded[:2] = exists[:2] & draw(st.booleans())
        box[draw(st.integers(0, 3))] = draw(NUMBERS)
        side, time = draw(st.sampled_from(["left", "right"])), draw(NUMBERS)
        made.append(
            Hand(name, "f", points, exists, occluded, box, side, time=time, licence=draw(st.sampled_from("ab")))
        )
    return Hands.of(made)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some_hands(), some_hands(), st.booleans())
def test_diff_then_patch_is_the_other_version(old, new, provenance):
    entries = entries_of(changes_between(old, new), provenance=provenance)
    entries = [Entry(**one) for one in json.loads(json.dumps([vars(entry) for entry in entries], allow_nan=False))]
    assert misfits(old, entries) == {}
    result = patched(old, entries)
    assert content_hash(result) == content_hash(new)
    if provenance:
        for name in PROVENANCE:
            if name not in ("split", "source", "subset"):  # a renamed hand takes those from its folder
                np.testing.assert_array_equal(getattr(result, name), getattr(new.sorted(), name))
    assert (len(entries) == 0) == (content_hash(old) == content_hash(new)) or provenance


def test_an_absent_joint_at_the_corner_has_no_point_before_and_after(make_hands):
    """HInt's json writes 0, 0 where nothing is known; it must not become a point once the joint exists."""
    hands = make_hands(1)
    points, flags = hands.points.copy(), np.zeros((1, 21), bool)
    points[0, 6] = 0, 0
    old = hands.replace(points=points, exists=flags, occluded=flags)
    points[0, 6], flags[0, 6] = np.nan, True
    new = hands.replace(points=points, exists=flags, occluded=np.zeros((1, 21), bool))
    (entry,) = entries_of(changes_between(old, new))
    assert entry.new == {"exists": {"forefinger2": True}}
    assert content_hash(patched(old, [entry])) == content_hash(new)
    (whole,) = entries_of(changes_between(old[:0], old))
    assert "forefinger2" not in whole.new["points"]
    assert len(whole.new["points"]) == 20


def test_an_entry_says_only_what_changed(make_hands):
    hands = make_hands(3)
    points, occluded = hands.points.copy(), hands.occluded.copy()
    points[1, 4], was = (100.1, 200.2), points[1, 4].tolist()
    occluded[2, 0] = ~occluded[2, 0]
    now = bool(occluded[2, 0])
    new = hands.replace(points=points, occluded=occluded, licence=["x"] * 3)
    assert entries_of(changes_between(hands, new)) == [
        Entry("change", hands.id[1], {"points": {"thumb4": was}}, {"points": {"thumb4": [100.1, 200.2]}}),
        Entry("change", hands.id[2], {"occluded": {"wrist": not now}}, {"occluded": {"wrist": now}}),
    ]


def test_provenance_is_patched_on_request(make_hands):
    hands = make_hands(2)
    new = hands.replace(licence=["MIT", ""], redistributable=[False, True], time=[np.nan, hands.time[1]])
    assert entries_of(changes_between(hands, new)) == []
    (entry,) = entries_of(changes_between(hands, new), provenance=True)
    assert entry.new == {"licence": "MIT", "redistributable": False, "time": None}
    result = patched(hands, [entry])
    assert result.licence.tolist() == ["MIT", ""]
    assert result.redistributable.tolist() == [False, True]
    assert np.isnan(result.time[0])


def test_a_renamed_hand_moves_to_the_split_of_its_folder(make_hands):
    hands = make_hands(2)
    ids = [hands.id[0].replace("TEST_", "TRAIN_").replace("img", "seq"), hands.id[1]]
    (entry,) = entries_of(changes_between(hands, hands.replace(id=ids)))
    assert (entry.old, entry.new) == ({"id": hands.id[0]}, {"id": ids[0]})
    result = patched(hands, [entry])
    assert dict(zip(result.id, zip(result.split, result.subset, strict=True), strict=True)) == {
        ids[0]: ("TRAIN", "seq"),
        ids[1]: ("TEST", "img"),
    }


def test_a_changed_hand_loses_the_spelling_of_its_old_numbers(make_hands):
    hands = make_hands(2).replace(original=["{}", "{}"])
    entry = Entry("change", hands.id[0], {}, {"points": {"wrist": [1.0, 2.0]}})
    assert patched(hands, [entry]).original.tolist() == ["", "{}"]


def test_a_new_hand_takes_the_picture_of_its_frame(make_hands):
    hands = make_hands(1).replace(image=["images/a.jpg"])
    new = {"side": "left", "box": [0, 0, 1, 1], "frame_id": hands.frame_id[0]}
    result = patched(hands, [Entry("add", "z1", new=new), Entry("add", "z2", new=new | {"frame_id": "other"})])
    assert result.image.tolist() == ["images/a.jpg", "images/a.jpg", ""]
    assert not result[1].exists.any()


def test_what_does_not_fit_is_named_with_its_joint(make_hands):
    hands = make_hands(5).sorted()
    x, y = hands.points[0, 3]
    entries = [
        Entry("change", hands.id[0], {"points": {"thumb3": [np.nextafter(x, 0), y]}}, {"points": {"thumb3": [1, 1]}}),
        Entry("remove", hands.id[1], {"sha256": "0" * 64}),
        Entry("change", "nobody", {"side": "left"}, {"side": "right"}),
        Entry("add", hands.id[2], new={"side": "left", "box": [0, 0, 1, 1]}),
        Entry("change", hands.id[3], {"box": hands.box[3].tolist()}, {"box": [0, 0, 1, 1]}),
        Entry("change", hands.id[4], {"side": "right", "box": [0, 0, 1, None]}, {"side": "left", "box": [0, 0, 1, 1]}),
    ]
    assert misfits(hands, entries) == {
        hands.id[0]: "has another points of thumb3 than the old value",
        hands.id[1]: "is not the hand that was removed",
        "nobody": "is not there",
        hands.id[2]: "is there already",
        hands.id[4]: f"has another {'box' if hands.side[4] == 'right' else 'side, box'} than the old value",
    }


def test_a_hand_may_not_stand_there_twice_or_contradict_itself(make_hands):
    hands = make_hands(2)
    twice = Entry("change", hands.id[0], {"id": hands.id[0]}, {"id": hands.id[1]})
    with pytest.raises(InputError, match=f"would stand there twice: {hands.id[1]}"):
        patched(hands, [twice])
    absent = Entry("change", hands.id[0], {}, {"exists": {"wrist": False}, "occluded": {"wrist": True}})
    with pytest.raises(InputError, match="contradict themselves.*occluded"):
        patched(hands, [absent])


def wrist(hand_id, value):
    return Entry("change", hand_id, {"points": {"wrist": [0, 0]}}, {"points": {"wrist": value}})


def test_patches_for_one_base_are_merged_joint_by_joint():
    old, new = {"points": {"thumb1": [0, 0]}, "side": "left"}, {"points": {"thumb1": [5, 5]}, "side": "right"}
    thumb = Entry("change", "a", old, new)
    whole = merged([("1.json", [wrist("b", [1, 1]), wrist("a", [2, 2])]), ("2.json", [thumb])])
    assert [entry.id for entry in whole] == ["a", "b"]
    assert whole[0].new == {"points": {"wrist": [2, 2], "thumb1": [5, 5]}, "side": "right"}
    assert whole[0].old == {"points": {"wrist": [0, 0], "thumb1": [0, 0]}, "side": "left"}


@pytest.mark.parametrize("other", [wrist("a", [3, 3]), Entry("remove", "a", {"sha256": "0" * 64})])
def test_patches_that_touch_the_same_conflict(other):
    with pytest.raises(InputError, match=r"^2.json: conflicts with 1.json in 1 hands: a; apply one"):
        merged([("1.json", [wrist("a", [2, 2])]), ("2.json", [other])])
