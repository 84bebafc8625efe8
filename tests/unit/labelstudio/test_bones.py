"""Fingers as chains of lines: the optional way to show a hand, and the way back from it."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.joints import FINGERS, INDEX, JOINTS, N_JOINTS
from hint_toolkit.labelstudio.check import TaskChecker
from hint_toolkit.labelstudio.config import CHAINS, RESERVED_KEYS, has_bones, hotkeys, label_config, vocabulary
from hint_toolkit.labelstudio.decode import Decoded, Unreadable, decode
from hint_toolkit.labelstudio.tasks import build_task, regions, window_of
from hint_toolkit.records import Hand

Make = Callable[..., Hand]
Change = Callable[[dict[str, Any]], object]


def chain_of(result: list[dict[str, Any]], finger: str) -> dict[str, Any]:
    (found,) = [one for one in result if one["from_name"] == CHAINS and one["value"]["vectorlabels"] == [finger]]
    return found


def read(hand: Hand, result: list[dict[str, Any]]) -> Decoded:
    return decode(result, window_of(hand), hand.id, hand)


def test_the_configuration_records_more_and_its_keys_never_collide() -> None:
    assert has_bones(label_config(bones=True))
    assert not has_bones(label_config())
    more = vocabulary(label_config(bones=True)) or {}
    assert {name: more[name] for name in vocabulary(label_config()) or {}} == vocabulary(label_config())
    assert more[CHAINS] == tuple(sorted(FINGERS))
    keys = hotkeys(bones=True)
    assert [key for key, n in Counter(keys.values()).items() if n > 1] == []
    assert set(keys.values()) & RESERVED_KEYS == set()
    config = label_config(bones=True)
    assert all(f'hotkey="{keys[f"chain {finger}"]}"' in config for finger in FINGERS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_label_studio_itself_finds_nothing_wrong() -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    interface.LabelInterface(label_config(bones=True)).validate()


def test_a_finger_is_a_line_of_its_joints_and_the_box_is_last(make_prelabel: Make) -> None:
    hand = make_prelabel()
    found = regions(hand, window_of(hand), bones=True)
    assert [one["type"] for one in found] == ["keypointlabels", *["vectorlabels"] * 5, "rectanglelabels"]
    vertices = chain_of(found, "ring_finger")["value"]["vertices"]
    names = [f"{hand.id}-ring_finger{k}" for k in range(1, 5)]
    assert [vertex["id"] for vertex in vertices] == names
    assert [vertex.get("prevPointId") for vertex in vertices] == [None, *names[:3]]
    dots = {one["id"]: one["value"] for one in regions(hand, window_of(hand)) if one["type"] == "keypointlabels"}
    assert all((v["x"], v["y"]) == (dots[v["id"]]["x"], dots[v["id"]]["y"]) for v in vertices)


def test_a_finger_that_lacks_a_point_stays_dots(make_prelabel: Make) -> None:
    hand = make_prelabel()
    points = hand.points.copy()
    points[INDEX["thumb2"]] = np.nan
    hand = replace(hand, points=points, exists=np.isfinite(points).all(axis=1))
    found = regions(hand, window_of(hand), bones=True)
    dots = [one["value"]["keypointlabels"][0] for one in found if one["type"] == "keypointlabels"]
    assert dots == ["wrist", "thumb1", "thumb3", "thumb4"]
    np.testing.assert_array_equal(read(hand, found).points, hand.points)


def test_untouched_values_come_back_although_the_editor_computes_with_them(make_prelabel: Make) -> None:
    for k in range(50):
        hand = make_prelabel(k)
        result = copy.deepcopy(regions(hand, window_of(hand), bones=True))
        for finger in FINGERS:
            for vertex in chain_of(result, finger)["value"]["vertices"]:
                vertex["x"] *= 1 + 1e-16
                vertex["y"] += 4e-15
        found = read(hand, result)
        np.testing.assert_array_equal(found.points, hand.points)
        assert found.exists.all()


def test_a_moved_joint_and_only_that(make_prelabel: Make) -> None:
    hand = make_prelabel()
    result = copy.deepcopy(regions(hand, window_of(hand), bones=True))
    chain_of(result, "thumb")["value"]["vertices"][3]["x"] += 1.0
    found = read(hand, result)
    moved = np.arange(N_JOINTS) == INDEX["thumb4"]
    np.testing.assert_array_equal(found.points[~moved], hand.points[~moved])
    assert found.points[INDEX["thumb4"], 0] == pytest.approx(
        hand.points[INDEX["thumb4"], 0] + window_of(hand).width / 100
    )


def test_a_finger_that_was_drawn_again_is_read_along_its_line(make_prelabel: Make) -> None:
    hand = make_prelabel()
    result = copy.deepcopy(regions(hand, window_of(hand), bones=True))
    vertices = chain_of(result, "thumb")["value"]["vertices"]
    for k, vertex in enumerate(vertices):
        vertex["id"] = f"random{k}"
        if k:
            vertex["prevPointId"] = f"random{k - 1}"
    vertices.reverse()  # the order in the list says nothing
    np.testing.assert_array_equal(read(hand, result).points, hand.points)
    result.remove(chain_of(result, "thumb"))  # deleted: its joints are absent
    found = read(hand, result)
    assert [JOINTS[j] for j in np.flatnonzero(~found.exists)] == ["thumb1", "thumb2", "thumb3", "thumb4"]


CASES: list[tuple[str, Change, str]] = [
    ("three points", lambda c: c["value"]["vertices"].pop(), "has 3 points"),
    ("no finger", lambda c: c["value"].update(vectorlabels=["tail"]), "'tail' has 4 points"),
    ("no line", lambda c: c["value"]["vertices"][2].update(id="x", prevPointId="y"), "are no line"),
    ("no number", lambda c: c["value"]["vertices"][2].update(x=float("nan")), "must be numbers"),
    ("another picture", lambda c: c.update(original_width=7), "the editor showed a picture of 7 x"),
    ("nothing in it", lambda c: c.update(value={}), "cannot be read"),
]


@pytest.mark.parametrize(("change", "says"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_no_finger_is_named(make_prelabel: Make, change: Change, says: str) -> None:
    hand = make_prelabel()
    result = copy.deepcopy(regions(hand, window_of(hand), bones=True))
    change(chain_of(result, "thumb"))
    with pytest.raises(Unreadable, match=says):
        read(hand, result)


def test_a_joint_in_a_chain_and_beside_it_is_named_and_an_empty_chain_is_nothing(make_prelabel: Make) -> None:
    hand = make_prelabel()
    result = copy.deepcopy(regions(hand, window_of(hand), bones=True))
    dot = next(one for one in regions(hand, window_of(hand)) if one["id"].endswith("-thumb3"))
    with pytest.raises(Unreadable, match="has two regions"):
        read(hand, [*result, dot])
    empty = copy.deepcopy(chain_of(result, "thumb"))
    empty["value"]["vertices"] = []  # what a click with the label's key leaves
    np.testing.assert_array_equal(read(hand, [*result, empty]).points, hand.points)


def test_tasks_are_checked_before_they_are_sent(make_prelabel: Make) -> None:
    hand = make_prelabel()
    task = build_task(hand, window_of(hand), "/x.jpg", bones=True)
    TaskChecker(label_config(bones=True)).check(task)
    with pytest.raises(InputError, match="no part of the labelling"):
        TaskChecker(label_config()).check(task)
    for change, says in (
        (lambda c: c["value"]["vertices"][1].update(x=640.0), "far outside"),
        (lambda c: c["value"]["vertices"][1].update(x=None), "-thumb: "),
        (lambda c: c["value"]["vertices"].pop(), "has 3 points"),
        (lambda c: c["value"].update(vertices=[]), "has no points"),
    ):
        broken = copy.deepcopy(task)
        change(chain_of(broken["predictions"][0]["result"], "thumb"))
        with pytest.raises(InputError, match=says):
            TaskChecker(label_config(bones=True)).check(broken)
    assert build_task(hand, window_of(hand), "/x.jpg")["data"]["key"] != task["data"]["key"]
