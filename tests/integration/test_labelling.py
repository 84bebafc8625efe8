"""Push, annotate and pull against a real Label Studio."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.flows.simulate import annotate
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import label_config
from hint_toolkit.labelstudio.server import Account, Server, choose_port
from hint_toolkit.records import Hands

pytestmark = pytest.mark.server


def rewrite_prelabels(drawn: Any, hands: Hands) -> None:
    write_table(drawn.workspace.prelabels_file, hands_to_table(hands), {})


def hint_ids(client: LabelStudioClient, project_id: int) -> list[str]:
    return sorted(task.hint_id for task in client.list_tasks(project_id))


def test_push_twice_and_pull(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "twice", hands=(2, 1, 0))
    seen: list[tuple[int, int]] = []
    first = push(
        drawn.workspace,
        client,
        title="twice",
        document_root=service.root,
        batch=3,
        progress=lambda a, b: seen.append((a, b)),
    )
    assert (first.new, first.there, first.updated, first.removed) == (4, 0, 0, 0)
    assert seen == [(0, 4), (3, 4), (4, 4)]
    assert hint_ids(client, first.project_id) == sorted(drawn.prelabels.id)
    assert len(list(drawn.workspace.tasks_folder.glob("*.jpg"))) == 4
    project = client.find_project("twice")
    assert project.model_version == "drawn-1"
    assert project.label_config.strip() == label_config().strip()

    second = push(drawn.workspace, client, title="twice", document_root=service.root)
    assert (second.new, second.there, second.updated, second.removed) == (0, 4, 0, 0)
    assert hint_ids(client, first.project_id) == sorted(drawn.prelabels.id)

    report = pull(drawn.workspace, client, title="twice")
    assert (report.submitted, report.skipped, report.open_tasks, report.left_out) == (0, 0, 4, 0)
    assert len(drawn.workspace.read_annotations()) == 0


def test_changed_prelabel_updates_open_tasks_only(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "changed", hands=(2, 0))
    project = push(drawn.workspace, client, title="changed", document_root=service.root).project_id
    answered, waiting, empty = sorted(client.list_tasks(project), key=lambda task: task.hint_id)
    task = client.get_task(answered.id)
    client.create_annotation(
        answered.id,
        task["predictions"][0]["result"],
        user_id=client.ensure_user(service.server.account.username),
        seconds=2.5,
        parent_prediction=task["predictions"][0]["id"],
    )
    old_id = client.get_task(waiting.id)["predictions"][0]["id"]

    hands = list(drawn.prelabels)
    moved = drawn.prelabels.points.copy()
    moved[:2] += 4.0
    boxes = drawn.prelabels.box.copy()
    boxes[1] += 30.0  # another window, so another picture
    states = drawn.prelabels.state.copy()
    states[2], moved[2], boxes[2] = "prelabel", hands[0].points, hands[0].box  # a hand where there was none
    changed = drawn.prelabels.replace(points=moved, box=boxes, state=states, detector=["drawn-2"] * 3)
    rewrite_prelabels(drawn, changed)

    report = push(drawn.workspace, client, title="changed", document_root=service.root)
    assert (report.new, report.there, report.updated, report.begun) == (0, 0, 2, 1)
    assert client.find_project("changed").model_version == "drawn-2"
    after = client.get_task(waiting.id)
    assert [p["id"] for p in after["predictions"]] == [old_id]
    assert after["predictions"][0]["model_version"] == "drawn-2"
    assert after["data"]["image"] != task["data"]["image"]
    assert len(client.get_task(empty.id)["predictions"]) == 1
    # The annotated task still is what its annotator saw, and its pixels come out of the window that it had.
    assert client.get_task(answered.id)["predictions"][0]["model_version"] == "drawn-1"
    pull(drawn.workspace, client, title="changed")
    (row,) = drawn.workspace.read_annotations()
    np.testing.assert_allclose(row.points, drawn.prelabels[0].points, atol=1e-9)
    assert (row.detector, row.prelabel_id, row.seconds) == ("drawn-1", row.id, 2.5)
    assert push(drawn.workspace, client, title="changed", document_root=service.root).updated == 0


def test_an_unchanged_submission_returns_the_prelabel_exactly(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "exact", hands=(2,))
    project = push(drawn.workspace, client, title="exact", document_root=service.root).project_id
    user = client.ensure_user("somebody@example.org")
    for ref in client.list_tasks(project):
        prediction = client.get_task(ref.id)["predictions"][0]
        client.create_annotation(
            ref.id, prediction["result"], user_id=user, seconds=1.0, parent_prediction=prediction["id"]
        )
    pull(drawn.workspace, client, title="exact")
    rows = drawn.workspace.read_annotations()
    for name in ("id", "points", "exists", "occluded", "box", "side", "width", "image", "licence", "video_id"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(drawn.prelabels, name), err_msg=name)
    assert set(rows.annotator) == {"somebody@example.org"}
    assert set(rows.state) == {"submitted"}


def test_simulated_annotator_and_repeatable_pull(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "simulated", hands=(2, 1, 2, 0))
    project = push(drawn.workspace, client, title="simulated", document_root=service.root).project_id
    truth = drawn.truth.take(drawn.truth.id != "clip_frame00000002_h1")  # a false detection: no such hand
    assert annotate(drawn.workspace, client, "simulated", truth, seed=5) == 4
    assert annotate(drawn.workspace, client, "simulated", truth, seed=5) == 0

    report = pull(drawn.workspace, client, title="simulated")
    assert (report.submitted, report.skipped, report.open_tasks, report.left_out) == (4, 2, 0, 0)
    assert not list(report.issues)
    rows = drawn.workspace.read_annotations()
    assert set(rows.annotator) == {"simulated"}
    done = rows.take(rows.state == "submitted")
    assert sorted(done.id) == sorted(truth.id)
    start = drawn.prelabels.take(np.isin(drawn.prelabels.id, done.id)).sorted()
    untouched = (done.points == start.points).all(axis=2)
    assert 0.2 < untouched.mean() < 0.9  # some were near enough, and came back bit by bit
    side = (truth.box[:, 2:] - truth.box[:, :2]).max(axis=1)[:, None, None]
    assert np.abs((done.points - truth.points) / side).max() < 0.1
    assert done.exists.all()
    assert (done.seconds > 0).all()
    origins = {
        region["origin"] for task in client.export(project) for a in task["annotations"] for region in a["result"]
        if "origin" in region
    }  # fmt: skip
    assert {"prediction", "prediction-changed"} <= origins

    files = [drawn.workspace.annotations_file, drawn.workspace.answers_file, *drawn.workspace.raw_folder.rglob("*.gz")]
    before = [path.read_bytes() for path in files]
    pull(drawn.workspace, client, title="simulated")
    assert [path.read_bytes() for path in files] == before
    assert len(files) == 3


@pytest.mark.parametrize("moment", ["between two requests", "in the middle of one"])
def test_server_killed_during_push(service: Any, drawn_workspace: Callable[..., Any], moment: str) -> None:
    title = f"killed {moment}"
    drawn = drawn_workspace(service.root / title.replace(" ", "-"), hands=(2,) * 120)
    options: dict[str, Any] = {"title": title, "batch": 80, "document_root": service.root}

    def kill() -> None:
        os.killpg(service.server.pid, signal.SIGKILL)

    def tell(done: int, total: int) -> None:
        if done == 80 and moment == "between two requests":
            kill()

    with service.client() as client:
        send, portions = client.import_tasks, []

        def import_tasks(project: int, tasks: Any) -> None:
            portions.append(len(tasks))
            if len(portions) == 2 and moment == "in the middle of one":
                threading.Timer(0.15, kill).start()
            send(project, tasks)

        client.import_tasks = import_tasks
        with pytest.raises(ServerError, match="cannot be reached.*hint-build server"):
            push(drawn.workspace, client, progress=tell, **options)
    assert portions == [80, 80]
    port = service.server.port
    service.server.stop()
    service.server.start()
    assert service.server.port == port
    with service.client() as client:
        there = len(client.list_tasks(client.find_project(title).id))
        assert there in (80, 160)  # a request is done as a whole or not at all
        report = push(drawn.workspace, client, **options)
        assert (report.there, report.new) == (there, 240 - there)
        assert hint_ids(client, report.project_id) == sorted(drawn.prelabels.id)
        assert client.find_project(title).model_version == "drawn-1"


PUSH = """
import os, sys
from pathlib import Path
from hint_toolkit.flows.push import push
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.workspace import Workspace
client = LabelStudioClient(sys.argv[1], os.environ["TOKEN"])
send = client.import_tasks
def import_tasks(project, tasks):
    print("sending", flush=True)
    send(project, tasks)
