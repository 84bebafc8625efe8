"""The doctor on a real server: what is fit is called fit, and every fault is named with the step that mends it."""

from collections.abc import Callable
from typing import Any

import pytest

from hint_toolkit.flows.doctor_server import examine_server
from hint_toolkit.flows.push import push
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import label_config

pytestmark = pytest.mark.server


def look(service: Any, title: str, key: str = "") -> dict[str, Any]:
    key = key or service.server.account.token
    found = examine_server(lambda: LabelStudioClient(service.server.url, key), title, key)
    return {one.what: one for one in found}


def wrong(found: dict[str, Any]) -> list[str]:
    return [name for name, one in found.items() if one.state == "wrong"]


def test_a_fit_server_and_its_faults(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "doctor", hands=(0, 1))
    project = push(drawn.workspace, client, title="doctor", document_root=service.root).project_id
    found = look(service, "doctor")
    assert wrong(found) == []
    assert "21 of 21 points" in found["prediction"].detail
    assert "image/jpeg" in found["picture"].detail
    assert found["tasks"].detail.endswith(drawn.prelabels[1].id)
    assert "legacy" in found["token"].detail

    # A hot key twice, and one of the editor's own.
    edited = label_config().replace('hotkey="q"', 'hotkey="w"').replace('hotkey="a"', 'hotkey="h"')
    client.set_label_config(project, edited)
    found = look(service, "doctor")
    assert wrong(found) == ["hot keys"]
    assert found["hot keys"].detail.startswith("w twice; h belong to the editor; run: hint-build push")
    # A joint that somebody removed.
    line = next(
        text for text in label_config().splitlines() if '<Choice value="pinky_finger4"' in text and 'hotkey="5"' in text
    )
    client.set_label_config(project, label_config().replace(line, ""))
    found = look(service, "doctor")
    assert wrong(found) == ["configuration"]
    assert "occluded: pinky_finger4" in found["configuration"].detail
    client.set_label_config(project, label_config())

    # The picture is gone.
    crop = next(drawn.workspace.tasks_folder.glob("*_h0-*.jpg"))
    pictures = {path: path.read_bytes() for path in drawn.workspace.tasks_folder.iterdir()}
    for path in pictures:
        path.unlink()
    found = look(service, "doctor")
    assert wrong(found) == ["picture"]
    assert "cannot be fetched" in found["picture"].detail
    for path in pictures:
        path.write_bytes(b"not a picture")
    assert "no picture" in look(service, "doctor")["picture"].detail
    for path, data in pictures.items():
        path.write_bytes(data)
    assert crop.is_file()

    # The storage is gone: the server shows nothing any more.
    for one in client.request("list", "GET", "api/storages/localfiles", params={"project": project}):
        client.request("delete", "DELETE", f"api/storages/localfiles/{one['id']}")
    found = look(service, "doctor")
    assert found["storage"].state == "absent"
    push(drawn.workspace, client, title="doctor", document_root=service.root)
    assert wrong(look(service, "doctor")) == []

    # Points without a width, and a prediction of another version.
    (ref,) = client.find_tasks(project, [drawn.prelabels[1].id])
    task = client.get_task(ref.id)
    thin = [
        one | {"value": {k: v for k, v in one["value"].items() if k != "width"}}
        for one in task["predictions"][0]["result"]
    ]
    client.set_predictions(project, task, [{"model_version": "drawn-1", "result": thin}])
    assert "21 of 21 points have no width" in look(service, "doctor")["prediction"].detail
    client.request(
        "choose", "PATCH", f"api/predictions/{task['predictions'][0]['id']}", json_body={"model_version": "else"}
    )
    found = look(service, "doctor")
    assert wrong(found) == ["prediction"]
    assert "shows version 'drawn-1', the task has else" in found["prediction"].detail


def test_before_there_is_anything(service: Any, client: Any) -> None:
    found = look(service, "never pushed by the doctor")
    assert wrong(found) == ["project"]
    assert list(found)[-1] == "project"
    assert "hint-build push" in found["project"].detail
    empty = client.create_project("doctor without tasks", label_config())
    assert wrong(look(service, empty.title)) == ["tasks"]


def test_a_wrong_token_and_a_dead_server(service: Any) -> None:
    secret = "b" * 40
    found = look(service, "doctor", secret)
    assert wrong(found) == ["server"]
    assert "401" in found["server"].detail
    assert secret not in found["server"].detail
    key = "c" * 40
    dead = examine_server(lambda: LabelStudioClient("http://127.0.0.1:9", key), "doctor", key)
    assert [one.state for one in dead] == ["wrong"]
    assert "cannot be reached" in dead[0].detail
    assert [one.state for one in examine_server(lambda: LabelStudioClient("no address", key), "doctor", key)] == [
        "wrong"
    ]
