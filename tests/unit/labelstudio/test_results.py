import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hint_toolkit.joints import INDEX, JOINTS, N_JOINTS
from hint_toolkit.labelstudio.results import SIMULATED_EMAIL, ExportReader, Reading
from hint_toolkit.labelstudio.tasks import build_task, window_of
from hint_toolkit.records import Frame, Hand

Make = Callable[..., Hand]


class Export:
    """One task with one annotation that starts as the untouched pre-label; tests change it, then read it."""

    def __init__(self, prelabel: Hand, frame: Frame) -> None:
        self.prelabel, self.frame = prelabel, frame
        task = build_task(prelabel, window_of(prelabel), "/x.jpg")
        predictions = task["predictions"]
        self.annotation: dict[str, Any] = {
            "id": 11,
            "completed_by": {"id": 3, "email": "ann@example.org"},
            "result": copy.deepcopy(predictions[0]["result"]) if predictions else [],
            "was_cancelled": False,
            "created_at": "2026-01-02T03:04:05Z",
            "lead_time": 12.5,
            "prediction": dict(predictions[0], id=5) if predictions else {},
        }
        self.task: dict[str, Any] = {"id": 7, "data": task["data"], "annotations": [self.annotation]}

    def region(self, name: str) -> dict[str, Any]:
        (found,) = [r for r in self.annotation["result"] if r["id"] == f"{self.prelabel.id}-{name}"]
        return found

    def remove(self, name: str) -> None:
        self.annotation["result"].remove(self.region(name))

    def tick(self, grid: str, *joints: str) -> None:
        self.annotation["result"].append(
            {"id": "x", "from_name": grid, "to_name": "img", "type": "choices", "value": {"choices": list(joints)}}
        )

    def read(self) -> Reading:
        reader = self.reader()
        reader.take([self.task])
        return reader.finish("raw.json")

    def reader(self) -> ExportReader:
        return ExportReader({self.frame.id: self.frame}, {self.prelabel.id: self.prelabel})

    def row(self) -> Hand:
        reading = self.read()
        assert [str(issue) for issue in reading.issues] == []
        (row,) = reading.hands
        return row

    def error(self) -> str:
        """The one finding of an annotation that must not get into the table."""
        reading = self.read()
        assert (len(reading.hands), reading.left_out) == (0, 1)
        (issue,) = reading.issues
        assert (issue.level, issue.file, issue.id) == ("error", "raw.json > task 7", self.prelabel.id)
        return f"{issue.field}: {issue.text}"


@pytest.fixture
def export(make_prelabel: Make, frame_of: Callable[[Hand], Frame]) -> Export:
    hand = make_prelabel(4)
    return Export(hand, frame_of(hand))


def test_untouched_values_come_back_bit_by_bit(make_prelabel: Make, frame_of: Callable[[Hand], Frame]) -> None:
    for k in range(200):
        hand = make_prelabel(k, exists=np.arange(N_JOINTS) % 7 != k % 7)
        row = Export(hand, frame_of(hand)).row()
        np.testing.assert_array_equal(row.points, hand.points)
        np.testing.assert_array_equal(row.box, hand.box)
        np.testing.assert_array_equal(row.exists, hand.exists)


def test_columns_of_a_row(export: Export) -> None:
    row = export.row()
    assert (row.id, row.prelabel_id, row.frame_id) == (export.prelabel.id,) * 2 + (export.frame.id,)
    assert (row.state, row.annotator, row.seconds, row.detector) == ("submitted", "ann@example.org", 12.5, "finder-1")
    assert (row.source, row.split, row.video_id, row.frame_index) == ("folder", "VAL", "clip", 4)
    assert (row.width, row.height, row.image, row.licence) == (1920, 1080, export.frame.path, "CC0-1.0")
    assert row.time == export.frame.time
    assert (row.side, row.occluded.any()) == ("left", False)
    assert np.isnan(row.score).all()


def test_a_moved_point_and_only_that(export: Export) -> None:
    window = window_of(export.prelabel)
    export.region("thumb2")["value"]["x"] += 1.0
    row, j = export.row(), INDEX["thumb2"]
    wanted = export.prelabel.points.copy()
    assert row.points[j, 0] == pytest.approx(wanted[j, 0] + window.width / 100)
    assert row.points[j, 1] == pytest.approx(wanted[j, 1])
    others = np.arange(N_JOINTS) != j
    np.testing.assert_array_equal(row.points[others], wanted[others])


