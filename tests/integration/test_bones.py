"""Fingers as chains of lines, in a real browser: drag a joint, delete a finger, draw a joint again; the rest stays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.doctor_server import examine_server
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.flows.simulate import annotate
from hint_toolkit.joints import INDEX, JOINTS
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import OCCLUDED, has_bones, hotkeys

from .labelling_page import log_in, open_task, screenshot, submit

pytestmark = [pytest.mark.server, pytest.mark.browser]

DELETE = """(finger) => {
    const store = Htx.annotationStore.selected
    store.selectArea(store.regions.find(r => r.type === 'vectorregion' && r.labels.includes(finger)))
}"""
CHAINS_ARE = "(n) => Htx.annotationStore.selected.regions.filter(r => r.type === 'vectorregion').length === n"
KINDS = "() => Htx.annotationStore.selected.regions.map(r => r.type)"


def test_bones_in_the_browser(service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "bones", hands=(1, 1))
    options: dict[str, Any] = {"title": "bones", "document_root": service.root}
    project = push(drawn.workspace, client, bones=True, **options).project_id
    again = push(drawn.workspace, client, **options)  # the project keeps what it has
    assert (again.new, again.there, again.updated) == (0, 2, 0)
    assert has_bones(client.find_project("bones").label_config)
    push(drawn.workspace, client, title="dots", document_root=service.root)
    with pytest.raises(InputError, match="shows points, no bones"):
        push(drawn.workspace, client, title="dots", bones=True, document_root=service.root)
    token = service.server.account.token
    found = {
        one.what: one for one in examine_server(lambda: LabelStudioClient(service.server.url, token), "bones", token)
    }
    assert [name for name, one in found.items() if one.state == "wrong"] == []
    assert found["prediction"].detail.startswith("21 of 21 points")

    start = drawn.prelabels[0]
    (ref,) = client.find_tasks(project, [start.id])
    data = client.get_task(ref.id)["data"]
    corner = np.array([data["window_x"], data["window_y"]])
    log_in(page, service)
    left, top, width, height = open_task(page, service, project, ref.id)
    screenshot(page, "labelstudio_bones")
    assert page.evaluate(KINDS) == ["keypointregion", *["vectorregion"] * 5, "rectangleregion"]
    scale = np.array([width / data["window_width"], height / data["window_height"]])

    def where(joint: str) -> tuple[float, float]:
        x, y = (start.points[INDEX[joint]] - corner + 0.5) * scale + [left, top]
        return float(x), float(y)

    x, y = where("forefinger4")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y - 18, steps=10)
    page.mouse.up()
    page.keyboard.press("Escape")
    page.keyboard.press(hotkeys()[f"{OCCLUDED} thumb4"])
    page.evaluate(DELETE, "ring_finger")
    page.keyboard.press("Backspace")
    page.wait_for_function(CHAINS_ARE, arg=4)
    page.keyboard.press("Alt+v")  # ring_finger1 alone
    page.wait_for_function(
        "() => Htx.annotationStore.selected.names.get('kp').selectedValues().includes('ring_finger1')"
    )
    page.keyboard.down("Control")
    page.mouse.click(*where("ring_finger1"))
    page.keyboard.up("Control")
    page.keyboard.press("Escape")
    submit(page)

    report = pull(drawn.workspace, client, title="bones")
    assert (report.submitted, report.left_out, list(report.issues)) == (1, 0, [])
    (row,) = drawn.workspace.read_annotations()
    gone = [JOINTS[j] for j in np.flatnonzero(~row.exists)]
    assert gone == ["ring_finger2", "ring_finger3", "ring_finger4"]
    assert [JOINTS[j] for j in np.flatnonzero(row.occluded)] == ["thumb4"]
    moved = (row.points - start.points)[INDEX["forefinger4"]] * scale
    np.testing.assert_allclose(moved, [30, -18], atol=2)  # a vertex jumps to the pointer's middle
    np.testing.assert_allclose(
        row.points[INDEX["ring_finger1"]], start.points[INDEX["ring_finger1"]], atol=1.5 / scale.min()
    )
    touched = [INDEX[j] for j in ("forefinger4", "ring_finger1", "ring_finger2", "ring_finger3", "ring_finger4")]
    others = ~np.isin(np.arange(len(JOINTS)), touched)
    np.testing.assert_array_equal(row.points[others], start.points[others])
    np.testing.assert_array_equal(row.box, start.box)
    (mine,) = drawn.workspace.read_answers().started.points
    np.testing.assert_array_equal(mine, start.points)

    assert annotate(drawn.workspace, client, "bones", drawn.truth) == 1
    assert pull(drawn.workspace, client, title="bones").submitted == 2
