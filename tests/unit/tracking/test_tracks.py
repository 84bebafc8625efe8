"""Tracks of cases that one can follow by hand; boxes are squares of 100 pixels, 30 frames a second."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.tracking.tracks import NO_TRACK, Tracker, TrackRules


def square(x, y=100.0, size=100.0):
    return [x - size / 2, y - size / 2, x + size / 2, y + size / 2]


def follow(frames, rules=None, fps=30.0):
    """Frames are lists of (x, side) or (x, side, y); gives the numbers a frame and the tracker."""
    tracker = Tracker(rules)
    out = []
    for k, hands in enumerate(frames):
        boxes = [square(hand[0], *hand[2:]) for hand in hands]
        out.append(tracker.step(k, k / fps, np.array(boxes), [hand[1] for hand in hands]).tolist())
    return out, tracker


def test_two_hands_keep_their_numbers_whatever_their_order():
    out, tracker = follow([[(100, "left"), (400, "right")], [(405, "right"), (104, "left")], [(108, "left")]])
    assert out == [[0, 1], [1, 0], [0]]
    assert [track.side for track in tracker.tracks] == ["left", "right"]
    assert [(t.first, t.last, t.frames) for t in tracker.tracks] == [(0, 2, 3), (0, 1, 2)]


def test_hands_that_cross_are_told_apart_by_side():
    xs = np.linspace(0, 400, 21)
    out, _ = follow([[(x, "left"), (400 - x, "right")] for x in xs])
    assert out == [[0, 1]] * 21


def test_hands_of_one_side_that_cross_are_told_apart_by_where_they_were_going():
    xs = np.linspace(0, 400, 20)  # nearest to each other they are at 189 and 211, and then the other way round
    out, _ = follow([[(x, "right"), (400 - x, "right")] for x in xs])
    assert out == [[0, 1]] * 20


def test_the_least_cost_in_all_is_taken_and_not_the_best_pair_first():
    # Both hands go 40 to the right. The second's new box fits the first's old one best, and taking that pair first
    # would leave 0's own box to nobody.
    tracker = Tracker(TrackRules(reach=0.0, speed=0.0))
    tracker.step(0, 0.0, np.array([square(100), square(150)]), ["right", "right"])
    got = tracker.step(1, 1 / 30, np.array([square(145), square(208)]), ["right", "right"])
    assert got.tolist() == [0, 1]


def test_a_side_that_swaps_for_one_frame_changes_no_track_and_is_outvoted():
    out, tracker = follow(
        [[(100, "left"), (400, "right")]] * 3
        + [[(100, "right"), (400, "left")]]
        + [[(100, "left"), (400, "right")]] * 2
    )
    assert out == [[0, 1]] * 6
    assert [track.side for track in tracker.tracks] == ["left", "right"]
    assert [track.overruled for track in tracker.tracks] == [1, 1]


def test_where_places_cannot_tell_hands_apart_their_sides_do():
    # Clasped hands pass each other by a little: by place alone each would take the other's box.
    out, _ = follow([[(100, "left"), (140, "right")], [(119, "right"), (121, "left")]])
    assert out == [[0, 1], [1, 0]]


def test_votes_weigh_as_much_as_they_are_sure():
    tracker = Tracker()
    for k, (side, sure) in enumerate([("left", 0.55), ("left", 0.55), ("right", 0.99), ("right", 0.99)]):
        tracker.step(k, k / 30, np.array([square(100)]), [side], votes=np.array([sure]))
    assert tracker.tracks[0].side == "right"
    tracker.step(4, 4 / 30, np.array([square(100)]), ["left"], votes=np.array([np.nan]))
    assert tracker.tracks[0].side == "left"  # 0.55 + 0.55 + 1 against 1.98


def test_a_gap_of_three_frames_is_bridged_and_counted():
    moving = [[(100 + 5 * k, "right")] for k in range(4)] + [[]] * 3 + [[(100 + 5 * k, "right")] for k in range(7, 10)]
    out, tracker = follow(moving)
    assert [numbers for numbers in out if numbers] == [[0]] * 7
    assert (tracker.tracks[0].gaps, tracker.tracks[0].longest_gap) == (3, 3)


def test_a_hand_that_moved_on_during_a_gap_is_found_by_its_side_and_no_other_hand_is():
    still = [[(100, "left")]] * 3 + [[]] * 6
    assert follow([*still, [(230, "left")]])[0][-1] == [0]  # 1.3 hand sizes in seven frames
    assert follow([*still, [(230, "right")]])[0][-1] == [1]
    assert follow([*still, [(500, "left")]])[0][-1] == [1]  # four hand sizes are out of reach


def test_a_track_dies_after_its_gap():
    out, tracker = follow([[(100, "left")]] + [[]] * 15 + [[(100, "left")]], TrackRules(max_gap=0.5))
    assert out[-1] == [1]
    assert follow([[(100, "left")]] + [[]] * 14 + [[(100, "left")]], TrackRules(max_gap=0.5))[0][-1] == [0]
    assert len(tracker.tracks) == 2


def test_a_new_hand_is_born_only_if_it_is_sure_enough_but_an_old_one_may_be_unsure():
    tracker = Tracker(TrackRules(birth=0.5))
    boxes = np.array([square(100), square(400)])
    assert tracker.step(0, 0.0, boxes, scores=np.array([0.9, 0.2])).tolist() == [0, NO_TRACK]
    assert tracker.step(1, 0.1, boxes, scores=np.array([0.2, np.nan])).tolist() == [0, 1]
    assert tracker.refused == 1


def test_of_duplicates_the_surer_one_stays():
    tracker = Tracker()
    boxes = np.array([square(100), square(104), square(400)])
    got = tracker.step(0, 0.0, boxes, ["left", "left", "right"], scores=np.array([0.6, 0.9, 0.9]))
    assert got.tolist() == [NO_TRACK, 0, 1]
    assert tracker.duplicates == 1
    # A left and a right hand that lie on each other are two.
    assert Tracker().step(0, 0.0, boxes[:2], ["left", "right"]).tolist() == [0, 1]


def test_short_tracks_are_no_tracks_and_the_others_are_numbered_anew_from_one():
    _, tracker = follow([[(100, "left")], [(400, "right")], [(402, "right")]], TrackRules(min_frames=2))
    assert [track.frames for track in tracker.tracks] == [1, 2]
    assert tracker.kept() == {1: 1}


def test_nothing_and_boxes_that_are_none():
    tracker = Tracker()
    assert tracker.step(0, 0.0, np.zeros((0, 4))).shape == (0,)
    flat = np.array([[5.0, 5, 5, 9], [np.nan] * 4, square(100)])
    assert tracker.step(1, 0.1, flat).tolist() == [NO_TRACK, NO_TRACK, 0]
    assert tracker.tracks[0].side == ""


def test_another_hand_that_overlaps_a_little_does_not_take_a_track_over():
    # The left hand left; a right one comes where its edge was: IoU 0.25 is enough for its own side only.
    assert follow([[(100, "left")]] * 2 + [[(160, "right")]])[0][-1] == [1]
    assert follow([[(100, "left")]] * 2 + [[(160, "left")]])[0][-1] == [0]


def test_a_frame_twice_is_refused():
    tracker = Tracker()
    tracker.step(3, 0.1, np.array([square(100)]))
    with pytest.raises(ValueError, match="does not follow"):
        tracker.step(3, 0.2, np.array([square(100)]))
    with pytest.raises(ValueError, match="does not follow"):
        tracker.step(4, 0.1, np.array([square(100)]))


@pytest.mark.parametrize("rules", [{"min_iou": 0}, {"same": 1.5}, {"max_gap": -1}, {"min_frames": 0}])
def test_rules_out_of_range_are_one_line(rules):
    with pytest.raises(InputError, match="cannot track"):
        TrackRules(**rules)
