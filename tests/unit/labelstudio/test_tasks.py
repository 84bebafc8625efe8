from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import Window
from hint_toolkit.joints import INDEX, JOINTS, N_JOINTS
from hint_toolkit.labelstudio.config import label_config
from hint_toolkit.labelstudio.tasks import build_task, image_url, regions, to_percent, to_pixel, window_of
from hint_toolkit.records import Hand

Make = Callable[..., Hand]


def test_percent_is_measured_from_the_corner_and_pixels_from_the_centre() -> None:
    # A picture of 4 pixels: the first one is 0..25 %, its centre 12.5 %.
    assert to_percent(0, 0, 4) == 12.5
    assert to_percent(-0.5, 0, 4) == 0.0
    assert to_percent(3.5, 0, 4) == 100.0
    assert to_percent(101, 100, 4) == 37.5  # second pixel of a window that starts at 100
    assert to_pixel(37.5, 100, 4) == 101


def test_pixel_is_the_inverse_of_percent() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        start, size, pixel = int(rng.integers(0, 2000)), int(rng.integers(1, 2000)), float(rng.uniform(-500, 4000))
        assert to_pixel(to_percent(pixel, start, size), start, size) == pytest.approx(pixel, abs=1e-9)


def test_the_window_is_a_square_around_the_box_or_the_whole_frame(make_prelabel: Make, make_empty: Make) -> None:
    hand = make_prelabel(box=np.array([500.0, 400, 600, 480]))
    assert window_of(hand) == Window(440, 330, 221, 221)
    assert window_of(make_empty()) == Window(0, 0, 1920, 1080)


def test_addresses_are_quoted() -> None:
    assert image_url("tasks/a b&c.jpg") == "/data/local-files/?d=tasks/a%20b%26c.jpg"


def test_points_come_first_and_the_box_last_under_our_ids(make_prelabel: Make) -> None:
    hand = make_prelabel(exists=np.arange(N_JOINTS) != 20)
    window = window_of(hand)
    found = regions(hand, window)
    assert [r["type"] for r in found] == ["keypointlabels"] * 21 + ["choices", "rectanglelabels"]
    assert [r["id"] for r in found[:21]] == [f"{hand.id}-{joint}" for joint in JOINTS]
    assert found[21]["value"] == {"choices": ["pinky_finger4"]}
    assert all(r["value"]["width"] > 0 for r in found[:21])  # the editor drops key points without it
    assert {(r["original_width"], r["original_height"]) for r in found if r["type"] != "choices"} == {window[2:]}
    box = found[-1]["value"]
    assert box["x"] == pytest.approx((hand.box[0] - window.x + 0.5) / window.width * 100)
    assert box["width"] == pytest.approx((hand.box[2] - hand.box[0]) / window.width * 100)
    assert box["rectanglelabels"] == ["left"]


def test_points_outside_the_window_stay_where_they_are(make_prelabel: Make) -> None:
    hand = make_prelabel()
    points = hand.points.copy()
    points[0] = [-50.0, 3000.0]
    value = regions(replace(hand, points=points), Window(10, 10, 100, 100))[0]["value"]
    assert (value["x"], value["y"]) == (-59.5, 2990.5)


def test_unknown_points_make_no_region(make_prelabel: Make) -> None:
    hand = make_prelabel()
    points = hand.points.copy()
    points[3] = np.nan
    found = regions(replace(hand, points=points, exists=np.arange(N_JOINTS) != 3), window_of(hand))
    assert [r["id"].rsplit("-", 1)[1] for r in found if r["type"] == "keypointlabels"] == [
        joint for joint in JOINTS if INDEX[joint] != 3
    ]


def test_task_of_a_hand(make_prelabel: Make) -> None:
    hand = make_prelabel()
    window = window_of(hand)
    task = build_task(hand, window, "/x.jpg")
    data = task["data"]
    assert data["hint_id"] == hand.id
    assert (data["image"], data["detector"], data["frame_id"]) == ("/x.jpg", "finder-1", hand.frame_id)
    assert tuple(data[f"window_{name}"] for name in Window._fields) == tuple(window)
    assert (data["original_width"], data["original_height"]) == (1920, 1080)
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("finder-1", 0.75)
    assert prediction["result"] == regions(hand, window)


