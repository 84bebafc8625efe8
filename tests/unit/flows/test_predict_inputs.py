"""Which pictures, which hands, which box: everything that is decided before a model is asked."""

from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict_inputs import (
    check_pictures,
    check_sides,
    dataset_sheets,
    digest,
    enlarged,
    file_boxes,
    find_pictures,
    image_sheets,
    matched,
    stamps,
)
from hint_toolkit.flows.predict_words import options_of_words
from hint_toolkit.io.boxes import read_boxes
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import Truth
from hint_toolkit.prelabel.base import Prompt

cv2 = pytest.importorskip("cv2")
GREY = np.full((48, 64, 3), 128, np.uint8)


def prompt(x1, y1, x2, y2, side="", **more):
    return Prompt(np.array([x1, y1, x2, y2], float), side, **more)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.PNG", ".hidden.jpg", "below/d.jpg"):
        write_jpg(tmp_path / name, GREY)
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def names(paths):
    return [p.name for p in paths]


def test_folders_files_and_patterns_each_picture_once(folder):
    assert names(find_pictures([str(folder)])) == ["a.jpg", "b.jpg", "c.PNG"]
    assert names(find_pictures([str(folder / "b.jpg"), str(folder)])) == ["b.jpg", "a.jpg", "c.PNG"]
    assert names(find_pictures([str(folder / "*.jpg")])) == ["a.jpg", "b.jpg"]
    assert names(find_pictures([str(folder / "*" / "d.*")])) == ["d.jpg"]


def test_what_names_no_picture_is_one_line(folder):
    (folder / "empty").mkdir()
    for text, message in (
        ("empty", "empty: holds no picture"),
        ("*.gif", r"is no picture, folder or pattern that fits one"),
        ("x.jpg", r"x\.jpg: is no picture"),
    ):
        with pytest.raises(InputError, match=message) as error:
            find_pictures([str(folder / text)])
        assert "\n" not in str(error.value)


def test_two_pictures_of_one_name_are_refused(folder):
    write_jpg(folder / "below/a.jpg", GREY)
    with pytest.raises(InputError, match=r"two pictures are called a: .*/a\.jpg and .*/below/a\.jpg"):
        find_pictures([str(folder), str(folder / "below")])


def test_hands_are_counted_from_left_to_right(tmp_path):
    boxes = {"a": [prompt(50, 0, 60, 10, "left"), prompt(0, 5, 90, 10), prompt(10, 0, 20, 10, "right")]}
    first, second = image_sheets([tmp_path / "a.jpg", tmp_path / "b.jpg"], boxes)
    assert [(h.id, h.prompt.box[0], h.prompt.side) for h in first.hands] == [
        ("a_h0", 10, "right"), ("a_h1", 0, ""), ("a_h2", 50, "left"),
    ]  # fmt: skip
    assert second.hands == ()


def test_a_box_grows_about_its_middle():
    np.testing.assert_array_equal(enlarged(prompt(10, 20, 30, 60), 1.5).box, [5, 10, 35, 70])
    np.testing.assert_array_equal(enlarged(prompt(10, 20, 30, 60), 0.5).box, [15, 30, 25, 50])


def test_each_known_hand_gets_the_box_that_overlaps_it_most():
    own = [prompt(0, 0, 10, 10, "left", id="l"), prompt(20, 0, 30, 10, "right", id="r"), prompt(80, 0, 90, 10, id="n")]
    found = [prompt(21, 0, 31, 10, "left"), prompt(1, 1, 11, 11, "right"), prompt(87, 0, 97, 10)]
    chosen = matched(own, found)
    assert [one and (one.id, one.box[0], one.side) for one in chosen] == [("l", 1, "right"), ("r", 21, "left"), None]
    assert matched(own, []) == [None] * 3
    assert matched(own[:1], [found[1]] * 2)[0].id == "l"


