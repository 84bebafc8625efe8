"""A person's work, with real mouse and keys in a real Chromium, from the pushed task to the pulled row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.joints import INDEX, JOINTS
from hint_toolkit.labelstudio.config import ABSENT, OCCLUDED, hotkeys

from .labelling_page import STAGE, WHERE, log_in, open_task, screenshot, submit

pytestmark = [pytest.mark.server, pytest.mark.browser]

TICKED = "(name) => Htx.annotationStore.selected.names.get(name).selectedValues()"
SELECT_BOX = """() => {
    const store = Htx.annotationStore.selected
    store.selectArea(store.regions.find(r => r.type === 'rectangleregion'))
}"""


def test_drag_occlude_submit(service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "browser", hands=(2,))
    project = push(drawn.workspace, client, title="browser", document_root=service.root).project_id
    start = drawn.prelabels[1]
    (ref,) = client.find_tasks(project, [start.id])
    window = {k: client.get_task(ref.id)["data"][f"window_{k}"] for k in ("x", "y", "width", "height")}
    log_in(page, service)
    left, top, width, height = open_task(page, service, project, ref.id)
    screenshot(page, "labelstudio_page")

    # The dots are where our half-pixel rule says: the centre of pixel 0 is half a pixel from the corner.
    scale = np.array([width / window["width"], height / window["height"]])
    corner = np.array([left, top])
    shown = np.array([page.evaluate(WHERE, joint) for joint in JOINTS])
    wanted = (start.points - [window["x"], window["y"]] + 0.5) * scale + corner
    np.testing.assert_allclose(shown, wanted, atol=0.01)

    x, y = shown[INDEX["thumb4"]]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 3 * step, y - 2 * step)
    page.mouse.up()
    page.keyboard.press("Escape")
    page.keyboard.press(hotkeys()[f"{OCCLUDED} middle_finger3"])
    submit(page)

    report = pull(drawn.workspace, client, title="browser")
    assert (report.submitted, report.open_tasks, report.left_out) == (1, 1, 0)
    assert not list(report.issues)
    (row,) = drawn.workspace.read_annotations()
    moved = np.arange(len(JOINTS)) == INDEX["thumb4"]
    np.testing.assert_array_equal(row.points[~moved], start.points[~moved])
    np.testing.assert_allclose(row.points[moved] - start.points[moved], [[30, -20] / scale], atol=0.02)
    np.testing.assert_array_equal(row.box, start.box)
    np.testing.assert_array_equal(row.exists, start.exists)
    assert [joint for joint, flag in zip(JOINTS, row.occluded, strict=True) if flag] == ["middle_finger3"]
    assert row.annotator == service.server.account.username
    assert row.seconds > 0
    assert (row.side, row.detector, row.prelabel_id, row.state) == (start.side, "drawn-1", start.id, "submitted")


def test_every_key_of_the_grids(service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "keys", hands=(1,))
    project = push(drawn.workspace, client, title="keys", document_root=service.root).project_id
    (ref,) = client.list_tasks(project)
    log_in(page, service)
    stage = open_task(page, service, project, ref.id)
    zoom = page.evaluate("() => Htx.annotationStore.selected.names.get('img').currentZoom")
    for action in (OCCLUDED, ABSENT):
        for joint in JOINTS:
            key = hotkeys()[f"{action} {joint}"].replace("shift+", "Shift+")
            page.keyboard.press(key)
            page.wait_for_timeout(30)
            assert page.evaluate(TICKED, action) == [joint], key
            page.keyboard.press(key)
            page.wait_for_timeout(30)
            assert page.evaluate(TICKED, action) == [], key
    assert page.evaluate("() => Htx.annotationStore.selected.names.get('img').currentZoom") == zoom
    assert page.evaluate(STAGE) == stage


def test_delete_draw_again_and_relabel(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    """Delete two joints, draw one of them again, tick one as absent, and turn the side round."""
    drawn = drawn_workspace(service.root / "redraw", hands=(1,))
    project = push(drawn.workspace, client, title="redraw", document_root=service.root).project_id
    (ref,) = client.list_tasks(project)
    start = drawn.prelabels[0]
    log_in(page, service)
    left, top, width, height = open_task(page, service, project, ref.id)
    window = client.get_task(ref.id)["data"]
    for joint in ("ring_finger3", "pinky_finger2"):
        page.mouse.click(*page.evaluate(WHERE, joint))
        page.keyboard.press("Backspace")
    left, top, width, height = page.evaluate(STAGE)
    page.keyboard.press(hotkeys()["draw ring_finger3"].replace("alt+", "Alt+"))
    page.keyboard.down("Control")
    page.mouse.click(left + width * 0.5, top + height * 0.25)
    page.keyboard.up("Control")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+n")
    page.evaluate(SELECT_BOX)
    page.keyboard.press("Shift+BracketRight")
    page.keyboard.press("Escape")
    submit(page)

    report = pull(drawn.workspace, client, title="redraw")
    assert not list(report.issues)
    (row,) = drawn.workspace.read_annotations()
    gone, drawn_again = INDEX["pinky_finger2"], INDEX["ring_finger3"]
    assert [JOINTS[j] for j in np.flatnonzero(~row.exists)] == ["wrist", "pinky_finger2"]
    assert np.isnan(row.points[gone]).all()
    wanted = np.array([0.5, 0.25]) * [window["window_width"], window["window_height"]]
    wanted += np.array([window["window_x"], window["window_y"]]) - 0.5
    np.testing.assert_allclose(row.points[drawn_again], wanted, atol=1.0)
    others = ~np.isin(np.arange(len(JOINTS)), [gone, drawn_again])
    np.testing.assert_array_equal(row.points[others], start.points[others])
    np.testing.assert_array_equal(row.box, start.box)
    assert (start.side, row.side) == ("left", "right")


def test_a_hand_is_drawn_where_the_detector_found_none(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "nothing", hands=(0, 0))
    project = push(drawn.workspace, client, title="nothing", document_root=service.root).project_id
    first, second = client.list_tasks(project)
    log_in(page, service)
    left, top, width, height = open_task(page, service, project, first.id, regions=False)
    page.keyboard.press("Shift+BracketLeft")
    page.mouse.move(left + 0.25 * width, top + 0.25 * height)
    page.mouse.down()
    page.mouse.move(left + 0.5 * width, top + 0.5 * height, steps=8)
    page.mouse.up()
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+n")
    page.keyboard.down("Control")
    page.mouse.click(left + 0.4 * width, top + 0.4 * height)
    page.keyboard.up("Control")
    page.keyboard.press("Escape")
    submit(page)
    open_task(page, service, project, second.id, regions=False)
    submit(page)

    report = pull(drawn.workspace, client, title="nothing")
    assert (report.submitted, report.empty, report.left_out) == (1, 1, 0)
    row, none = drawn.workspace.read_annotations()
    np.testing.assert_allclose(row.box, [159.5, 119.5, 319.5, 239.5], atol=1.0)
    np.testing.assert_allclose(row.points[0], [255.5, 191.5], atol=1.0)
    assert (row.exists.sum(), row.side, row.prelabel_id, row.detector) == (1, "left", "", "")
    assert (none.state, none.exists.any(), none.annotator) == ("empty", False, service.server.account.username)
