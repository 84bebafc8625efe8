"""The labelling page as the tests drive it: log in, open a task and wait until it can be worked on, drag, submit."""

import os
from typing import Any

import pytest

PAUSE, LIMIT, ALIKE = 200, 600, 8  # ms between two looks, looks until the test gives up, equal looks that mean rest

# Stage of the picture (x, y, width, height in the page), or nothing while it is being built.
STAGE = """() => {
    const store = window.Htx && Htx.annotationStore && Htx.annotationStore.selected
    const image = store && store.names.get('img'), others = store && store.names.get('others')
    if (!image || !image.imageIsLoaded || !image.stageRef || (others && !others.imageIsLoaded)) return null
    const box = image.stageRef.container().getBoundingClientRect()
    return [box.x, box.y, image.stageWidth, image.stageHeight]
}"""
# Which answer is shown, its regions, and how many points and boxes of them are on the stage: a picture is there
# before the regions that are drawn on it.
REGIONS = """() => {
    const store = Htx.annotationStore.selected, image = store.names.get('img')
    const mine = store.regions.filter(r => ['keypointregion', 'rectangleregion'].includes(r.type))
    const drawn = mine.filter(r => image.stageRef.findOne(n => n.name().startsWith(r.id)))
    return [store.id, store.type, mine.length, drawn.length]
}"""
WHERE = """(label) => {
    const store = Htx.annotationStore.selected, image = store.names.get('img')
    const region = store.regions.find(r => r.type === 'keypointregion' && r.labels.includes(label))
    const node = image.stageRef.findOne(n => n.name().startsWith(region.id))
    const box = image.stageRef.container().getBoundingClientRect(), at = node.getAbsolutePosition()
    return [box.x + at.x, box.y + at.y]
}"""


def log_in(page: Any, service: Any) -> None:
    """As the administrator of the test's server."""
    page.goto(f"{service.server.url}/user/login/")
    page.fill("input[name=email]", service.server.account.username)
    page.fill("input[name=password]", service.server.account.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/login" not in url)


def at_rest(page: Any, regions: bool = True) -> list[float]:
    """Wait until the layout stands still; x, y, width, height of the stage.

    With `regions` there must be some, all of them on the stage, in an answer that can be changed.
    """
    last, same = None, 0
    for _ in range(LIMIT):
        stage = page.evaluate(STAGE)
        now = stage and [*stage, *page.evaluate(REGIONS)]
        same = same + 1 if now and now == last else 0
        if same >= ALIKE and _workable(now, regions):
            return list(stage)
        last = now
        page.wait_for_timeout(PAUSE)
    pytest.fail(f"the editor did not come to rest: {last}")


def _workable(state: list[Any], regions: bool) -> bool:
    kind, there, drawn = state[-3:]
    return kind == "annotation" and there == drawn and (there > 0 or not regions)


def open_task(page: Any, service: Any, project: int, task: int, regions: bool = True) -> list[float]:
    """Open a task and wait until it can be worked on; x, y, width, height of the stage."""
    page.goto(f"{service.server.url}/projects/{project}/data?task={task}")
    return at_rest(page, regions)


def open_stream(page: Any, service: Any, project: int) -> int:
    """ "Label All Tasks": the next open task comes by itself, and only there can one be skipped. Gives its id."""
    page.goto(f"{service.server.url}/projects/{project}/data?labeling=1")
    at_rest(page)
    return int(page.evaluate("() => Htx.task.id"))


def drag(page: Any, joint: str, by: tuple[float, float]) -> None:
    """Take a joint's dot with the mouse and let it go elsewhere, so many screen pixels away; again if it stays."""
    x, y = page.evaluate(WHERE, joint)
    for _ in range(3):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + by[0], y + by[1], steps=8)
        page.mouse.up()
        for _ in range(25):
            if page.evaluate(WHERE, joint) != [x, y]:
                return
            page.wait_for_timeout(PAUSE)
    pytest.fail(f"{joint} cannot be dragged")


def submit(page: Any) -> None:
    """Submit a task that has no answer of this person yet."""
    with page.expect_response(lambda r: r.request.method == "POST" and "/annotations" in r.url) as reply:
        page.keyboard.press("Control+Enter")
    assert reply.value.status == 201


def screenshot(page: Any, name: str) -> None:
    """Kept in the folder that HINT_SCREENSHOTS names, to be looked at; nothing without it."""
    if folder := os.environ.get("HINT_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")
