"""Contradictions in labels: a clean set of hands has none; each planted fault is found where it was planted, alone."""

import json

import numpy as np
import pytest

from hint_toolkit.joints import INDEX, JOINTS, N_JOINTS
from hint_toolkit.quality.anatomy import check_anatomy
from hint_toolkit.quality.labels import Columns, check_flags, check_labels, check_twins, place, printable
from hint_toolkit.records import Hand, Hands

# A right hand drawn by hand on squared paper, in pixels: fingers up, thumb to the left.
HAND = np.array(
    [[100, 200], [75, 180], [55, 160], [40, 145], [28, 132], [80, 110], [75, 75], [72, 55], [70, 38], [100, 105],
     [100, 65], [100, 42], [100, 24], [118, 110], [122, 72], [124, 50], [126, 33], [135, 120], [145, 92], [150, 76],
     [154, 62]], float
)  # fmt: skip
SIZE = (640, 480)


def clean(n=4):
    """Hands that nothing is wrong with, each in a frame of its own, each a little larger than the last."""
    hands = []
    for i in range(n):
        points = HAND * (1 + 0.1 * i) + [20.0 * i, 10.0 * i]
        low, high = points.min(0), points.max(0)
        side = ("right", "left")[i % 2]
        hands.append(
            Hand(
                id=f"TEST_folder_img/clip_frame{i:06d}_h0_{side[0]}",
                frame_id=f"clip_frame{i:06d}",
                points=points,
                exists=np.ones(N_JOINTS, bool),
                occluded=np.arange(N_JOINTS) > 16,
                box=np.concatenate([low - 15, high + 15]),
                side=side,
                source="folder",
                split="TEST",
                video_id="clip",
                width=SIZE[0],
                height=SIZE[1],
                state="submitted",
            )
        )
    return Hands.of(hands)


def sizes(hands, size=SIZE):
    return np.tile(np.array(size, np.int64), (len(hands), 1))


def found(hands, size=SIZE):
    """(code, row, field) of all that is found within hands."""
    placed = place(hands, sizes(hands, size))
    listed = [*check_labels(hands, sizes(hands, size), placed), *check_flags(hands)]
    listed += check_anatomy(hands.points, placed.usable)
    return [(one.code, one.row, one.field) for one in listed]


def changed(column, row, value, joint=None):
    """The clean hands with one cell changed."""
    values = getattr(clean(), column).copy()
    values[row if joint is None else (row, INDEX[joint])] = value
    return clean().replace(**{column: values})


def test_clean_hands_have_no_finding():
    assert found(clean(50)[:4]) == []
    assert twins(clean()) == []


def test_no_hand_and_one_hand():
    assert found(clean(0)) == []
    assert twins(clean(0)) == []
    assert found(clean(1)) == []


@pytest.mark.parametrize("point", [(np.nan, 50.0), (np.nan, np.nan), (np.inf, 3.0), (0.0, 0.0)])
def test_an_existing_joint_without_a_point(point):
    hands = changed("points", 2, point, "ring_finger4")
    assert found(hands) == [("missing-point", 2, "ring_finger4")]


def test_an_absent_joint_with_a_point():
    hands = changed("exists", 1, False, "thumb2")
    assert found(hands) == [("absent-with-point", 1, "thumb2")]
    for nothing in ((0.0, 0.0), (np.nan, np.nan)):
        points = hands.points.copy()
        points[1, INDEX["thumb2"]] = nothing
        assert found(hands.replace(points=points)) == []


def test_the_last_pixel_and_the_border_are_inside_and_what_lies_beyond_is_not():
    # The image ends at the highest fingertip's y and at x of the pinky's tip, plus what the test says.
    hands = clean(1)
    right = float(hands.points[0, :, 0].max())  # 154: the pinky's tip
    assert found(hands, (154, 480)) == []  # x = 154 is the corner convention's right border of 154 columns
    assert right == 154
    assert found(hands, (153, 480)) == [("outside-image", 0, "pinky_finger4")]
    assert found(hands, (0, 0)) == []  # of unknown size nothing is said


