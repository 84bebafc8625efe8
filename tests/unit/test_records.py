import dataclasses

import numpy as np
import pytest

from hint_toolkit.records import HAND_FIELDS, Hand, Hands, hand_schema


def hand(**changes):
    base = {
        "id": "f_h0",
        "frame_id": "f",
        "points": np.zeros((21, 2)),
        "exists": np.ones(21, bool),
        "occluded": np.zeros(21, bool),
        "box": np.array([0, 0, 1, 1]),
        "side": "left",
    }
    return Hand(**(base | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((20, 2))}, r"hand f_h0: points must have shape \(21, 2\), got \(20, 2\)"),
        ({"side": "Left"}, "side must be one of"),
        ({"state": "done"}, "state must be one of"),
        ({"exists": np.zeros(21, bool), "occluded": np.ones(21, bool)}, "occluded and absent"),
    ],
)
def test_a_hand_is_checked_at_the_door(changes, message):
    with pytest.raises(ValueError, match=message):
        hand(**changes)


def test_hands_are_arrays_and_give_hands_back(make_hands):
    hands = make_hands(7)
    assert hands.points.shape == (7, 21, 2)
    assert len(hands[2:5]) == 3
    one = hands[3]
    assert one.id == hands.id[3]
    assert isinstance(one.width, int)
    again = Hands.of([hands[i] for i in range(7)])
    for name in HAND_FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(hands, name))


def test_iterating_ends_and_gives_every_hand(make_hands):
    hands = make_hands(4)
    assert [h.id for h in hands] == hands.id.tolist()


def test_hands_name_the_first_bad_one(make_hands):
    hands = make_hands(3)
    side = hands.side.copy()
    side[1] = "both"
    with pytest.raises(ValueError, match=rf"hand {hands.id[1]}: side must be one of .* got 'both'"):
        hands.replace(side=side)
    with pytest.raises(ValueError, match="occluded has a joint that does not exist"):
        hands.replace(exists=np.zeros((3, 21), bool), occluded=np.ones((3, 21), bool))


def test_no_hands_keep_their_shapes():
    nothing = Hands.of([])
    assert nothing.points.shape == (0, 21, 2)
    assert len(Hands.concat([])) == 0
    assert len(nothing.sorted()) == 0


def test_columns_must_be_complete(make_hands):
    hands = make_hands(2)
    columns = {name: getattr(hands, name) for name in HAND_FIELDS}
    del columns["side"]
    with pytest.raises(ValueError, match=r"missing \['side'\]"):
        Hands(columns)


def test_every_field_has_a_column_in_the_schema():
    assert hand_schema().names == [f.name for f in dataclasses.fields(Hand)]
    assert not any(column.nullable for column in hand_schema())