def test_task_of_a_frame_without_a_hand(make_empty: Make) -> None:
    hand = make_empty()
    task = build_task(hand, window_of(hand), "/x.jpg")
    assert task["predictions"] == []
    assert (task["data"]["detector"], task["data"]["window_width"]) == ("", 1920)


def test_the_key_changes_with_everything_that_an_annotator_sees(make_prelabel: Make) -> None:
    hand = make_prelabel()
    window = window_of(hand)

    def key(changed: Hand = hand, where: Window = window, url: str = "/x.jpg") -> str:
        return str(build_task(changed, where, url)["data"]["key"])

    moved = hand.points.copy()
    moved[7, 1] = np.nextafter(moved[7, 1], 0)
    changes: list[dict[str, Any]] = [
        {"points": moved}, {"box": hand.box + 1e-9}, {"side": "right"}, {"exists": np.arange(21) > 0},
        {"detector": "finder-2"}, {"occluded": np.arange(21) == 3},
    ]  # fmt: skip
    keys = [key(replace(hand, **change)) for change in changes]
    keys += [key(), key(where=window._replace(x=window.x + 1)), key(url="/y.jpg")]
    assert len(set(keys)) == len(keys)
    assert key() == key()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"box": np.array([np.nan] * 4)}, "box"),
        ({"box": np.array([5.0, 5, 5, 9])}, "box"),
        ({"box": np.array([5.0, 5, np.inf, 9])}, "box"),
        ({"width": 0}, "width"),
        ({"points": np.full((21, 2), np.nan)}, "points > wrist"),
    ],
)
def test_a_hand_that_cannot_be_shown_is_named(make_prelabel: Make, change: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=f"clip_frame00000000_h0 > {place}.*hint-build prelabel"):
        build_task(make_prelabel(**change), Window(0, 0, 10, 10), "/x.jpg")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_label_studio_takes_the_prediction(make_prelabel: Make) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    hand = make_prelabel(exists=np.arange(N_JOINTS) != 2)
    (prediction,) = build_task(hand, window_of(hand), "/x.jpg")["predictions"]
    assert interface.LabelInterface(label_config()).validate_prediction(prediction, return_errors=True) == []


def test_a_blind_task_tells_nothing_of_its_prelabel(make_prelabel: Make) -> None:
    hand = make_prelabel()
    task = build_task(hand, window_of(hand), "/x.jpg", shown=False, note="draw")
    assert task["predictions"] == []
    assert (task["data"]["detector"], task["data"]["note"]) == ("", "draw")
    assert "finder-1" not in str(task)
    # The keys of its data are those of every other task: nobody can tell the purpose by them.
    assert task["data"].keys() == build_task(hand, window_of(hand), "/x.jpg")["data"].keys()


def test_answers_to_decide_between_are_predictions_of_their_own_name(make_prelabel: Make) -> None:
    hand, other = make_prelabel(), make_prelabel(7)
    window = window_of(hand)
    task = build_task(hand, window, "/x.jpg", others=[("A", other), ("B", hand)], others_url="/o.jpg")
    assert [one["model_version"] for one in task["predictions"]] == ["finder-1", "A", "B"]
    assert task["data"]["others"] == "/o.jpg"
    shown = task["predictions"][1]["result"]
    assert {region["id"].rsplit("-", 1)[0] for region in shown} == {hand.id}  # the task's, not the other hand's
    assert shown[0]["value"]["x"] == to_percent(other.points[0, 0], window.x, window.width)
    plain = build_task(hand, window, "/x.jpg")
    assert "others" not in plain["data"]
    assert plain["data"]["key"] != task["data"]["key"]
    lost = replace(other, points=np.full((21, 2), np.nan))
    with pytest.raises(InputError, match="points > wrist"):
        build_task(hand, window, "/x.jpg", others=[("A", lost)])


def test_all_of_the_frame_can_be_shown(make_prelabel: Make) -> None:
    hand = make_prelabel()
    assert window_of(hand, "frame") == Window(0, 0, 1920, 1080)
    assert window_of(hand, "crop") == window_of(hand)
    value = regions(hand, window_of(hand, "frame"))[0]["value"]
    assert value["x"] == pytest.approx((hand.points[0, 0] + 0.5) / 1920 * 100)
