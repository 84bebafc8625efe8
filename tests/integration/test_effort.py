"""What a hand costs a person: input events counted in a real browser, and the numbers that the protocol states."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.joints import INDEX, JOINTS
from hint_toolkit.labelstudio.config import OCCLUDED, hotkeys

from .labelling_page import WHERE, drag, log_in, open_stream, open_task, submit

pytestmark = [pytest.mark.server, pytest.mark.browser]
PROTOCOL = Path(__file__).parents[2] / "annotation" / "protocol.md"

COUNT = """() => {
    window.effort = {clicks: 0, drags: 0, keys: 0, wheel: 0}
    let down = null
    const on = (name, what) => window.addEventListener(name, what, {capture: true})
    on('mousedown', e => { if (e.isTrusted) down = [e.clientX, e.clientY] })
    on('mouseup', e => {
        if (!e.isTrusted || !down) return
        const far = Math.hypot(e.clientX - down[0], e.clientY - down[1])
        window.effort[far > 3 ? 'drags' : 'clicks'] += 1
        down = null
    })
    on('keydown', e => {
        if (e.isTrusted && !['Control', 'Shift', 'Alt', 'Meta'].includes(e.key)) window.effort.keys += 1
    })
    on('wheel', e => { if (e.isTrusted) window.effort.wheel += 1 })
}"""
HAND = """() => {
    const store = Htx.annotationStore.selected, image = store.names.get('img')
    const region = store.regions.find(r => r.type === 'rectangleregion')
    const node = image.stageRef.findOne(n => n.name().startsWith(region.id))
    const r = node.getClientRect()
    return Math.max(r.width, r.height)
}"""
EDGE = """() => {
    const store = Htx.annotationStore.selected, image = store.names.get('img')
    const region = store.regions.find(r => r.type === 'rectangleregion')
    const node = image.stageRef.findOne(n => n.name().startsWith(region.id))
    const box = image.stageRef.container().getBoundingClientRect(), r = node.getClientRect()
    return [box.x + r.x + 1, box.y + r.y + 0.03 * r.height]
}"""


def nothing(page: Any) -> None:
    """All is right."""


def one_point(page: Any) -> None:
    drag(page, "thumb4", (30, -18))


def five_occluded(page: Any) -> None:
    for joint in ("middle_finger2", "middle_finger3", "middle_finger4", "ring_finger3", "ring_finger4"):
        page.keyboard.press(hotkeys()[f"{OCCLUDED} {joint}"])


def flipped(page: Any) -> None:
    page.mouse.click(*page.evaluate(EDGE))
    page.keyboard.press("Shift+BracketRight")
    page.keyboard.press("Escape")


SCENES = {
    "all right": nothing,
    "one point wrong": one_point,
    "five joints occluded": five_occluded,
    "left and right exchanged": flipped,
}


def test_the_effort_is_what_the_protocol_says(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "effort", hands=(1, 1, 1, 1))
    project = push(drawn.workspace, client, title="effort", document_root=service.root).project_id
    tasks = {ref.hint_id: ref for ref in client.list_tasks(project)}
    log_in(page, service)
    measured: dict[str, dict[str, int]] = {}
    for (name, act), start in zip(SCENES.items(), drawn.prelabels, strict=True):
        open_task(page, service, project, tasks[start.id].id)
        page.evaluate(COUNT)
        act(page)
        submit(page)
        measured[name] = page.evaluate("() => window.effort")
    pull(drawn.workspace, client, title="effort")
    rows = {row.id: row for row in drawn.workspace.read_annotations()}
    right, moved, hidden, turned = (rows[start.id] for start in drawn.prelabels)
    np.testing.assert_array_equal(right.points, drawn.prelabels[0].points)
    assert np.flatnonzero((moved.points != drawn.prelabels[1].points).any(axis=1)).tolist() == [INDEX["thumb4"]]
    assert int(hidden.occluded.sum()) == 5
    assert (drawn.prelabels[3].side, turned.side) == ("left", "right")

    assert {name: stated()[name] for name in SCENES} == measured


def stated() -> dict[str, dict[str, int]]:
    """The protocol's table: clicks, drags, keys and wheel of every row, whose sum must be right."""
    number = r" (\d+) \|"
    rows = re.findall(rf"^\| ([^|]+?) \|{number * 5}", PROTOCOL.read_text("utf-8"), re.M)
    found = {}
    for name, total, *parts in rows:
        found[name] = dict(zip(("clicks", "drags", "keys", "wheel"), map(int, parts), strict=True))
        assert int(total) == sum(found[name].values()), name
    return found


