"""A real Label Studio on this machine: embedded SQLite, bound to 127.0.0.1, run in its own process group.

Label Studio lives in its own virtual environment (it pins 160 packages), so it is a program that we start,
never a module that we import. Secrets go to it by environment variables: a command line is visible to every
user of the machine. Its environment is built from a short list of names, because Label Studio also reads bare
ones (HOST, PORT, DEBUG, CI, DATABASE_NAME..) that mean something else in the user's shell.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError, ServerError, one_line
from hint_toolkit.io.atomic import write_json

Progress = Callable[[int, int], None]

STATE_FILE: Final = "server.json"
LOG_FILE: Final = "server.log"
START_SECONDS: Final = 900.0
"""The first start migrates an empty database: 34 s of CPU, 90 s on two busy cores."""
STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.5
_MAKE_ENVIRONMENT: Final = (
    "make it with: python -m venv .venv-labelstudio && .venv-labelstudio/bin/pip install 'label-studio>=1.23,<1.24'"
)
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True)
class Account:
    """The first user of a server: an administrator whose legacy token the toolkit works with."""

    username: str
    password: str
    token: str


@dataclass(frozen=True)
class ServerState:
    """What `server.json` tells other commands; no secrets."""

    url: str
    pid: int
    port: int


def find_label_studio(explicit: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The `label-studio` program.

    Looks at the argument, HINT_LABEL_STUDIO, `.venv-labelstudio` in the current folder, the same beside the
    running virtual environment, and PATH; the first two are not silently passed over when they name nothing.

    Raises:
        InputError: none found; tells how to install one.
    """
    for where, named in (("--label-studio", explicit), ("HINT_LABEL_STUDIO", environment.get("HINT_LABEL_STUDIO"))):
        if named:
            if not os.access(named, os.X_OK) or Path(named).is_dir():
                raise InputError("is not a program", where=f"{where} {named}", next_step=_MAKE_ENVIRONMENT)
            return Path(named).absolute()
    for folder in (Path.cwd(), Path(sys.prefix).parent):
        candidate = folder / ".venv-labelstudio" / "bin" / "label-studio"
        if os.access(candidate, os.X_OK):
            return candidate
    found = shutil.which("label-studio", path=environment.get("PATH"))
    if found is None:
        raise InputError("Label Studio is not installed", next_step=_MAKE_ENVIRONMENT)
    return Path(found)