def test_a_changed_prelabel_does_not_move_old_answers(export: Export, make_prelabel: Make) -> None:
    """The pre-label was made again after the task had been pushed: pixels come from the task's own window."""
    before = export.prelabel
    export.prelabel = make_prelabel(4)
    row = export.row()
    np.testing.assert_allclose(row.points, before.points, atol=1e-9)
    np.testing.assert_allclose(row.box, before.box, atol=1e-9)


def test_a_resized_box_and_a_turned_side(export: Export) -> None:
    value, window = export.region("box")["value"], window_of(export.prelabel)
    value["width"], value["rectanglelabels"] = value["width"] + 10, ["right"]
    row = export.row()
    np.testing.assert_allclose(row.box - export.prelabel.box, [0, 0, window.width / 10, 0], atol=1e-9)
    assert row.side == "right"
    value["width"] -= 10
    assert export.row().side == "right"


def test_deleted_absent_and_occluded(export: Export) -> None:
    export.remove("ring_finger3")
    export.tick("absent", "wrist")
    export.tick("occluded", "thumb1", "thumb2")
    row = export.row()
    assert [JOINTS[j] for j in np.flatnonzero(~row.exists)] == ["wrist", "ring_finger3"]
    assert [JOINTS[j] for j in np.flatnonzero(row.occluded)] == ["thumb1", "thumb2"]
    assert np.isnan(row.points[INDEX["ring_finger3"]]).all()
    np.testing.assert_array_equal(row.points[0], export.prelabel.points[0])


@pytest.mark.parametrize("deleted", [False, True])
def test_occluded_and_absent_at_once_is_a_warning_and_absent_wins(export: Export, deleted: bool) -> None:
    export.tick("occluded", "thumb1")
    if deleted:
        export.remove("thumb1")
    else:
        export.tick("absent", "thumb1")
    reading = export.read()
    (issue,) = reading.issues
    assert (issue.level, issue.id) == ("warning", export.prelabel.id)
    assert "thumb1" in issue.text
    (row,) = reading.hands
    assert not row.exists[INDEX["thumb1"]]
    assert not row.occluded.any()


def test_a_point_drawn_again_is_known_by_its_label(export: Export) -> None:
    export.region("thumb2")["id"] = "a1B2c3D4e5"
    assert export.row().exists.all()


def test_a_point_that_lost_its_label_is_known_by_our_id(export: Export) -> None:
    export.region("thumb2")["value"]["keypointlabels"] = []
    assert export.row().exists.all()


def test_relations_between_regions_mean_nothing(export: Export) -> None:
    export.annotation["result"].append({"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"})
    assert export.row().exists.all()


def break_label(export: Export) -> None:
    export.region("thumb2")["value"]["keypointlabels"] = ["thumb9"]


def break_twice(export: Export) -> None:
    export.region("thumb2")["value"]["keypointlabels"] = ["thumb1"]


def break_box(export: Export) -> None:
    export.remove("box")


def break_two_boxes(export: Export) -> None:
    export.annotation["result"].append(export.region("box") | {"id": "other"})


def break_box_area(export: Export) -> None:
    export.region("box")["value"]["width"] = 0


def break_rotation(export: Export) -> None:
    export.region("box")["value"]["rotation"] = 30


def break_size(export: Export) -> None:
    export.region("wrist")["original_width"] += 1


def break_turned(export: Export) -> None:
    export.region("wrist")["image_rotation"] = 90


def break_choice(export: Export) -> None:
    export.tick("absent", "nose")


def break_number(export: Export) -> None:
    export.region("wrist")["value"]["x"] = float("nan")


def break_text(export: Export) -> None:
    export.region("wrist")["value"]["x"] = "left of the cup"


def break_value(export: Export) -> None:
    del export.region("wrist")["value"]["y"]


def break_result(export: Export) -> None:
    export.annotation["result"] = None


def break_control(export: Export) -> None:
    export.region("wrist")["from_name"] = "other"


def break_region(export: Export) -> None:
    export.annotation["result"].append("?")


def break_points(export: Export) -> None:
    export.annotation["result"] = [export.region("box")]


def break_window(export: Export) -> None:
    del export.task["data"]["window_x"]


def break_frame(export: Export) -> None:
    export.task["data"]["frame_id"] = "elsewhere"