client.import_tasks = import_tasks
push(Workspace(Path(sys.argv[2])), client, title="dropped", batch=100, document_root=Path(sys.argv[3]))
"""


def test_push_killed_during_push(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    """The server goes on with the request of the dead push, while the next one looks for what is there."""
    drawn = drawn_workspace(service.root / "dropped", hands=(2,) * 100)
    command = [sys.executable, "-c", PUSH, service.server.url, str(drawn.workspace.root), str(service.root)]
    environment = {**os.environ, "TOKEN": service.server.account.token}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as dead:
        assert dead.stdout is not None
        assert dead.stdout.readline() == "sending\n"
        time.sleep(0.1)
        dead.kill()
    report = push(drawn.workspace, client, title="dropped", batch=100, document_root=service.root)
    assert report.new + report.there == 200
    assert hint_ids(client, report.project_id) == sorted(drawn.prelabels.id)


def test_tasks_imported_twice_are_sorted_out(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    """What a client's death leaves behind: the server goes on with the request, the next push sends it again."""
    drawn = drawn_workspace(service.root / "doubled", hands=(2, 1))
    project = push(drawn.workspace, client, title="doubled", document_root=service.root).project_id
    tasks = [client.get_task(ref.id) for ref in client.list_tasks(project)]
    again = [{"data": task["data"], "predictions": []} for task in tasks]
    client.import_tasks(project, again)
    copies = client.list_tasks(project)
    assert len(copies) == 6
    # Somebody answered the second copy of the first hand: the first copy must go then.
    answered = [ref for ref in copies if ref.hint_id == copies[0].hint_id][1]
    user = client.ensure_user("somebody@example.org")
    client.create_annotation(answered.id, [], user_id=user, seconds=1.0, parent_prediction=None)
    report = push(drawn.workspace, client, title="doubled", document_root=service.root)
    assert (report.removed, report.new, report.there) == (3, 0, 3)
    left = client.list_tasks(project)
    assert sorted(ref.hint_id for ref in left) == sorted(drawn.prelabels.id)
    assert answered.id in [ref.id for ref in left]


