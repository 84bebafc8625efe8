"""The team server's compose file: its settings run a real Label Studio on a real PostgreSQL."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.server import choose_port, find_label_studio, health

COMPOSE = Path(__file__).parents[2] / "annotation" / "compose.yaml"
EXAMPLE = COMPOSE.parent / "team.env.example"


def settings(values: dict[str, str], service: str) -> dict[str, str]:
    """A service's environment as compose fills it in: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`."""

    def fill(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"] or ""
        if match["kind"] == ":?" and not values.get(name):
            raise KeyError(name)
        return values.get(name) or default

    pattern = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<default>[^}]*))?\}")
    environment = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"][service]["environment"]
    return {name: pattern.sub(fill, str(value)) for name, value in environment.items()}


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    named = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text("utf-8"))) - {"LABEL_STUDIO_VERSION"}
    example = EXAMPLE.read_text("utf-8")
    optional = {"HINT_HTTP_PORT", "HINT_HTTPS_PORT"}
    assert {name for name in named - optional if not re.search(rf"^#?{name}=", example, re.M)} == set()


def test_it_listens_on_this_machine_only_and_holds_no_secret() -> None:
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    assert all(port.startswith("${HINT_BIND:-127.0.0.1}:") for port in services["proxy"]["ports"])
    assert "ports" not in services["app"]
    assert "ports" not in services["database"]
    for name in ("POSTGRES_PASSWORD", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_API_KEY"):
        assert re.search(rf"^{name}=$", EXAMPLE.read_text("utf-8"), re.M)
        values = dict.fromkeys(("POSTGRES_PASSWORD", "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD"), "x")
        values = {k: v for k, v in (values | {"LABEL_STUDIO_API_KEY": "x"}).items() if k != name}
        with pytest.raises(KeyError, match=name):
            settings(values, "app")


@pytest.fixture
def postgres() -> Iterator[int]:
    """A real PostgreSQL with the compose file's database and user; gives its port."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("no PostgreSQL on PATH (initdb, postgres)")
    folder, port = Path(tempfile.mkdtemp(prefix="hint-postgres-")), choose_port(0)
    prefix: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv")
        shutil.chown(folder, "nobody")
        prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    database = settings(dict.fromkeys(("POSTGRES_PASSWORD",), "x"), "database")
    subprocess.run(
        [*prefix, "initdb", "-D", folder / "data", "-U", database["POSTGRES_USER"], "--auth=trust"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    process = subprocess.Popen(
        [*prefix, "postgres", "-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
    )
    ask = ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", database["POSTGRES_USER"], "-d", "postgres", "-c"]
    try:
        for _ in range(60):
            made = subprocess.run([*ask, f"create database {database['POSTGRES_DB']}"], capture_output=True)
            if made.returncode == 0:
                break
            time.sleep(0.5)
        assert made.returncode == 0, made.stderr
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.mark.server
def test_label_studio_on_postgresql(postgres: int, tmp_path: Path, drawn_workspace: Callable[..., Any]) -> None:
    token, port = secrets.token_hex(20), choose_port(0)
    values = {
        "POSTGRES_PASSWORD": "x",
        "LABEL_STUDIO_USERNAME": "admin@example.org",
        "LABEL_STUDIO_PASSWORD": secrets.token_urlsafe(12),
        "LABEL_STUDIO_API_KEY": token,
    }
    ours = settings(values, "app") | {
        "POSTGRE_HOST": "127.0.0.1",
        "POSTGRE_PORT": str(postgres),
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(tmp_path),
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "data"),
    }
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = tmp_path / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(find_label_studio()), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)],
            env=passed | ours,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        begun = time.monotonic()
        while not health(url):
            assert process.poll() is None, log.read_text("utf-8")[-2000:]
            assert time.monotonic() - begun < 300, log.read_text("utf-8")[-2000:]
            time.sleep(0.5)
        drawn = drawn_workspace(tmp_path / "work", hands=(1,))
        with LabelStudioClient(url, token) as client:
            assert client.check()["user"] == values["LABEL_STUDIO_USERNAME"]
            assert push(drawn.workspace, client, title="team", document_root=tmp_path).new == 1
            assert push(drawn.workspace, client, title="team", document_root=tmp_path).new == 0
            assert pull(drawn.workspace, client, title="team").open_tasks == 1
        ask = ["psql", "-h", "127.0.0.1", "-p", str(postgres), "-U", "labelstudio", "-d", "labelstudio", "-tAc"]
        found = subprocess.run([*ask, "select title from project"], capture_output=True, text=True, check=True)
        assert found.stdout.split() == ["team"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
