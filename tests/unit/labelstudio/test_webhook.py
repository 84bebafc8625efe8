import http.client
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.labelstudio.webhook import Listener


def call(url: str, method: str = "POST", path: str | None = None, body: bytes = b"{}") -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.request(method, path or parts.path, body=body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_call_wakes_whoever_waits() -> None:
    with Listener() as listener:
        assert not listener.wait(0.01)
        timer = threading.Timer(0.2, call, [listener.url])
        timer.start()
        begun = time.monotonic()
        assert listener.wait(10)
        assert time.monotonic() - begun < 5
        timer.join()
        assert not listener.wait(0.01)  # a call is seen once


def test_a_call_before_the_wait_counts() -> None:
    with Listener() as listener:
        assert call(listener.url) == 204
        assert call(listener.url, body=b"x" * 100_000) == 204
        assert listener.wait(0)
        assert not listener.wait(0)


@pytest.mark.parametrize("path", ["/", "/00000000000000000000000000000000"])
def test_who_does_not_know_the_path_is_not_heard(path: str) -> None:
    with Listener() as listener:
        assert call(listener.url, path=path) == 404
        assert call(listener.url, method="GET") == 501
        assert not listener.wait(0.05)


def test_every_listener_has_a_path_of_its_own_and_this_machine_only() -> None:
    with Listener() as one, Listener() as other:
        assert urlsplit(one.url).path != urlsplit(other.url).path
        assert len(urlsplit(one.url).path) == 33
        assert urlsplit(one.url).hostname == "127.0.0.1"


def test_a_silent_guest_keeps_nobody_from_being_heard() -> None:
    with Listener() as listener:
        with socket.create_connection(("127.0.0.1", int(urlsplit(listener.url).port or 0))):
            assert call(listener.url) == 204
        assert listener.wait(1)


def test_a_busy_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"):
            Listener(port=port)
    with pytest.raises(InputError, match="cannot listen on"):
        Listener("192.0.2.7")