def test_wrong_token_and_dead_server_change_nothing(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "refused", hands=(1,))
    push(drawn.workspace, client, title="refused", document_root=service.root)
    pull(drawn.workspace, client, title="refused")
    before = drawn.workspace.annotations_file.read_bytes()
    wrong = "0123456789abcdef" * 2 + "01234567"
    for url, token, text in (
        (service.server.url, wrong, "status 401.*LABEL_STUDIO_API_KEY"),
        (f"http://127.0.0.1:{choose_port(0)}", service.server.account.token, "cannot be reached.*hint-build server"),
    ):
        with LabelStudioClient(url, token) as other:
            for action in (
                lambda c: c.check(),
                lambda c: push(drawn.workspace, c, title="refused", document_root=service.root),
                lambda c: pull(drawn.workspace, c, title="refused"),
            ):
                with pytest.raises(ServerError, match=text) as caught:
                    action(other)
                assert token not in str(caught.value)
                assert "\n" not in str(caught.value)
    assert drawn.workspace.annotations_file.read_bytes() == before


@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")  # in the SDK itself
def test_personal_access_token(service: Any) -> None:
    import httpx

    headers = {"Authorization": f"Token {service.server.account.token}"}
    with httpx.Client(trust_env=False) as http:
        reply = http.post(f"{service.server.url}/api/token/", headers=headers, json={})
    assert reply.status_code == 201
    with LabelStudioClient(service.server.url, reply.json()["token"]) as client:
        assert client.check() == {"version": "1.23.2", "user": service.server.account.username}


