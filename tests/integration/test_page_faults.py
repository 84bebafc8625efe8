"""What people do to a project in the browser: a task deleted, the configuration edited, a draft left for later."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli
from hint_toolkit.flows.doctor_server import examine_server
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.joints import INDEX
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import label_config, vocabulary

from .labelling_page import drag, log_in, open_task

pytestmark = [pytest.mark.server, pytest.mark.browser]


def delete_in_the_page(page: Any, service: Any, project: int, task: int) -> None:
    """Tick the task in the list, Actions > Delete Tasks, and confirm."""
    page.goto(f"{service.server.url}/projects/{project}/data")
    row = page.locator(".dm-table__row-wrapper, .lsf-table__row-wrapper", has_text=re.compile(rf"^{task}\D"))
    row.locator("input[type=checkbox]").click(force=True)
    page.locator("button", has_text=re.compile("^1 Task$")).click()
    page.get_by_text("Delete Tasks", exact=True).click()
    with page.expect_response(lambda r: "delete_tasks" in r.url and r.request.method == "POST") as reply:
        page.locator("[class*=modal] button", has_text=re.compile("^(OK|Ok|Delete|Confirm)")).last.click()
    assert reply.value.ok


def edit_in_the_page(page: Any, service: Any, project: int, config: str) -> None:
    """Settings > Labeling Interface > Code > Save."""
    page.goto(f"{service.server.url}/projects/{project}/settings/labeling")
    page.get_by_text("Code", exact=True).first.click()
    page.wait_for_selector(".CodeMirror")
    page.evaluate("(text) => document.querySelector('.CodeMirror').CodeMirror.setValue(text)", config)
    page.wait_for_timeout(1000)  # the page looks at it first
    with page.expect_response(lambda r: r.request.method == "PATCH" and f"/api/projects/{project}" in r.url) as reply:
        page.locator("button", has_text=re.compile("^Save$")).click()
    assert reply.value.ok


def test_a_task_is_deleted_and_the_configuration_edited(
    service: Any,
    client: Any,
    page: Any,
    drawn_workspace: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    drawn = drawn_workspace(service.root / "hands on", hands=(2, 1))
    options: dict[str, Any] = {"title": "hands on", "document_root": service.root}
    project = push(drawn.workspace, client, **options).project_id
    refs = {ref.hint_id: ref.id for ref in client.list_tasks(project)}
    gone, kept, _ = drawn.prelabels.id
    for hint_id in (gone, kept):
        shown = client.get_task(refs[hint_id])["predictions"][0]
        client.create_annotation(
            refs[hint_id],
            shown["result"],
            user_id=client.ensure_user("eva@example.org"),
            seconds=2.0,
            parent_prediction=shown["id"],
        )
    assert pull(drawn.workspace, client, title="hands on").submitted == 2
    log_in(page, service)

    delete_in_the_page(page, service, project, refs[gone])
    report = pull(drawn.workspace, client, title="hands on")
    assert (report.submitted, report.deleted, report.open_tasks) == (1, 1, 1)
    (said,) = [str(issue) for issue in report.issues]
    assert "1 tasks of 'hands on' were deleted on the server; their answers are kept" in said
    answers = drawn.workspace.read_answers()
    assert dict(zip(answers.hands.id, answers.standing, strict=True)) == {gone: False, kept: True}
    again = push(drawn.workspace, client, **options)
    assert (again.new, again.there) == (1, 2)
    assert pull(drawn.workspace, client, title="hands on").open_tasks == 2

    edited = label_config().replace('value="pinky_finger4"', 'value="pinkie"')
    edit_in_the_page(page, service, project, edited)
    assert vocabulary(client.find_project("hands on").label_config) == vocabulary(edited)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", service.server.account.token)
    arguments = [
        "--project",
        "hands on",
        "--workspace",
        str(drawn.workspace.root),
        "--url",
        service.server.url,
        "--quiet",
    ]
    capsys.readouterr()
    assert run(cli, "hint-build", ["push", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert "has another labelling configuration" in said
    assert "\n" not in said
    token = service.server.account.token
    found = examine_server(lambda: LabelStudioClient(service.server.url, token), "hands on", token)
    assert [one.what for one in found if one.state == "wrong"] == ["configuration"]
    assert pull(drawn.workspace, client, title="hands on").submitted == 1  # what people said comes home all the same
    edit_in_the_page(page, service, project, label_config())
    back = push(drawn.workspace, client, **options)
    assert (back.new, back.there, back.updated) == (0, 3, 0)


def test_a_draft_that_is_come_back_to(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    """After a reload the editor submits without a parent prediction; what was shown is known all the same."""
    drawn = drawn_workspace(service.root / "come back", hands=(1,))
    project = push(drawn.workspace, client, title="come back", document_root=service.root).project_id
    (ref,) = client.list_tasks(project)
    start = drawn.prelabels[0]
    log_in(page, service)
    open_task(page, service, project, ref.id)
    with page.expect_response(lambda r: r.request.method == "POST" and "/drafts" in r.url) as saved:
        drag(page, "thumb4", (30, -18))
    assert saved.value.ok
    report = pull(drawn.workspace, client, title="come back")
    assert (report.submitted, report.open_tasks) == (0, 1)  # a draft is no answer
    assert push(drawn.workspace, client, title="come back", document_root=service.root).there == 1
    open_task(page, service, project, ref.id)
    with page.expect_response(lambda r: r.request.method == "POST" and "/annotations" in r.url) as reply:
        page.keyboard.press("Control+Enter")
    assert reply.value.ok
    (annotation,) = client.export(project)[0]["annotations"]
    assert annotation["parent_prediction"] is None  # the trap
    assert pull(drawn.workspace, client, title="come back").submitted == 1
    answers = drawn.workspace.read_answers()
    np.testing.assert_array_equal(answers.started.points[0], start.points)
    assert answers.started.detector.tolist() == ["drawn-1"]
    changed = (answers.hands.points[0] != start.points).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [INDEX["thumb4"]]
