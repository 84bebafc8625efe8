"""Finding, starting and stopping; with small programs in the place of Label Studio."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.labelstudio.server import (
    Account,
    Server,
    choose_port,
    find_label_studio,
    read_state,
    server_environment,
)

ACCOUNT = Account("ann@example.org", "pass-word-secret", "f" * 40)
FAKE = """
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
port = int(sys.argv[sys.argv.index("--port") + 1])
json.dump({"argv": sys.argv, "env": dict(os.environ)}, open("seen.json", "w"))
child = subprocess.Popen(["sleep", "1000"])
open("child", "w").write(str(child.pid))
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers.get("Authorization") == "Token " + open("token").read()
        body = json.dumps({"email": open("email").read()}).encode()
        self.send_response(200 if self.path == "/health" or good else 401)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def program(folder: Path, text: str, name: str = "label-studio") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program that answers like Label Studio, for the account that lies in its data folder."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "email").write_text(ACCOUNT.username)
    (data / "token").write_text(ACCOUNT.token)
    return program(tmp_path / "bin", f"#!{sys.executable}\n{FAKE}")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int) -> bool:
    """Whether the process is gone, or goes now: a signal takes effect a little later than it is sent."""
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def test_start_and_stop(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "DEBUG", "LABEL_STUDIO_HOST", "DATABASE_NAME", "PYTHONPATH"):
        monkeypatch.setenv(name, "nonsense")
    data = tmp_path / "data"
    with Server(fake, data, tmp_path, ACCOUNT) as server:
        seen = json.loads((data / "seen.json").read_text())
        state = read_state(data)
        assert state is not None
        assert (state.url, state.pid, state.port) == (server.url, server.pid, server.port)
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert data.stat().st_mode & 0o777 == 0o700
        child = int((data / "child").read_text())
        assert alive(child)
        with pytest.raises(InputError, match="already runs here.*process"):
            Server(fake, data, tmp_path, ACCOUNT).start()
    assert ended(child)  # the whole group is gone
    assert read_state(data) is None
    assert not (data / "server.json").exists()
    # Secrets are in the environment only, and the user's own variables do not reach Label Studio.
    assert not any(secret in " ".join(seen["argv"]) for secret in (ACCOUNT.password, ACCOUNT.token))
    assert seen["argv"][-3] == "127.0.0.1"
    assert "nonsense" not in seen["env"].values()
    assert seen["env"]["LABEL_STUDIO_USER_TOKEN"] == ACCOUNT.token
    assert seen["env"]["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] == str(tmp_path)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_killed_or_loses_its_terminal_takes_the_server_along(tmp_path: Path, sign: int) -> None:
    data = tmp_path / "hint" / "labelstudio"
    data.mkdir(parents=True)
    (data / "email").write_text(ACCOUNT.username)
    (data / "token").write_text(ACCOUNT.token)
    path = program(tmp_path / "bin", f"#!{sys.executable}\n{FAKE}")
    call = [sys.executable, "-c", "from hint_toolkit.cli.build import main; raise SystemExit(main())", "server"]
    options = ["--workspace", str(tmp_path / "hint"), "--label-studio", str(path), "--port", "0", "--quiet"]
    secrets = {"LABEL_STUDIO_API_KEY": ACCOUNT.token, "LABEL_STUDIO_PASSWORD": ACCOUNT.password}
    command = subprocess.Popen(
        [*call, *options, "--username", ACCOUNT.username],
        env=os.environ | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert "log in as ann@example.org" in command.stdout.readline()
    child = int((data / "child").read_text())
    assert alive(child)
    command.send_signal(sign)
    _, err = command.communicate(timeout=30)
    assert "Traceback" not in err
    assert ended(child)
    assert not (data / "server.json").exists()


def test_state_file_holds_no_secret(fake: Path, tmp_path: Path) -> None:
    with Server(fake, tmp_path / "data", tmp_path, ACCOUNT):
        assert set(json.loads((tmp_path / "data" / "server.json").read_text())) == {"url", "pid", "port"}


@pytest.mark.parametrize(("token", "email"), [("0" * 40, ACCOUNT.username), (ACCOUNT.token, "other@example.org")])
def test_a_data_folder_of_another_account(fake: Path, tmp_path: Path, token: str, email: str) -> None:
    (tmp_path / "data" / "token").write_text(token)
    (tmp_path / "data" / "email").write_text(email)
    server = Server(fake, tmp_path / "data", tmp_path, ACCOUNT)
    with pytest.raises(InputError, match="another user or token.*first start") as caught:
        server.start()
    assert ACCOUNT.token not in str(caught.value)
    assert server.pid is None
    assert ended(int((tmp_path / "data" / "child").read_text()))


def test_a_program_that_ends_shows_its_last_words_without_secrets(tmp_path: Path) -> None:
    path = program(tmp_path, '#!/bin/sh\necho first\necho "bad thing with $LABEL_STUDIO_USER_TOKEN"\nexit 3\n')
    server = Server(path, tmp_path / "data", tmp_path, ACCOUNT)
    with pytest.raises(ServerError, match=r"exit code 3 \(first \| bad thing with \*\*\*\).*server\.log") as caught:
        server.start()
    assert "\n" not in str(caught.value)
    assert server.pid is None


def test_a_program_that_hangs_is_ended_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint_toolkit.labelstudio.server.STOP_SECONDS", 0.3)
    path = program(tmp_path, "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nwhile true; do sleep 0.1; done\n")
    server = Server(path, tmp_path / "data", tmp_path, ACCOUNT)
    seen: list[tuple[int, int]] = []
    begun = time.monotonic()
    with pytest.raises(ServerError, match="did not answer within 1 s.*printed nothing"):
        server.start(lambda done, total: seen.append((done, total)), seconds=1)
    assert time.monotonic() - begun < 8
    assert ended(int((tmp_path / "data" / "pid").read_text()))
    assert seen[0] == (0, 1)


def test_a_busy_port_is_named() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is busy"):
            choose_port(port)
    assert choose_port(port) == port
    assert choose_port(0) > 0
    with pytest.raises(InputError, match="port 70000"):
        choose_port(70000)


def test_a_living_process_that_is_no_server(tmp_path: Path) -> None:
    state = {"url": f"http://127.0.0.1:{choose_port(0)}", "pid": os.getpid(), "port": 1}
    (tmp_path / "server.json").write_text(json.dumps(state))
    assert read_state(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 1, "pid": "x", "port": 2}', '{"url":"http://x","pid":0}'])
def test_a_damaged_or_old_state_file_is_no_server(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.json").write_text(content)
    assert read_state(tmp_path) is None


def test_the_state_of_a_dead_process_is_no_server(tmp_path: Path) -> None:
    state = {"url": "http://127.0.0.1:9", "pid": 2**22 + 1, "port": 9}
    (tmp_path / "server.json").write_text(json.dumps(state))
    assert read_state(tmp_path) is None


def test_quiet_and_closed(tmp_path: Path) -> None:
    names = server_environment(tmp_path / "data", tmp_path, ACCOUNT)
    wanted = {
        "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true", "LOCAL_FILES_SERVING_ENABLED": "true",
    }  # fmt: skip
    assert {name: names[f"LABEL_STUDIO_{name}"] for name in wanted} == wanted


def test_where_label_studio_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere" / ".venv"))
    with pytest.raises(InputError, match=r"not installed.*python -m venv \.venv-labelstudio.*pip install"):
        find_label_studio(environment={"PATH": str(empty)})
    on_path = program(tmp_path / "path", "")
    environment = {"PATH": str(tmp_path / "path")}
    assert find_label_studio(environment=environment) == on_path
    beside = program(tmp_path / "elsewhere" / ".venv-labelstudio" / "bin", "")
    assert find_label_studio(environment=environment) == beside
    here = program(empty / ".venv-labelstudio" / "bin", "")
    assert find_label_studio(environment=environment) == here
    named = program(tmp_path / "named", "")
    environment["HINT_LABEL_STUDIO"] = str(named)
    assert find_label_studio(environment=environment) == named
    explicit = program(tmp_path / "explicit", "")
    assert find_label_studio(explicit, environment) == explicit
    with pytest.raises(InputError, match="--label-studio .*nothing"):
        find_label_studio(tmp_path / "nothing", environment)
    environment["HINT_LABEL_STUDIO"] = str(empty)
    with pytest.raises(InputError, match="HINT_LABEL_STUDIO"):
        find_label_studio(environment=environment)


def test_stop_without_start_is_fine(tmp_path: Path) -> None:
    Server(tmp_path / "x", tmp_path, tmp_path, ACCOUNT).stop()
    assert os.listdir(tmp_path) == []
