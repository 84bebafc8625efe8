"""What Label Studio does silently, each shown on the real server, and that ours does not fall into it.

The others have their tests elsewhere: an import that is sent twice (test_client.py, test_faults.py), a parent
prediction that is lost after a draft (test_page_faults.py, test_pull.py).
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.flows.push import push
from hint_toolkit.labelstudio.config import label_config
from tests.integration.labelling_page import STAGE, WHERE, log_in, open_task

pytestmark = pytest.mark.server

LABELS = "() => Htx.annotationStore.selected.regions.filter(r => r.type === 'keypointregion').map(r => r.labels[0])"
CHOSEN = "() => Htx.annotationStore.selected.regions.filter(r => r.inSelection).map(r => r.type)"


def our_task(client: Any, project: int, hint_id: str) -> dict[str, Any]:
    (ref,) = client.find_tasks(project, [hint_id])
    task = client.get_task(ref.id)
    predictions = [{"model_version": p["model_version"], "result": p["result"]} for p in task["predictions"]]
    return {"id": ref.id, "data": task["data"], "predictions": predictions}


@pytest.mark.browser
def test_points_without_a_width_are_not_shown_and_a_box_on_top_takes_the_click(
    service: Any, client: Any, page: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "traps", hands=(1,))
    project = push(drawn.workspace, client, title="traps", document_root=service.root).project_id
    good = our_task(client, project, drawn.prelabels.id[0])
    thin, turned = copy.deepcopy(good), copy.deepcopy(good)
    for region in thin["predictions"][0]["result"]:
        if region["type"] == "keypointlabels":
            del region["value"]["width"]
    turned["predictions"][0]["result"].reverse()
    for task, name in ((thin, "thin"), (turned, "turned")):
        task["data"] = {**task["data"], "hint_id": name, "key": name}
        client.import_tasks(project, [{"data": task["data"], "predictions": task["predictions"]}])
    log_in(page, service)

    def click(task: int) -> list[str]:
        open_task(page, service, project, task)
        x, y = page.evaluate(WHERE, "middle_finger1")
        page.mouse.click(x, y)
        page.wait_for_timeout(500)
        return list(page.evaluate(CHOSEN))

    assert click(good["id"]) == ["keypointregion"]
    assert len(page.evaluate(LABELS)) == 21 - int((~np.isfinite(drawn.prelabels.points[0])).any(axis=1).sum())
    assert click(client.find_tasks(project, ["turned"])[0].id) == ["rectangleregion"]
    open_task(page, service, project, client.find_tasks(project, ["thin"])[0].id)
    assert page.evaluate(STAGE)
    assert page.evaluate(LABELS) == []


def test_the_export_takes_the_ids_that_are_asked_for(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "ids", hands=(2, 2))
    project = push(drawn.workspace, client, title="ids", document_root=service.root).project_id
    ids = client.task_ids(project)
    assert [task["id"] for task in client.export(project, ids[1:3])] == ids[1:3]
    assert client.export(project, []) == []
    # the SDK's own argument does nothing
    sent = b"".join(client._sdk.projects.exports.download_sync(
        project, export_type="JSON", download_all_tasks=True, ids=ids[:1]))  # fmt: skip
    assert sent.count(b'"hint_id"') > 1


def test_pictures_need_a_storage_even_when_the_address_is_right(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "storage", hands=(1,))
    project = push(drawn.workspace, client, title="storage", document_root=service.root).project_id
    address = our_task(client, project, drawn.prelabels.id[0])["data"]["image"]
    assert client.fetch("show a picture", address)[0] == "image/jpeg"
    (storage,) = client._sdk.import_storage.local.list(project=project)
    client._sdk.import_storage.local.delete(storage.id)
    with pytest.raises(ServerError):
        client.fetch("show a picture", address)
    push(drawn.workspace, client, title="storage", document_root=service.root)  # mends it
    assert client.fetch("show a picture", address)[0] == "image/jpeg"


def test_a_picture_that_is_turned_by_exif_is_refused_or_shown_as_it_was_labelled(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "exif", hands=(1,))
    path = drawn.workspace.root / drawn.workspace.read_frames()[0].path
    path.write_bytes(turned(path))
    assert cv2.imread(str(path)).shape[:2] == (640, 480)  # whoever obeys the tag sees it on its side
    project = push(drawn.workspace, client, title="exif", document_root=service.root).project_id
    task = our_task(client, project, drawn.prelabels.id[0])
    _, data = client.fetch("show a picture", task["data"]["image"])
    assert b"Exif" not in data
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[:2] == (task["data"]["window_height"], task["data"]["window_width"])


def turned(path: Path) -> bytes:
    """The same JPEG with orientation 6 in an EXIF block."""
    tiff = b"II*\x00\x08\x00\x00\x00" + b"\x01\x00" + b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + b"\x00" * 4
    block = b"Exif\x00\x00" + tiff
    data = path.read_bytes()
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def test_the_server_takes_a_broken_prediction_and_we_do_not_send_one(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "broken", hands=(1,))
    push(drawn.workspace, client, title="broken", document_root=service.root)
    assert client.find_project("broken").label_config.strip() == label_config().strip()
    hands = drawn.prelabels
    hands.points[0, 3] = np.nan
    from hint_toolkit.io.parquet import hands_to_table, write_table

    write_table(drawn.workspace.prelabels_file, hands_to_table(hands), {})
    with pytest.raises(InputError, match="exists without coordinates"):
        push(drawn.workspace, client, title="broken", document_root=service.root)