def test_a_joint_beyond_the_left_border():
    hands = clean(1)
    moved = hands.replace(points=hands.points - [29.5, 0], box=hands.box - [29.5, 0, 29.5, 0])
    assert found(moved) == [("outside-image", 0, "thumb4")]  # x = 28 - 29.5 = -1.5
    moved = hands.replace(points=hands.points - [29, 0], box=hands.box - [29, 0, 29, 0])
    assert found(moved) == []  # x = -1


def test_a_joint_outside_the_image_is_not_named_a_second_time():
    assert found(changed("points", 0, (5000.0, 62.0), "pinky_finger4")) == [("outside-image", 0, "pinky_finger4")]


def test_a_joint_far_outside_the_box():
    # The box of hand 0 is 13..169 x 9..215, its longer side 206; 0.5 of it to the right: x = 272.
    nearer = found(changed("points", 0, (271.0, 62.0), "pinky_finger4"))
    assert nearer == [("bone-too-long", 0, "pinky_finger4")]  # not far enough for the box, but for the bones
    assert found(changed("points", 0, (273.0, 62.0), "pinky_finger4")) == [("far-outside-box", 0, "pinky_finger4")]


def test_a_box_that_cuts_a_visible_joint():
    # Two per cent of 206 and a pixel: 5.12 pixels above the middle finger's tip at y = 24.
    assert found(changed("box", 0, (13.0, 29.0, 169.0, 235.0))) == []
    assert found(changed("box", 0, (13.0, 30.0, 169.0, 236.0))) == [("box-cuts-points", 0, "box")]
    assert found(changed("box", 0, (13.0, 9.0, 140.0, 215.0))) == []  # the pinky is hidden


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ((13, 9, np.nan, 215), "box-missing"),
        ((13, 9, np.inf, 215), "box-missing"),
        ((169, 9, 13, 215), "box-inverted"),
        ((13, 215, 169, 9), "box-inverted"),
        ((13, 9, 13, 215), "box-empty"),
        ((0, 0, 0, 0), "box-empty"),
        ((641, 9, 800, 215), "box-outside-image"),
        ((-90, 9, -2, 215), "box-outside-image"),
    ],
)
def test_boxes_that_are_none(box, code):
    hands = clean(1).replace(box=np.array([box], float))
    if code == "box-outside-image":  # the joints then lie far from it, too
        assert (code, 0, "box") in found(hands)
        assert {name for name, _, _ in found(hands)} == {code, "far-outside-box"}
    else:
        assert found(hands) == [(code, 0, "box")]


def test_a_box_that_sticks_out_of_the_image_is_fine():
    assert found(clean(1), (160, 205)) == []


def test_all_points_one_point():
    hands = changed("points", 3, np.full((N_JOINTS, 2), 150.0))
    assert found(hands) == [("all-points-same", 3, "keypoints")]


def test_two_joints_on_one_point():
    hands = changed("points", 1, clean().points[1, INDEX["ring_finger2"]], "ring_finger3")
    assert found(hands) == [("joints-same", 1, "ring_finger3")]


def test_absent_joints_at_one_place_are_no_twins():
    points, exists = clean().points.copy(), clean().exists.copy()
    points[0, [3, 4]], exists[0, [3, 4]] = 0.0, False
    assert found(clean().replace(points=points, exists=exists)) == []


def test_a_hand_without_any_joint():
    exists, occluded, points = clean().exists.copy(), clean().occluded.copy(), clean().points.copy()
    exists[2], occluded[2], points[2] = False, False, np.nan
    assert found(clean().replace(exists=exists, occluded=occluded, points=points)) == [("all-absent", 2, "existence")]


@pytest.mark.parametrize("state", ["empty", "skipped"])
def test_rows_that_hold_no_hand_are_passed_over(state):
    states, box = clean().state.copy(), clean().box.copy()
    states[1], box[1] = state, np.nan
    assert found(clean().replace(state=states, box=box)) == []


def test_side_in_the_name():
    assert found(changed("side", 0, "left")) == [("side-name", 0, "side")]
    ids = clean().id.copy()
    ids[0] = "picture_l"  # of nobody's naming scheme: the letter may mean anything
    assert found(clean().replace(id=ids)) == []
    ids[0] = "ND_a_b_frame000001_l"
    assert found(clean().replace(id=ids)) == [("side-name", 0, "side")]