def read_state(data_folder: Path) -> ServerState | None:
    """The server that was started on this data folder, if its process still lives."""
    try:
        value = json.loads((data_folder / STATE_FILE).read_text("utf-8"))
        state = ServerState(str(value["url"]), int(value["pid"]), int(value["port"]))
        os.kill(state.pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if health(state.url) else None


def health(url: str, timeout: float = 2.0) -> bool:
    """Whether something answers 200 at `/health`."""
    return _get(f"{url}/health", {}, timeout)[0] == 200


def _get(url: str, headers: dict[str, str], timeout: float) -> tuple[int, bytes]:
    """Status and body of a GET without any proxy; (0, b"") when nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except (OSError, ValueError):
        return 0, b""


def choose_port(port: int) -> int:
    """The port if it is free, or any free one for 0.

    Raises:
        InputError: busy. Label Studio itself would silently take the next one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last owner just closed its connections is free for a server; without this it looks busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InputError(f"port {port} is busy", why=why, next_step="use another --port, or 0") from error
        return int(probe.getsockname()[1])


def server_environment(data_folder: Path, document_root: Path, account: Account) -> dict[str, str]:
    """All that the server process sees of the environment; pictures below `document_root` are served to users."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    ours = {
        "BASE_DATA_DIR": str(data_folder),
        "USERNAME": account.username,
        "PASSWORD": account.password,
        "USER_TOKEN": account.token,
        "ENABLE_LEGACY_API_TOKEN": "true",
        "LOCAL_FILES_SERVING_ENABLED": "true",
        "LOCAL_FILES_DOCUMENT_ROOT": str(document_root),
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # It listens on this machine only, and may call this machine: pull --listen, an S3 server for tests.
        "SSRF_PROTECTION_ENABLED": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
    }
    return passed | {f"LABEL_STUDIO_{name}": value for name, value in ours.items()} | {"PYTHONUNBUFFERED": "1"}


class Server:
    """A Label Studio process. `with Server(...) as server:` starts it and stops it at the end."""

    def __init__(
        self, program: Path, data_folder: Path, document_root: Path, account: Account, *, port: int = 0
    ) -> None:
        """Name the parts; nothing is started.

        Args:
            program: `label-studio`, see `find_label_studio`.
            data_folder: database, keys and log; made with mode 0700.
            document_root: pictures in it can be shown to every user; made when absent.
            account: the first user. The same one is wanted at every start on the same data folder.
            port: on 127.0.0.1; 0 for a free one.
        """
        self.program, self.account = program, account
        self.data_folder, self.document_root = data_folder.resolve(), document_root.resolve()
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path:
        """What the server printed since its last start."""
        return self.data_folder / LOG_FILE

    def start(self, progress: Progress | None = None, seconds: float = START_SECONDS) -> None:
        """Start and wait until it answers.

        Args:
            progress: called about twice a second with the seconds waited and the limit.
            seconds: the limit.

        Raises:
            InputError: the port is busy, a server already runs on the data folder, or the data folder belongs
                to another account.
            ServerError: the process ended or was too slow; holds the last lines of its log.
        """
        if running := read_state(self.data_folder):
            why = f"process {running.pid} at {running.url}"
            raise InputError("a server already runs here", where=str(self.data_folder), why=why)
        self.port = choose_port(self.port)
        self.data_folder.mkdir(parents=True, exist_ok=True)
        self.document_root.mkdir(parents=True, exist_ok=True)
        self.data_folder.chmod(0o700)
        arguments = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self.program), *arguments],
                env=server_environment(self.data_folder, self.document_root, self.account),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data_folder,
                start_new_session=True,
            )
        try:
            self._wait(progress, seconds)
            self._check_account()
            write_json(self.data_folder / STATE_FILE, {"url": self.url, "pid": self.pid, "port": self.port})
        except BaseException:
            self.stop()
            raise

    def _wait(self, progress: Progress | None, seconds: float) -> None:
        assert self._process is not None
        begun = time.monotonic()
        while not health(self.url):
            waited = time.monotonic() - begun
            if progress:
                progress(int(waited), int(seconds))
            if (code := self._process.poll()) is not None:
                raise ServerError(f"Label Studio ended at once with exit code {code}", **self._last_words())
            if waited > seconds:
                raise ServerError(f"Label Studio did not answer within {seconds:.0f} s", **self._last_words())
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> dict[str, Any]:
        lines = self.log_file.read_text("utf-8", errors="replace").strip().splitlines()[-3:]
        text = one_line(" | ".join(lines))
        for secret in (self.account.password, self.account.token):
            text = text.replace(secret, "***") if secret else text
        return {"why": text[-400:] or "it printed nothing", "next_step": f"see {self.log_file}"}

    def _check_account(self) -> None:
        """Label Studio ignores name, password and token of an existing user: find out now, not at the first call."""
        token = {"Authorization": f"Token {self.account.token}"}
        status, body = _get(f"{self.url}/api/current-user/whoami", token, 30.0)
        email = json.loads(body).get("email") if status == 200 else None
        if email != self.account.username:
            why = f"it answered {status}" if email is None else "the token is another user's"
            raise InputError(
                "was made with another user or token",
                where=str(self.data_folder),
                why=why,
                next_step="start it with the user and token of its first start, or name another folder",
            )

    def wait(self) -> int:
        """Wait until the process ends by itself; its exit code."""
        assert self._process is not None, "start it first"
        return self._process.wait()

    def stop(self) -> None:
        """End the whole process group: politely, and by force after STOP_SECONDS. Fine when nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        # By force in any case: what the server started may outlive its polite end.
        for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
        (self.data_folder / STATE_FILE).unlink(missing_ok=True)

    def __enter__(self) -> "Server":
        """Start; raises as `start`."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
