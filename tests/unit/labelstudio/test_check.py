import copy
from collections.abc import Callable
from typing import Any

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.labelstudio.check import TaskChecker
from hint_toolkit.labelstudio.config import label_config
from hint_toolkit.labelstudio.tasks import build_task, window_of
from hint_toolkit.records import Hand

Make = Callable[..., Hand]
Change = Callable[[dict[str, Any]], object]


def task_of(hand: Hand) -> dict[str, Any]:
    return build_task(hand, window_of(hand), "/x.jpg")


def checked(task: dict[str, Any]) -> None:
    TaskChecker(label_config()).check(task)


def test_our_tasks_are_fit(make_prelabel: Make, make_empty: Make) -> None:
    checker = TaskChecker(label_config())
    for k in range(20):
        checker.check(task_of(make_prelabel(k)))
    checker.check(task_of(make_empty(20)))


def region(task: dict[str, Any], k: int) -> dict[str, Any]:
    found: dict[str, Any] = task["predictions"][0]["result"][k]
    return found


CASES: list[tuple[str, Change, str]] = [
    ("no id", lambda t: t["data"].pop("hint_id"), "no hint_id"),
    ("no picture", lambda t: t["data"].update(image=""), "no picture"),
    ("size", lambda t: t["data"].update(original_width=0), "original_width must be"),
    ("size is no whole number", lambda t: t["data"].update(window_width=10.0), "window_width must be"),
    ("no version", lambda t: t["predictions"][0].update(model_version=""), "no model_version"),
    ("result", lambda t: t["predictions"][0].update(result=None), "no result"),
    ("foreign joint", lambda t: region(t, 3)["value"].update(keypointlabels=["elbow"]), "'elbow' is no label"),
    ("no label", lambda t: region(t, 3)["value"].update(keypointlabels=[]), "no label of 'kp'"),
    ("foreign control", lambda t: region(t, 3).update(from_name="keypoints"), "no part of the labelling"),
    ("other picture", lambda t: region(t, 3).update(to_name="image"), "no part of the labelling"),
    ("type", lambda t: region(t, 3).update(type="keypoint"), "is not what 'kp' records"),
    ("no width", lambda t: region(t, 3)["value"].pop("width"), "width must be a number"),
    ("width 0", lambda t: region(t, 3)["value"].update(width=0), "width must be positive"),
    ("NaN", lambda t: region(t, 3)["value"].update(x=float("nan")), "x must be a number, got nan"),
    ("infinite", lambda t: region(t, 3)["value"].update(y=float("inf")), "y must be a number"),
    ("text", lambda t: region(t, 3)["value"].update(y="7"), "y must be a number"),
    ("pixels for percent", lambda t: region(t, 3)["value"].update(x=640.0), "far outside"),
    ("left of everything", lambda t: region(t, 3)["value"].update(x=-101.0), "far outside"),
    ("no size", lambda t: region(t, 3).pop("original_width"), "is of a picture of None x"),
    ("other size", lambda t: region(t, -1).update(original_height=7), "is of a picture of"),
    ("flat box", lambda t: region(t, -1)["value"].update(height=0.0), "height must be positive"),
    ("side", lambda t: region(t, -1)["value"].update(rectanglelabels=["both"]), "'both' is no label"),
    ("somebody else's id", lambda t: region(t, 3).update(id="clip_frame00000009_h0-wrist"), "the id must begin with"),
    ("no region id", lambda t: region(t, 3).pop("id"), "the id must begin with"),
    ("one id twice", lambda t: region(t, 3).update(id=region(t, 4)["id"]), "two regions of one id"),
    ("joint twice", lambda t: region(t, 3)["value"].update(keypointlabels=["wrist"]), "wrist is there twice"),
]


@pytest.mark.parametrize(("change", "says"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_the_server_would_have_taken_is_refused(make_prelabel: Make, change: Change, says: str) -> None:
    task = copy.deepcopy(task_of(make_prelabel()))
    change(task)
    with pytest.raises(InputError, match=says) as caught:
        checked(task)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(task["data"].get("hint_id", "/x.jpg"))


def test_ticks_are_looked_at_too(make_prelabel: Make) -> None:
    hand = make_prelabel()
    occluded = hand.occluded.copy()
    occluded[4] = True
    task = task_of(make_prelabel(occluded=occluded))
    checked(task)
    ticks = next(one for one in task["predictions"][0]["result"] if one["type"] == "choices")
    ticks["value"]["choices"].append("thumb9")
    with pytest.raises(InputError, match="'thumb9' is no label of 'occluded'"):
        checked(task)


def test_a_hand_comes_once(make_prelabel: Make) -> None:
    checker = TaskChecker(label_config())
    checker.check(task_of(make_prelabel()))
    with pytest.raises(InputError, match="two tasks"):
        checker.check(task_of(make_prelabel()))


def test_a_point_a_little_outside_is_sent(make_prelabel: Make) -> None:
    task = task_of(make_prelabel())
    region(task, 0)["value"].update(x=-30.0, y=140.0)
    checked(task)