@pytest.mark.parametrize(("column", "value"), [("split", "TRAIN"), ("source", "visor"), ("subset", "seq")])
def test_folder_against_columns(column, value):
    assert found(changed(column, 3, value)) == [("folder-columns", 3, "id")]


def test_the_folder_epick_is_the_source_visor():
    ids = np.array([f"TEST_epick_img/{name.split('/')[1]}" for name in clean().id], object)
    assert found(clean().replace(id=ids, source=np.array(["visor"] * 4, object))) == []


@pytest.mark.parametrize("character", ["\n", "\t", "\x00", "\x7f", "\x9b", "\u2028", "\udcff"])
def test_ids_that_cannot_be_printed(character):
    ids = clean().id.copy()
    ids[1] = f"TEST_folder_img/a{character}b_r"
    side = clean().side.copy()
    side[1] = "right"
    assert found(clean().replace(id=ids, side=side)) == [("bad-name", 1, "id")]
    assert not printable(f"a{character}b")


def test_names_of_any_language_are_fine():
    assert all(printable(name) for name in ("a b", "手_l", "naïve", "a\u200bb"))


def test_flags_of_the_json():
    original = np.array(
        [
            "",
            json.dumps({"absent_occluded": [4]}),
            json.dumps({"spelled": {"occlusion": {"7": 2}, "existence": {"0": True}}}),
            "not json: absent_occluded",
        ],
        object,
    )
    assert found(clean().replace(original=original)) == [
        ("occluded-absent", 1, "thumb4"),
        ("flag-value", 2, JOINTS[7]),
    ]


def columns(hands):
    places = [f"{a}/{b}" for a, b in zip(hands.split, hands.subset, strict=True)]
    points = np.where(hands.exists[:, :, None], hands.points, np.nan)
    texts = (hands.id.tolist(), hands.frame_id.tolist(), places, hands.side.tolist())
    return Columns(*texts, box=hands.box, points=points)


def twins(hands):
    return [(one.code, one.row, one.field) for one in check_twins(columns(hands))]


def test_the_same_id_twice():
    assert twins(Hands.concat([clean(), clean()[1:2]])) == [("id-twice", 4, "id")]


def test_the_same_points_in_two_frames():
    assert twins(changed("points", 3, clean().points[1])) == [("points-twice", 3, "keypoints")]


def in_one_frame(shift, side, *, subset="img"):
    """Hand 0, and a copy of it in its frame, moved by `shift` pixels to the right."""
    first = clean(1)
    other = first.replace(
        id=np.array([first.id[0].replace("_h0", "_h1")], object),
        points=first.points + np.array([shift, 0]),
        box=first.box + np.array([shift, 0, shift, 0]),
        side=np.array([side], object),
        subset=np.array([subset], object),
    )
    return Hands.concat([first, other])


def test_one_hand_labelled_twice():
    # Boxes 156 wide: moved by s, IoU = (156 - s) / (156 + s) > 0.8 for s < 17.3; points: 0.02 * 206 = 4.12.
    assert twins(in_one_frame(4, "right")) == [("points-twice", 1, "keypoints")]
    assert twins(in_one_frame(4, "left")) == [("points-twice", 1, "keypoints")]
    assert twins(in_one_frame(5, "right")) == [("hand-twice", 1, "box")]
    assert twins(in_one_frame(17, "right")) == [("hand-twice", 1, "box")]
    assert twins(in_one_frame(18, "right")) == []
    assert twins(in_one_frame(5, "left")) == []


def test_a_frame_in_two_subsets_is_meant():
    assert twins(in_one_frame(0, "right", subset="seq")) == []


def test_hands_of_unknown_frames_are_not_compared_by_their_boxes():
    hands = in_one_frame(5, "right").replace(frame_id=np.array(["", ""], object))
    assert twins(hands) == []


def test_hands_with_fewer_than_two_joints_are_no_twins():
    hands = clean()
    exists = np.zeros_like(hands.exists)
    assert twins(hands.replace(exists=exists, occluded=exists)) == []


def test_hands_without_a_box_are_compared_without_a_word():
    assert twins(clean().replace(box=np.full((4, 4), np.nan), frame_id=np.array(["f"] * 4, object))) == []