def test_the_side_decides_between_boxes_that_fit_about_equally_well():
    own = [prompt(0, 0, 100, 100, "left", id="l"), prompt(4, 0, 104, 100, "right", id="r")]
    found = [prompt(2, 0, 102, 100, "right"), prompt(3, 0, 103, 100, "left")]
    assert [one.side for one in matched(own, found)] == ["left", "right"]
    # A clearly better box wins over the right side.
    far = [prompt(0, 0, 100, 100, "right"), prompt(40, 0, 140, 100, "left")]
    assert matched(own[:1], far)[0].side == "right"


def test_a_box_that_names_the_hand_is_its_box_wherever_it_lies():
    own = [prompt(0, 0, 10, 10, "left", id="l"), prompt(20, 0, 30, 10, "right", id="r")]
    found = [prompt(0, 0, 10, 10, id="r"), prompt(500, 0, 510, 10, id="l")]
    assert [one.box[0] for one in matched(own, found)] == [500, 0]


def test_a_dataset_by_pictures_and_only_picture_box_side_and_id(tmp_path, make_hands):
    hands = make_hands(5)
    hands = hands.replace(image=["b.jpg", "a.jpg", "b.jpg", "c.jpg", "a.jpg"])
    truth = Truth(hands, tmp_path, tmp_path, "v")
    sheets = dataset_sheets(truth, None)
    assert [(s.name, [h.id for h in s.hands]) for s in sheets] == [
        ("b.jpg", [hands.id[0], hands.id[2]]), ("a.jpg", [hands.id[1], hands.id[4]]), ("c.jpg", [hands.id[3]]),
    ]  # fmt: skip
    np.testing.assert_array_equal(sheets[1].hands[1].prompt.box, hands.box[4])
    blind = replace(truth, hands=hands.replace(points=np.full((5, 21, 2), np.nan)))
    assert digest_of(dataset_sheets(blind, None)) == digest_of(sheets)
    found = {tmp_path / "a.jpg": [Prompt(hands.box[4] + 1, "left")]}
    with_boxes = dataset_sheets(truth, found)
    assert [h.prompt is not None for s in with_boxes for h in s.hands] == [False, False, False, True, False]
    boxless = hands.box.copy()
    boxless[[1, 3]] = np.nan
    with pytest.raises(InputError, match=f"2 hands have no box to look in: {hands.id[1]}, {hands.id[3]}"):
        dataset_sheets(replace(truth, hands=hands.replace(box=boxless)), None)


def digest_of(sheets, header=None):
    return digest(sheets, header or {})


def test_the_key_changes_with_everything_that_rows_depend_on(folder):
    boxes = {"a": [prompt(0, 0, 10, 10, "left")]}
    pictures = [folder / "a.jpg", folder / "b.jpg"]
    keys = {
        digest_of(image_sheets(pictures, boxes)),
        digest_of(image_sheets(pictures, boxes), {"limit": 1}),
        digest_of(image_sheets(pictures[:1], boxes)),
        digest_of(image_sheets(pictures, boxes, enlarge=1.1)),
        digest_of(image_sheets(pictures, {"a": [prompt(0, 0, 10, 10, "right")]})),
    }
    assert len(keys) == 5
    assert digest_of(image_sheets(pictures, boxes)) in keys
    before = stamps(image_sheets(pictures, boxes))
    assert set(before) == {"a_h0"}
    write_jpg(folder / "a.jpg", GREY[:40])
    assert stamps(image_sheets(pictures, boxes)) != before