@pytest.mark.parametrize(
    ("breaking", "finding"),
    [
        (break_label, "kp: unknown label 'thumb9'"),
        (break_twice, "kp > thumb1: has two regions"),
        (break_box, "hand: is missing"),
        (break_two_boxes, "hand: has two regions"),
        (break_box_area, "hand: must be an upright box"),
        (break_rotation, "hand: must be an upright box"),
        (break_size, "original_width: the editor showed"),
        (break_turned, "image_rotation: must be 0, got 90"),
        (break_choice, "absent: unknown label 'nose'"),
        (break_number, "kp > wrist: must be numbers"),
        (break_text, "result: could not convert"),
        (break_value, "result: has a region that cannot be read"),
        (break_result, "result: must be a list, got NoneType"),
        (break_control, "result.from_name: 'other'"),
        (break_region, "result: has a region that cannot be read"),
        (break_points, "kp: are missing"),
        (break_window, "data.window_x: must be a whole number"),
        (break_frame, "data.frame_id: 'elsewhere' is no frame"),
    ],
)
def test_unreadable_annotations_are_named_and_left_out(
    export: Export, breaking: Callable[[Export], None], finding: str
) -> None:
    breaking(export)
    assert export.error().startswith(finding)


def test_a_foreign_task_is_named(export: Export) -> None:
    export.task["data"] = {"image": "/x.jpg"}
    reading = export.read()
    (issue,) = reading.issues
    assert (issue.field, reading.left_out) == ("data.hint_id", 1)


def test_skipping_keeps_a_row_whatever_was_left_behind(export: Export) -> None:
    export.annotation["was_cancelled"] = True
    row = export.row()
    assert (row.state, row.prelabel_id) == ("skipped", row.id)
    np.testing.assert_array_equal(row.points, export.prelabel.points)
    break_label(export)
    row = export.row()
    assert (row.state, row.side) == ("skipped", "left")
    assert np.isnan(row.points).all()


def test_no_hand_here(make_empty: Make, frame_of: Callable[[Hand], Frame], export: Export) -> None:
    empty = make_empty(9)
    row = Export(empty, frame_of(empty)).row()
    assert (row.state, row.prelabel_id, row.detector, row.annotator) == ("empty", "", "", "ann@example.org")
    # A person who deletes every region of a false detection says the same.
    export.annotation["result"] = []
    export.tick("occluded", "wrist")
    row = export.row()
    assert (row.state, row.prelabel_id, row.exists.any()) == ("empty", row.id, False)


def test_several_annotators_and_revisions_sort_by_creation_so_that_the_newest_is_last(export: Export) -> None:
    base = export.annotation
    export.task["annotations"] = [
        base | {"id": 4, "created_at": "2026-01-03", "lead_time": 3},
        base | {"id": 3, "created_at": "2026-01-02", "lead_time": 2},
        base | {"id": 5, "completed_by": {"id": 1, "email": "Zoe@example.org"}, "lead_time": 1},
        base | {"id": 6, "completed_by": {"id": 2, "email": SIMULATED_EMAIL}, "lead_time": None},
        base | {"id": 7, "completed_by": 99, "lead_time": 7},
    ]
    hands = export.read().hands
    names = ["ann@example.org", "Zoe@example.org", "simulated", "user 99", "ann@example.org"]
    assert list(hands.annotator) == names
    assert list(hands.seconds[[0, 1, 3, 4]]) == [2, 1, 7, 3]
    assert np.isnan(hands.seconds[2])


def test_the_detector_is_the_one_whose_guess_was_seen(export: Export) -> None:
    export.annotation["prediction"]["model_version"] = "finder-0"
    assert export.row().detector == "finder-0"
    export.annotation["prediction"] = {}
    assert export.row().detector == "finder-1"


def test_open_and_doubled_tasks_are_counted(export: Export) -> None:
    other = {"id": 8, "data": export.task["data"], "annotations": []}
    reader = export.reader()
    reader.take([export.task])
    reader.take([other])  # also when they come in two parts
    reading = reader.finish("raw.json")
    assert (reading.open_tasks, reading.count("submitted"), reading.left_out) == (1, 1, 0)
    (issue,) = reading.issues
    assert issue.file == "raw.json > task 8"
    assert (issue.level, issue.text.split(";")[0]) == ("warning", "has two tasks")