def test_a_crop_costs_less_than_the_frame(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    """Why a task shows a crop: in a whole frame people zoom first, or move points by the width of a joint."""
    drawn = drawn_workspace(service.root / "views", hands=(1,), size=(1920, 1080))
    log_in(page, service)
    measured, sizes = {}, {}
    for view in ("crop", "frame"):
        title = f"views {view}"
        project = push(drawn.workspace, client, title=title, view=view, document_root=service.root).project_id
        open_task(page, service, project, client.list_tasks(project)[0].id)
        page.evaluate(COUNT)
        (x, y), sizes[view] = page.evaluate(WHERE, "thumb4"), page.evaluate(HAND)
        page.mouse.move(x, y)  # what is under the pointer stays there
        while page.evaluate(HAND) < 0.9 * sizes["crop"]:  # as large as in the crop
            page.keyboard.down("Control")
            page.mouse.wheel(0, -100)
            page.keyboard.up("Control")
            page.wait_for_timeout(300)
        one_point(page)
        submit(page)
        measured[f"one point wrong, {view} of 1920 x 1080"] = page.evaluate("() => window.effort")
        report = pull(drawn.workspace, client, title=title)
        row = drawn.workspace.read_annotations()[0]
        assert np.flatnonzero((row.points != drawn.prelabels[0].points).any(axis=1)).tolist() == [INDEX["thumb4"]]
        assert report.submitted >= 1
    assert sizes["crop"] > 4 * sizes["frame"]
    assert {name: stated().get(name) for name in measured} == measured, (measured, sizes)


def test_a_day_of_work(service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]) -> None:
    """Drag, tick, delete and restore, submit; edit the submission; skip another: only what was touched changes."""
    drawn = drawn_workspace(service.root / "day", hands=(2, 1))
    project = push(drawn.workspace, client, title="day", document_root=service.root).project_id
    tasks = {ref.hint_id: ref for ref in client.list_tasks(project)}
    first, skipped, untouched = drawn.prelabels
    log_in(page, service)
    left, top, width, height = open_task(page, service, project, tasks[first.id].id)
    window = {k: client.get_task(tasks[first.id].id)["data"][f"window_{k}"] for k in ("x", "y", "width", "height")}
    scale = np.array([width / window["width"], height / window["height"]])
    shown = np.array([page.evaluate(WHERE, joint) for joint in JOINTS])
    wanted = (first.points - [window["x"], window["y"]] + 0.5) * scale + [left, top]
    np.testing.assert_allclose(shown, wanted, atol=0.01)

    drag(page, "forefinger4", (24, 12))
    page.keyboard.press("Escape")
    page.keyboard.press(hotkeys()[f"{OCCLUDED} pinky_finger1"])
    page.mouse.click(*page.evaluate(WHERE, "ring_finger2"))
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+z")  # restored
    page.keyboard.press("Escape")
    submit(page)
    pull(drawn.workspace, client, title="day")
    (one,) = drawn.workspace.read_annotations()
    np.testing.assert_allclose((one.points - first.points)[INDEX["forefinger4"]], np.array([24, 12]) / scale, atol=0.05)
    others = np.arange(len(JOINTS)) != INDEX["forefinger4"]
    np.testing.assert_allclose(one.points[others], first.points[others], atol=1e-3)
    assert [JOINTS[j] for j in np.flatnonzero(one.occluded)] == ["pinky_finger1"]
    np.testing.assert_array_equal(one.box, first.box)

    # Think again: another point, the tick away.
    open_task(page, service, project, tasks[first.id].id)
    drag(page, "thumb4", (-20, 10))
    page.keyboard.press("Escape")
    page.keyboard.press(hotkeys()[f"{OCCLUDED} pinky_finger1"])
    with page.expect_response(lambda r: r.request.method == "PATCH" and "/annotations/" in r.url) as reply:
        page.keyboard.press("Control+Enter")
    assert reply.value.ok
    assert open_stream(page, service, project) == tasks[skipped.id].id
    with page.expect_response(lambda r: r.request.method == "POST" and "/annotations" in r.url):
        page.keyboard.press("Control+Space")
    report = pull(drawn.workspace, client, title="day")
    assert (report.submitted, report.skipped, report.open_tasks, report.left_out) == (1, 1, 1, 0)
    rows = {row.id: row for row in drawn.workspace.read_annotations()}
    assert rows[skipped.id].state == "skipped"
    assert untouched.id not in rows
    again = rows[first.id]
    assert np.flatnonzero((again.points != one.points).any(axis=1)).tolist() == [INDEX["thumb4"]]
    assert not again.occluded.any()
    answers = drawn.workspace.read_answers()
    mine = answers.take(answers.hands.id == first.id)
    assert mine.revision.tolist() == [0, 1]
    np.testing.assert_array_equal(mine.hands.points[0], one.points)
    np.testing.assert_array_equal(mine.hands.points[1], again.points)
    np.testing.assert_array_equal(mine.started.points[0], first.points)