def test_pictures_that_cannot_be_read_are_all_named_at_once(folder):
    whole = (folder / "a.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"1 of 2 pictures cannot be read: .*b\.jpg is cut off"):
        check_pictures({folder / "a.jpg": (0, 0), folder / "b.jpg": (0, 0)})
    with pytest.raises(InputError, match=r"2 of 2 pictures cannot be read: .*y\.jpg, .*z\.jpg is not there"):
        check_pictures({folder / "y.jpg": (0, 0), folder / "z.jpg": (0, 0)})
    (folder / "b.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"b\.jpg is empty"):
        check_pictures({folder / "b.jpg": (0, 0)})
    with pytest.raises(InputError, match=r"notes\.txt is no picture"):
        check_pictures({folder / "notes.txt": (0, 0)})


def test_formats_whose_first_bytes_are_not_known_are_decoded(folder):
    cv2.imwrite(str(folder / "e.tif"), GREY)
    assert check_pictures({folder / "e.tif": (64, 48)})[folder / "e.tif"] == ("whole", 64, 48)
    with pytest.raises(InputError, match="is 64 x 48 pixels, the dataset says 48 x 64"):
        check_pictures({folder / "e.tif": (48, 64)})


def test_a_picture_of_another_size_is_refused(folder):
    assert check_pictures({folder / "a.jpg": (64, 48)})[folder / "a.jpg"].width == 64
    check_pictures({folder / "a.jpg": (0, 0)})
    with pytest.raises(InputError, match=r"a\.jpg: is 64 x 48 pixels, the dataset says 640 x 480"):
        check_pictures({folder / "a.jpg": (640, 480)})


def test_boxes_of_a_file_go_to_pictures_by_name(folder):
    csv = folder / "boxes.csv"
    csv.write_text("image,x1,y1,x2,y2,side,score\na.jpg,1,2,30,40,left,0.5\nelse.jpg,1,2,3,4,,\na.jpg,5,6,7,8,,\n")
    facts = check_pictures({folder / "a.jpg": (0, 0), folder / "b.jpg": (0, 0)})
    found, unknown = file_boxes(read_boxes(csv), {folder / "a.jpg": ("a",), folder / "b.jpg": ("b",)}, facts)
    assert unknown == ["else"]
    assert [(p.box.tolist(), p.side, p.origin) for p in found[folder / "a.jpg"]] == [
        ([1, 2, 30, 40], "left", "csv"), ([5, 6, 7, 8], "", "csv"),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"boxes\.csv: names none of these pictures \(it has a, else, they are b\)"):
        file_boxes(read_boxes(csv), {folder / "b.jpg": ("b",)}, facts)
    sheets = image_sheets([folder / "a.jpg"], {"a": found[folder / "a.jpg"]})
    with pytest.raises(InputError, match=r"1 of 2 boxes do not say left or right: a_h0 \(hamer must be told"):
        check_sides(sheets, "hamer")


def test_boxes_made_on_pictures_of_another_size_are_scaled(folder):
    """VISOR's numbers are of 1920 x 1080, counted from pixel centres: (x + 0.5) * 64 / 1920 - 0.5."""
    visor = folder / "visor.json"
    square = [[[29.5, 22], [959.5, 22], [959.5, 539.5]]]
    entity = {"name": "left hand", "segments": square}
    visor.write_text(f'{{"video_annotations": [{{"image": {{"name": "a.jpg"}}, "annotations": [{entity}]}}]}}'
                     .replace("'", '"'))  # fmt: skip
    facts = check_pictures({folder / "a.jpg": (0, 0)})
    found, _ = file_boxes(read_boxes(visor), {folder / "a.jpg": ("a",)}, facts)
    np.testing.assert_allclose(found[folder / "a.jpg"][0].box, [0.5, 0.5, 31.5, 23.5])


def test_words_become_values_of_the_detectors_types():
    assert options_of_words("mediapipe", ["windows=never", "max-hands=2", "min_confidence=0.25"]) == {
        "windows": "never", "max_hands": 2, "min_confidence": 0.25,
    }  # fmt: skip
    assert options_of_words("hamer", ["compiled=yes", "batch=4"]) == {"compiled": True, "batch": 4}
    assert options_of_words("unheard-of", ["a=1"]) == {"a": "1"}
    with pytest.raises(InputError, match="max_hands=two is not a whole number; so mediapipe wants it"):
        options_of_words("mediapipe", ["max_hands=two"])
    with pytest.raises(InputError, match="'windows' is no option; write NAME=VALUE"):
        options_of_words("mediapipe", ["windows"])
