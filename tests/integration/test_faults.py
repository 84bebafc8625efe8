"""What breaks while people are at work: a server that dies at any moment, a lost reply, a full disk, a revoked token.

HINT_FAULT_ROUNDS sets how often the server is killed at a random moment of a push and of a pull (default 2 each; 15
each take six minutes).
"""

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import hint_toolkit.flows.push_pictures as push_pictures
from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli
from hint_toolkit.errors import HintError, InputError, ServerError
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.labelstudio.client import LabelStudioClient

pytestmark = pytest.mark.server
ROUNDS = int(os.environ.get("HINT_FAULT_ROUNDS", "2"))


def start_again(service: Any) -> None:
    service.server.stop()
    service.server.start()


def killed_after(service: Any, seconds: float, work: Callable[[], Any]) -> bool:
    """Do the work, while the server is killed after so many seconds. Whether the work ended before."""
    pid = service.server.pid
    timer = threading.Timer(seconds, lambda: os.killpg(pid, signal.SIGKILL))
    timer.start()
    try:
        work()
        return True
    except HintError:
        return False
    finally:
        timer.join()


def test_the_server_dies_at_random_moments(service: Any, drawn_workspace: Callable[..., Any]) -> None:
    """Pushed in spite of every death: each hand has one task. Pulled likewise: each answer is there once."""
    rng = np.random.default_rng(11)
    drawn = drawn_workspace(service.root / "deaths", hands=(2,) * 60)
    options: dict[str, Any] = {"title": "deaths", "batch": 20, "document_root": service.root}
    for _ in range(ROUNDS):
        with service.client() as client:
            killed_after(service, float(rng.uniform(0.1, 4.0)), lambda c=client: push(drawn.workspace, c, **options))
        start_again(service)
    with service.client() as client:
        report = push(drawn.workspace, client, **options)
        refs = client.list_tasks(report.project_id)
        assert sorted(ref.hint_id for ref in refs) == sorted(drawn.prelabels.id)
        user = client.ensure_user("eva@example.org")
        for ref in refs[:30]:
            prediction = client.get_task(ref.id)["predictions"][0]
            client.create_annotation(
                ref.id, prediction["result"], user_id=user, seconds=2.0, parent_prediction=prediction["id"]
            )
    for _ in range(ROUNDS):
        with service.client() as client:
            moment = float(rng.uniform(0.02, 1.5))
            killed_after(service, moment, lambda c=client: pull(drawn.workspace, c, title="deaths"))
        if drawn.workspace.annotations_file.is_file():  # whole, or not there
            assert len(drawn.workspace.read_annotations()) == 30
        start_again(service)
    with service.client() as client:
        report = pull(drawn.workspace, client, title="deaths")
    assert (report.submitted, report.open_tasks) == (30, 90)
    rows = drawn.workspace.read_annotations()
    assert sorted(rows.id) == sorted(ref.hint_id for ref in refs[:30])
    start = {hand.id: hand for hand in drawn.prelabels}
    for row in rows:
        np.testing.assert_array_equal(row.points, start[row.id].points)
    answers = drawn.workspace.read_answers()
    assert answers.revision.tolist() == [0] * 30


class LosingProxy:
    """A wire that passes everything on, but drops the reply of the first request that holds `lose`."""

    def __init__(self, port: int, lose: bytes) -> None:
        self._port, self._lose, self.lost = port, lose, 0
        self._sink = socket.create_server(("127.0.0.1", 0))
        self.port = self._sink.getsockname()[1]

    def __enter__(self) -> "LosingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._sink.accept()
                threading.Thread(target=self._pump, args=(taken,), daemon=True).start()

    def _pump(self, one: socket.socket) -> None:
        drop = threading.Event()
        with one, socket.create_connection(("127.0.0.1", self._port)) as other:
            reply = threading.Thread(target=self._back, args=(one, other, drop), daemon=True)
            reply.start()
            with suppress(OSError):
                while data := one.recv(65536):
                    if self._lose in data and not self.lost:
                        self.lost += 1
                        drop.set()
                    other.sendall(data)
            reply.join(timeout=30)

    @staticmethod
    def _back(one: socket.socket, other: socket.socket, drop: threading.Event) -> None:
        with suppress(OSError):
            while (data := other.recv(65536)) and not drop.is_set():
                one.sendall(data)
        for side in (one, other):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


