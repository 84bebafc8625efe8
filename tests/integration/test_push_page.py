"""What an annotator sees of a push, in a real Chromium: notes, instructions, answers side by side, pictures from S3."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push, push_hands
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.joints import INDEX, JOINTS
from hint_toolkit.labelstudio.config import OCCLUDED, hotkeys
from hint_toolkit.labelstudio.pictures import S3Pictures

from .labelling_page import WHERE, log_in, open_task, screenshot, submit

pytestmark = [pytest.mark.server, pytest.mark.browser]

OTHERS = """() => {
    const image = document.querySelector('img[src*="others"]')
    return image ? [image.naturalWidth, image.naturalHeight] : null
}"""
SKELETON = """() => {
    const image = document.querySelector('img[alt="the 21 joints and their keys"]')
    return image && image.complete ? [image.naturalWidth, image.naturalHeight] : null
}"""


def test_the_note_and_the_instructions(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "note", hands=(2, 0))
    presence = drawn.prelabels.presence.copy()
    presence[1] = 0.5
    write_table(drawn.workspace.prelabels_file, hands_to_table(drawn.prelabels.replace(presence=presence)), {})
    project = push(drawn.workspace, client, title="note", document_root=service.root).project_id
    refs = {ref.hint_id: ref.id for ref in client.list_tasks(project)}
    log_in(page, service)
    for k, says in enumerate(("", "Check that this is a hand, and which side it is.", "Nothing was found here.")):
        open_task(page, service, project, refs[drawn.prelabels.id[k]], regions=k < 2)
        text = (
            page.inner_text(".lsf-main-content")
            if page.query_selector(".lsf-main-content")
            else page.inner_text("body")
        )
        assert says in text
        assert ("Check that this is a hand" in text) == (k == 1)
        assert "$note" not in text
        screenshot(page, f"note_{k}")
    page.goto(f"{service.server.url}/projects/{project}/data?labeling=1")  # the stream shows them by itself
    page.wait_for_function(SKELETON, timeout=30_000)
    assert page.evaluate(SKELETON) == [820, 640]
    screenshot(page, "instructions")
    # What a person writes instead is left alone.
    client.request("x", "PATCH", f"api/projects/{project}", json_body={"expert_instruction": "<p>Ours.</p>"})
    push(drawn.workspace, client, title="note", document_root=service.root)
    assert client.project_facts(project)["expert_instruction"] == "<p>Ours.</p>"


def test_answers_side_by_side(service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "sides", hands=(2,))
    push(drawn.workspace, client, title="sides", document_root=service.root)
    rng = np.random.default_rng(0)
    hand, right = drawn.prelabels[1], drawn.truth[1]
    others = [(name, replace(right, points=right.points + rng.normal(0, 8, (21, 2)))) for name in "ABCD"]
    report = push_hands(
        drawn.workspace, client, [hand], "sides", "adjudicate", others={hand.id: others}, document_root=service.root
    )
    (ref,) = client.list_tasks(report.project_id)
    log_in(page, service)
    left, top, width, height = open_task(page, service, report.project_id, ref.id)
    screenshot(page, "adjudicate")
    assert page.evaluate(OTHERS) == [5 * 364 - 4, 360]  # five tiles of 360 pixels in one row
    assert top + height < 1000  # all of the hand's own picture is in sight below them
    data = client.get_task(ref.id)["data"]
    window = np.array([data[f"window_{name}"] for name in ("x", "y", "width", "height")], float)
    scale = np.array([width, height]) / window[2:]
    shown = np.array([page.evaluate(WHERE, joint) for joint in JOINTS])
    np.testing.assert_allclose(shown, (hand.points - window[:2] + 0.5) * scale + [left, top], atol=0.01)
    # Work as in every other task: a drag and a key.
    x, y = shown[INDEX["thumb4"]]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 3 * step, y - 2 * step)
    page.mouse.up()
    page.keyboard.press("Escape")
    page.keyboard.press(hotkeys()[f"{OCCLUDED} pinky_finger2"])
    submit(page)
    pull(drawn.workspace, client, title="sides")
    (row,) = drawn.workspace.read_annotations()
    moved = np.arange(len(JOINTS)) == INDEX["thumb4"]
    np.testing.assert_array_equal(row.points[~moved], hand.points[~moved])
    np.testing.assert_allclose(row.points[moved] - hand.points[moved], [[30, -20] / scale], atol=0.02)
    assert [joint for joint, flag in zip(JOINTS, row.occluded, strict=True) if flag] == ["pinky_finger2"]


def test_a_picture_from_a_bucket(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any], bucket: Any
) -> None:
    bucket.put_bucket_cors(
        Bucket="hands",
        CORSConfiguration={
            "CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"]}]
        },
    )
    drawn = drawn_workspace(service.root / "frombucket", hands=(1,))
    project = push(
        drawn.workspace, client, title="frombucket", pictures=S3Pictures("s3://hands/page"), document_root=service.root
    ).project_id
    (ref,) = client.list_tasks(project)
    log_in(page, service)
    open_task(page, service, project, ref.id)
    screenshot(page, "bucket")
