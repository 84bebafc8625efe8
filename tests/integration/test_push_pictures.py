"""Pictures by upload and by S3, on a real server: what the editor gets are the bytes that push wrote."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hint_toolkit.errors import HintError, InputError, ServerError
from hint_toolkit.flows.push import push
from hint_toolkit.io.assignments import read_assignments
from hint_toolkit.labelstudio.pictures import LocalPictures, S3Pictures, UploadedPictures

pytestmark = pytest.mark.server
KEY, SECRET = "AKIA-not-a-real-key", "wJalr-not-a-real-secret-7MDENG"  # as in conftest.py


def crops(drawn: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in drawn.workspace.tasks_folder.iterdir()}


def shown(client: Any, project_id: int) -> dict[str, bytes]:
    """Hand -> bytes of its picture as a browser gets them."""
    found = {}
    for ref in client.list_tasks(project_id):
        task = client.get_task(ref.id)
        kind, data = client.fetch("show a picture", task["data"]["image"])
        assert kind == "image/jpeg"
        found[ref.hint_id] = data
    return found


def test_uploaded_pictures(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "uploaded", hands=(2, 1, 0))
    options: dict[str, Any] = {"title": "uploaded", "document_root": service.root}
    report = push(drawn.workspace, client, pictures=UploadedPictures(), batch=2, **options)
    assert sorted(shown(client, report.project_id).values()) == sorted(crops(drawn).values())
    before = client.uploads(report.project_id)
    assert len(before) == 5  # four crops and the instructions' picture
    # Another process: it finds what is there, although the server put something random before every name.
    for path in drawn.workspace.tasks_folder.iterdir():
        path.unlink()
    again = push(drawn.workspace, client, pictures=UploadedPictures(), **options)
    assert (again.new, again.updated, again.there) == (0, 0, 4)
    assert client.uploads(report.project_id) == before


def test_many_uploads(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    """More files than the server takes in one request."""
    drawn = drawn_workspace(service.root / "many", hands=(2,) * 55)
    report = push(
        drawn.workspace, client, title="many", document_root=service.root, pictures=UploadedPictures()
    )  # fmt: skip
    assert report.new == 110
    assert len(client.uploads(report.project_id)) == 111


def test_from_one_place_to_another(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "moves", hands=(2,))
    options: dict[str, Any] = {"title": "moves", "document_root": service.root}
    push(drawn.workspace, client, **options)
    moved = push(drawn.workspace, client, pictures=UploadedPictures(), **options)
    assert (moved.new, moved.updated) == (0, 2)
    assert sorted(shown(client, moved.project_id).values()) == sorted(crops(drawn).values())


def test_pictures_in_a_bucket(
    service: Any, client: Any, drawn_workspace: Callable[..., Any], bucket: Any, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = drawn_workspace(service.root / "bucket", hands=(2, 0))
    options: dict[str, Any] = {"title": "bucket", "document_root": service.root}
    report = push(drawn.workspace, client, pictures=S3Pictures("s3://hands/kitchen/1"), **options)
    objects = {
        item["Key"]: item["LastModified"]
        for item in bucket.list_objects_v2(Bucket="hands", Prefix="kitchen/")["Contents"]
    }
    assert set(objects) == {f"kitchen/1/{name}" for name in crops(drawn)}
    # The task itself holds the bucket's address; whoever looks gets a signed one, which the browser follows.
    raw = {task["id"]: task["data"]["image"] for task in client.export(report.project_id)}
    for ref in client.list_tasks(report.project_id):
        stored = client.request("task", "GET", f"api/tasks/{ref.id}", params={"resolve_uri": "false"})
        assert str(stored["data"]["image"]).startswith("s3://hands/kitchen/1/")
    assert len(raw) == 3
    assert sorted(shown(client, report.project_id).values()) == sorted(crops(drawn).values())
    again = push(drawn.workspace, client, pictures=S3Pictures("s3://hands/kitchen/1"), **options)
    assert (again.new, again.updated, again.there) == (0, 0, 3)
    storages = client.request("storages", "GET", "api/storages/s3", params={"project": report.project_id})
    assert len(storages) == 1
    # No secret in any task, any file of the workspace, any reply or any log line.
    said = json.dumps([client.get_task(ref.id) for ref in client.list_tasks(report.project_id)]) + json.dumps(storages)
    said += "".join(str(one) for one in read_assignments(drawn.workspace.assignments_file)) + caplog.text
    said += "".join(path.read_bytes().decode("latin-1") for path in drawn.workspace.root.rglob("*.parquet"))
    assert SECRET not in said


@pytest.mark.parametrize("place", ["s3://nowhere/kitchen", "s3://hands/kitchen"])
def test_a_bucket_that_does_not_answer(
    service: Any,
    client: Any,
    drawn_workspace: Callable[..., Any],
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    drawn = drawn_workspace(service.root / f"refused-{place[5:8]}", hands=(1,))
    if place.startswith("s3://hands"):  # nobody listens there
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(ServerError, match="cannot list the bucket") as caught:
        push(
            drawn.workspace, client, title=f"refused-{place[5:8]}", pictures=S3Pictures(place),
            document_root=service.root,
        )  # fmt: skip
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_that_cannot_be(tmp_path: Path) -> None:
    access = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    for place in ("hands/kitchen", "s3://hands", "s3://hands/", f"s3://{KEY}:{SECRET}@hands/x", "https://hands/x"):
        with pytest.raises(InputError, match="no place in a bucket") as caught:
            S3Pictures(place, access)
        assert SECRET not in str(caught.value)
    with pytest.raises(InputError, match="AWS_SECRET_ACCESS_KEY not set"):
        S3Pictures("s3://hands/kitchen", {"AWS_ACCESS_KEY_ID": KEY})
    with pytest.raises(HintError, match="document root"):
        LocalPictures(tmp_path / "crops", tmp_path / "elsewhere")


def test_a_folder_that_the_server_sees_elsewhere(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    """As in annotation/compose.yaml: the container has the crops under another path."""
    drawn = drawn_workspace(service.root / "mounted", hands=(1,))
    there = service.root / "container" / "crops"
    there.parent.mkdir()
    there.symlink_to(drawn.workspace.tasks_folder)
    drawn.workspace.tasks_folder.mkdir(parents=True)
    place = LocalPictures(drawn.workspace.tasks_folder, drawn.workspace.served_folder, str(there))
    report = push(drawn.workspace, client, title="mounted", pictures=place)
    storages = client.request("storages", "GET", "api/storages/localfiles", params={"project": report.project_id})
    assert [one["path"] for one in storages] == [str(there)]
    (ref,) = client.list_tasks(report.project_id)
    assert client.get_task(ref.id)["data"]["image"].startswith("/data/local-files/?d=crops/")