def test_a_lost_reply_doubles_nothing(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    """The SDK's own retry would post the import again: ten tasks, twenty on the server, and it would say "10"."""
    drawn = drawn_workspace(service.root / "lost", hands=(2,) * 5)
    options: dict[str, Any] = {"title": "lost", "document_root": service.root}
    with (
        LosingProxy(service.server.port, b"/import?return_task_ids") as proxy,
        LabelStudioClient(f"http://127.0.0.1:{proxy.port}", service.server.account.token) as through,
        pytest.raises(ServerError, match="import 10 tasks"),
    ):
        push(drawn.workspace, through, **options)
    assert proxy.lost == 1
    project = client.find_project("lost").id
    for _ in range(50):
        if len(client.list_tasks(project)) == 10:  # the server had it done all the same
            break
        time.sleep(0.2)
    assert len(client.list_tasks(project)) == 10
    report = push(drawn.workspace, client, **options)
    assert (report.new, report.there, report.removed) == (0, 10, 0)
    assert len(client.list_tasks(project)) == 10


def test_a_full_disk(
    service: Any, client: Any, drawn_workspace: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    drawn = drawn_workspace(service.root / "full", hands=(2, 1))
    options: dict[str, Any] = {"title": "full", "document_root": service.root}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(drawn.workspace.tasks_folder))

    with monkeypatch.context() as patch:
        patch.setattr(push_pictures, "write_jpg", full)
        patch.setenv("LABEL_STUDIO_API_KEY", service.server.account.token)
        patch.setenv("LABEL_STUDIO_URL", service.server.url)
        arguments = ["push", "--project", "full", "--workspace", str(drawn.workspace.root), "--quiet"]
        assert run(cli, "hint-build", arguments) == 2
        said = capsys.readouterr().err.strip()
        assert "No space left on device" in said
        assert "\n" not in said
    found = client.find_project("full")
    assert found is None or client.list_tasks(found.id) == []
    assert push(drawn.workspace, client, **options).new == 3


def test_no_room_for_what_people_said(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    """A pull that may write so many bytes a file: one line, the tables of the pull before, and all of it next time."""
    drawn = drawn_workspace(service.root / "narrow", hands=(2,) * 20)
    project = push(drawn.workspace, client, title="narrow", document_root=service.root).project_id
    refs = client.list_tasks(project)
    user = client.ensure_user("eva@example.org")

    def answer(ref: Any) -> None:
        shown = client.get_task(ref.id)["predictions"][0]
        client.create_annotation(ref.id, shown["result"], user_id=user, seconds=1.0, parent_prediction=shown["id"])

    answer(refs[0])
    pull(drawn.workspace, client, title="narrow")
    tables = (drawn.workspace.answers_file, drawn.workspace.annotations_file)
    before = [path.read_bytes() for path in tables]
    for ref in refs[1:]:
        answer(ref)
    program = [sys.executable, "-c", "import sys; from hint_toolkit.cli.build import main; sys.exit(main())"]
    call = [*program, "pull", "--project", "narrow", "--workspace", str(drawn.workspace.root), "--quiet"]
    passed = os.environ | {"LABEL_STUDIO_API_KEY": service.server.account.token, "LABEL_STUDIO_URL": service.server.url}
    for most in (2_000, len(before[0]) + 2_000):  # the archive does not fit; then the table of answers

        def narrow(most: int = most) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        done = subprocess.run(call, env=passed, capture_output=True, text=True, preexec_fn=narrow)
        assert done.returncode == 2, done.stderr
        assert "too large" in done.stderr
        assert "\n" not in done.stderr.strip()
        assert [path.read_bytes() for path in tables] == before
    report = pull(drawn.workspace, client, title="narrow")
    assert (report.submitted, report.open_tasks, report.left_out) == (40, 0, 0)
    assert not [path for path in drawn.workspace.root.rglob(".*.partial*")]


def test_a_token_revoked_in_the_middle(
    service: Any, client: Any, drawn_workspace: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = drawn_workspace(service.root / "revoked", hands=(1,) * 4)
    options: dict[str, Any] = {"title": "revoked", "batch": 2, "document_root": service.root}
    send, sent = client.import_tasks, []

    def import_tasks(project: int, tasks: Any) -> None:
        if sent:  # somebody resets the token between two requests
            token = client.request("reset the token", "POST", "api/current-user/reset-token")["token"]
            service.server.account = replace(service.server.account, token=token)
        sent.append(len(tasks))
        send(project, tasks)

    monkeypatch.setattr(client, "import_tasks", import_tasks)
    with pytest.raises(ServerError, match=r"401.*LABEL_STUDIO_API_KEY"):
        push(drawn.workspace, client, **options)
    with service.client() as fresh:
        report = push(drawn.workspace, fresh, **options)
        assert (report.there, report.new) == (2, 2)


def test_a_picture_is_missing(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "pictureless", hands=(1, 1))
    frame = drawn.workspace.root / drawn.prelabels[1].image
    data = frame.read_bytes()
    frame.unlink()
    with pytest.raises(InputError) as error:
        push(drawn.workspace, client, title="pictureless", document_root=service.root)
    assert frame.name in str(error.value)
    assert "\n" not in str(error.value)
    frame.write_bytes(data)
    assert push(drawn.workspace, client, title="pictureless", document_root=service.root).new in (1, 2)
    # A crop that somebody cleared away is written again, and the task is the same.
    for crop in drawn.workspace.tasks_folder.iterdir():
        crop.unlink()
    assert push(drawn.workspace, client, title="pictureless", document_root=service.root).new == 0
    assert len(list(drawn.workspace.tasks_folder.iterdir())) == 2
