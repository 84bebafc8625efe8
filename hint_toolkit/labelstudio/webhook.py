"""The server calls us when somebody submits: a small HTTP server of ours, and the webhooks that name its address.

A call only says that something changed; what, is asked over the API as always. So a lost, doubled or forged call does
no harm, and its body is not looked at.
"""

import secrets
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.labelstudio.client import LabelStudioClient

_MARK: Final = "X-Hint-Toolkit"
_ACTIONS: Final = (
    *("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "TASKS_DELETED"),
)
_LARGEST: Final = 1 << 20


class Listener:
    """An HTTP server that notes calls to one secret path. Close it, or use it in a `with`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen at once.

        Args:
            host: address of this machine as the Label Studio server can call it.
            port: 0 for any free one.

        Raises:
            InputError: no such address here, or the port is busy.
        """
        self._called = threading.Event()
        path = f"/{secrets.token_hex(16)}"
        try:
            self._http = ThreadingHTTPServer((host, port), _handler(path, self._called))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"cannot listen on {host}:{port}", why=why, next_step="use another --port, or 0"
            ) from error
        self._http.daemon_threads = True
        self.url = f"http://{host}:{self._http.server_address[1]}{path}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for a call since the last one that was seen; whether there was one in that time."""
        called = self._called.wait(seconds)
        if called:
            self._called.clear()
        return called

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> "Listener":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()


def _handler(path: str, called: threading.Event) -> type[BaseHTTPRequestHandler]:
    """Answers at once: Label Studio waits a second at most, and the person who submitted waits for it."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_POST(self) -> None:
            known = self.path == path
            length = self.headers.get("Content-Length") or "0"
            self.rfile.read(min(int(length), _LARGEST) if length.isdigit() else 0)
            self.send_response(204 if known else 404)
            self.end_headers()
            if known:
                called.set()

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler


def add_webhook(client: LabelStudioClient, project_id: int, url: str, owner: str) -> int:
    """Have the server call an address whenever answers of a project change; replaces the owner's earlier one.

    Args:
        client: logged in.
        project_id: of the project.
        url: to call.
        owner: names this listener, so that what a killed one left behind is found and removed.

    Returns:
        id of the webhook.

    Raises:
        ServerError: the server refuses: it does not call addresses of private networks unless its
            SSRF_PROTECTION_ENABLED is false.
    """
    for hook in client.request("list webhooks", "GET", "api/webhooks", params={"project": project_id}):
        if (hook.get("headers") or {}).get(_MARK) == owner:
            remove_webhooks(client, [int(hook["id"])])
    wish = {
        "project": project_id,
        "url": url,
        "send_payload": False,
        "send_for_all_actions": False,
        "actions": list(_ACTIONS),
        "headers": {_MARK: owner},
        "is_active": True,
    }
    return int(client.request("add a webhook", "POST", "api/webhooks", json_body=wish)["id"])


def remove_webhooks(client: LabelStudioClient, ids: Sequence[int]) -> None:
    """Take webhooks off the server."""
    for webhook_id in ids:
        client.request("remove a webhook", "DELETE", f"api/webhooks/{webhook_id}")