def test_a_foreign_project_is_left_alone(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "foreign", hands=(1,))
    foreign = (
        '<View><Image name="img" value="$image"/><Choices name="c" toName="img"><Choice value="a"/></Choices></View>'
    )
    client.create_project("foreign", foreign)
    with pytest.raises(InputError, match="another labelling configuration"):
        push(drawn.workspace, client, title="foreign", document_root=service.root)
    assert client.find_project("foreign").label_config == foreign
    with pytest.raises(InputError, match="no project 'never pushed'.*hint-build push"):
        pull(drawn.workspace, client, title="never pushed")


def test_begun_drafts_are_left_alone(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    import httpx

    drawn = drawn_workspace(service.root / "draft", hands=(1,))
    project = push(drawn.workspace, client, title="draft", document_root=service.root).project_id
    (ref,) = client.list_tasks(project)
    before = client.get_task(ref.id)
    headers = {"Authorization": f"Token {service.server.account.token}"}
    with httpx.Client(trust_env=False, headers=headers) as http:
        reply = http.post(f"{service.server.url}/api/tasks/{ref.id}/drafts", json={"result": [], "lead_time": 1})
    assert reply.status_code == 201
    rewrite_prelabels(drawn, drawn.prelabels.replace(points=drawn.prelabels.points + 3))
    report = push(drawn.workspace, client, title="draft", document_root=service.root)
    assert (report.updated, report.begun) == (0, 1)
    after = client.get_task(ref.id)
    assert (after["data"], after["predictions"][0]["result"]) == (before["data"], before["predictions"][0]["result"])


def test_an_interrupted_annotator_goes_on(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    rows = []
    for title, stop_after in (("whole", 99), ("interrupted", 2)):
        drawn = drawn_workspace(service.root / title, hands=(2, 2, 1))
        push(drawn.workspace, client, title=title, document_root=service.root)

        def tell(done: int, total: int, stop_after: int = stop_after) -> None:
            if done == stop_after:
                raise KeyboardInterrupt

        try:
            annotate(drawn.workspace, client, title, drawn.truth, seed=1, progress=tell)
        except KeyboardInterrupt:
            assert annotate(drawn.workspace, client, title, drawn.truth, seed=1) == 3
        assert pull(drawn.workspace, client, title=title).submitted == 5
        rows.append(drawn.workspace.read_annotations())
    for name in ("id", "points", "exists", "occluded", "box", "side"):
        np.testing.assert_array_equal(getattr(rows[0], name), getattr(rows[1], name))


def test_a_workspace_outside_the_servers_reach(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "outside", hands=(1,))
    with pytest.raises(InputError, match="not below the server's document root"):
        push(drawn.workspace, client, title="outside", document_root=service.root / "elsewhere")
    assert client.find_project("outside") is None


def test_server_keeps_its_secrets_and_its_account(service: Any, tmp_path: Path) -> None:
    server = service.server
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
    state = (server.data_folder / "server.json").read_text()
    log = server.log_file.read_text(errors="replace")
    for secret in (server.account.token, server.account.password):
        for text in (command, state, log):
            assert secret not in text
    assert server.data_folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(InputError, match=f"port {server.port} is busy"):
        Server(server.program, tmp_path, tmp_path, server.account, port=server.port).start()
    server.stop()
    account = Account(server.account.username, server.account.password, secrets.token_hex(20))
    other = Server(server.program, server.data_folder, server.document_root, account)
    with pytest.raises(InputError, match="made with another user or token"):
        other.start()
    assert other.pid is None
