"""`hint-build pull --listen` on a real server: what people submit is in the workspace within seconds."""

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.flows import listen as listen_module
from hint_toolkit.flows.listen import listen
from hint_toolkit.flows.push import push
from hint_toolkit.flows.push_plan import Shares
from hint_toolkit.io.answers import read_answers

pytestmark = pytest.mark.server


class Scene:
    """A pushed project, and somebody who answers."""

    def __init__(self, service: Any, client: Any, make: Callable[..., Any], name: str) -> None:
        self.service, self.client, self.title = service, client, name
        self.workspace = make(service.root / name, hands=(2, 2)).workspace
        shares = Shares(overlap=2, overlap_share=1.0)
        self.project = push(
            self.workspace, client, title=name, document_root=service.root, shares=shares
        ).project_id  # fmt: skip
        self.overlap = client.find_project(f"{name} (overlap)").id
        self.user = client.ensure_user("eva@example.org")

    def submit(self, k: int, project: int = 0) -> None:
        ref = self.client.list_tasks(project or self.project)[k]
        prediction = self.client.get_task(ref.id)["predictions"][0]
        self.client.create_annotation(
            ref.id, prediction["result"], user_id=self.user, seconds=1.0, parent_prediction=prediction["id"]
        )

    def answers(self) -> int:
        path = self.workspace.answers_file
        return len(read_answers(path)) if path.is_file() else -1

    def hooks(self) -> list[Any]:
        projects = (self.project, self.overlap)
        return [h for p in projects for h in self.client.request("x", "GET", "api/webhooks", params={"project": p})]

    def start(self, *options: str) -> subprocess.Popen[str]:
        passed = os.environ | {
            "LABEL_STUDIO_API_KEY": self.service.server.account.token,
            "LABEL_STUDIO_URL": self.service.server.url,
        }
        program = [sys.executable, "-c", "from hint_toolkit.cli.build import main; raise SystemExit(main())"]
        return subprocess.Popen(
            [*program, "pull", "--listen", "--project", self.title, "--workspace", str(self.workspace.root), *options],
            env=passed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture
def scene(service: Any, client: Any, drawn_workspace: Callable[..., Any], request: pytest.FixtureRequest) -> Scene:
    return Scene(service, client, drawn_workspace, f"listen-{zlib.crc32(request.node.name.encode()):08x}")


@pytest.fixture
def kept_running() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test, however it ends."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def until(true: Callable[[], bool], seconds: float) -> float:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_answers_arrive_by_themselves(scene: Scene, kept_running: list[Any], sign: int) -> None:
    process = scene.start("--every", "600")
    kept_running.append(process)
    until(lambda: scene.answers() == 0 and len(scene.hooks()) == 2, 60)
    scene.submit(0)
    assert until(lambda: scene.answers() == 1, 10) < 10
    scene.submit(1)
    scene.submit(1, scene.overlap)
    until(lambda: scene.answers() == 3, 10)
    printed = []
    for line in process.stdout:  # ended only once it has said so: the table is there a moment earlier
        printed.append(line)
        if "3 hands submitted" in line:
            break
    process.send_signal(sign)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert any("1 hands submitted" in line for line in printed)
    assert scene.hooks() == []


def test_what_a_killed_listener_left_is_removed_by_the_next(scene: Scene, kept_running: list[Any]) -> None:
    first = scene.start("--every", "600")
    kept_running.append(first)
    until(lambda: len(scene.hooks()) == 2, 60)
    first.kill()
    first.communicate()
    old = {hook["id"] for hook in scene.hooks()}
    assert len(old) == 2
    second = scene.start("--every", "600")
    kept_running.append(second)
    until(lambda: len(scene.hooks()) == 2 and not old & {hook["id"] for hook in scene.hooks()}, 60)


class Watched:
    """`listen` in a thread of this process."""

    def __init__(self, scene: Scene, every: float) -> None:
        self.said: list[str] = []
        self.pulls, self.stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(scene, every))
        self._thread.start()

    def _run(self, scene: Scene, every: float) -> None:
        with scene.service.client() as client:
            listen(
                scene.workspace, client, title=scene.title, pulled=self._count, say=self.said.append, every=every,
                going=lambda: not self.stop.is_set(),
            )  # fmt: skip

    def _count(self, _: Any) -> None:
        self.pulls += 1

    def end(self) -> None:
        self.stop.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


def test_a_server_that_does_not_call_is_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise ServerError("refused to add a webhook, status 403")

    monkeypatch.setattr(listen_module, "add_webhook", refused)
    watched = Watched(scene, every=1.0)
    try:
        until(lambda: watched.pulls > 0, 30)
        scene.submit(0)
        until(lambda: scene.answers() == 1, 15)
    finally:
        watched.end()
    assert len(watched.said) == 1
    assert "asked from time to time" in watched.said[0]


def test_many_submissions_are_few_pulls_and_a_held_workspace_is_waited_for(scene: Scene) -> None:
    watched = Watched(scene, every=600.0)
    try:
        until(lambda: watched.pulls == 1, 30)
        with scene.workspace.lock():
            for k in range(4):
                scene.submit(k)
            until(lambda: any("another hint-build works here" in text for text in watched.said), 20)
        until(lambda: scene.answers() == 4, 20)
        assert watched.pulls <= 3
        assert len(watched.said) == 1
    finally:
        scene.client.request(
            "x", "POST", "api/webhooks", json_body={"project": scene.project, "url": "http://127.0.0.1:9"}
        )
        watched.stop.set()
        scene.submit(0, scene.overlap)  # wakes it
        watched.end()
    assert [hook["url"] for hook in scene.hooks()] == ["http://127.0.0.1:9"]  # somebody else's stays


def test_no_such_project(client: Any, drawn_workspace: Callable[..., Any], tmp_path: Path) -> None:
    drawn = drawn_workspace(tmp_path / "none", hands=(1,))
    with pytest.raises(InputError, match="no project"):
        listen(drawn.workspace, client, title="never pushed", pulled=lambda _: None, say=print)
