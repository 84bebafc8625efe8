"""The client against servers that misbehave; the real one is in tests/integration."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hint_toolkit.errors import InputError, ServerError
from hint_toolkit.labelstudio.client import LabelStudioClient, _chunks
from hint_toolkit.labelstudio.refusal import detail

TOKEN = "0123456789abcdef0123456789abcdef01234567"
Answer = Callable[[str, str], tuple[int, bytes] | None]


class Misbehaving:
    """A server that answers what a test tells it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Answer = lambda method, path: (200, b"{}")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append(f"{self.command} {self.path.split('?')[0]}")
                reply = outer.answer(self.command, self.path)
                if reply is None:  # the connection dies before the reply
                    self.close_connection = True
                    return
                self.send_response(reply[0])
                self.send_header("Set-Cookie", "sessionid=very-secret-cookie")
                self.send_header("Content-Length", str(len(reply[1])))
                self.end_headers()
                self.wfile.write(reply[1])

            do_GET = do_POST = _any  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    misbehaving = Misbehaving()
    thread = threading.Thread(target=misbehaving.http.serve_forever, args=(0.01,))
    thread.start()
    yield misbehaving
    misbehaving.http.shutdown()
    thread.join()
    misbehaving.http.server_close()


@pytest.fixture
def client(server: Misbehaving) -> Iterator[LabelStudioClient]:
    with LabelStudioClient(server.url, TOKEN) as opened:
        yield opened


@pytest.mark.parametrize("reply", [None, (500, b"<html>boom</html>"), (503, b"{}"), (409, b"{}"), (429, b"{}")])
def test_an_import_is_never_sent_twice(
    server: Misbehaving, client: LabelStudioClient, reply: tuple[int, bytes] | None
) -> None:
    server.answer = lambda method, path: reply
    with pytest.raises(ServerError) as caught:
        client.import_tasks(1, [{"data": {"image": "x"}}])
    assert server.asked == ["POST /api/projects/1/import"]
    assert "secret" not in str(caught.value)
    assert "html" not in str(caught.value)


def test_an_import_that_took_too_few_is_an_error(server: Misbehaving, client: LabelStudioClient) -> None:
    server.answer = lambda method, path: (201, json.dumps({"task_count": 1, "task_ids": [5]}).encode())
    client.import_tasks(1, [{}])
    with pytest.raises(ServerError, match="took 1 of 2 tasks; push again"):
        client.import_tasks(1, [{}, {}])


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, "LABEL_STUDIO_API_KEY"), (403, "may do this"), (404, "project still exists"), (500, "server's log")],
)
def test_refusals_are_one_line_with_a_next_step(
    server: Misbehaving, client: LabelStudioClient, status: int, text: str
) -> None:
    body = {"detail": f"no\nway with {TOKEN}", "validation_errors": {"title": ["too", "short"]}}
    server.answer = lambda method, path: (status, json.dumps(body).encode())
    with pytest.raises(ServerError, match=f"refused to .*status {status}.*no way with .*title: too short.*{text}") as e:
        client.check()
    assert TOKEN not in str(e.value)
    assert "cookie" not in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", b"null", b'"x"', b"{}"])
def test_something_else_at_the_address(server: Misbehaving, client: LabelStudioClient, body: bytes) -> None:
    server.answer = lambda method, path: (200, body)
    with pytest.raises(ServerError):
        client.check()


@pytest.mark.parametrize("body", [b"{", b"7", b'{"a": 1}', b"[[]]", b'[{"no": "id"}]'])
def test_an_export_that_is_no_list_of_tasks(server: Misbehaving, client: LabelStudioClient, body: bytes) -> None:
    server.answer = lambda method, path: (200, b"[]" if "users" in path else body)
    with pytest.raises(ServerError, match="no list of tasks"):
        client.export(1)


def test_the_export_gets_addresses_and_an_order(server: Misbehaving, client: LabelStudioClient) -> None:
    tasks = [{"id": 9, "annotations": [{"completed_by": 4}, {"completed_by": 5}]}, {"id": 2}]
    users = [{"id": 4, "email": "ann@example.org"}]
    server.answer = lambda method, path: (200, json.dumps(users if "users" in path else tasks).encode())
    first, second = client.export(1)
    assert (first["id"], second["id"]) == (2, 9)
    assert [a["completed_by"] for a in second["annotations"]] == [{"id": 4, "email": "ann@example.org"}, 5]


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://x", "http://", "http://[", "http://h:port"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InputError, match="no address of a server.*http://127"):
        LabelStudioClient(url, TOKEN)


@pytest.mark.parametrize("token", ["", "  ", "schlüssel", "two\nlines"])
def test_tokens_that_cannot_be_sent(token: str) -> None:
    with pytest.raises(InputError, match="LABEL_STUDIO_API_KEY") as caught:
        LabelStudioClient("http://127.0.0.1:1", token)
    assert not token.strip() or token not in str(caught.value)


def test_an_expired_access_token_is_refused_by_name() -> None:
    import jwt

    token = jwt.encode({"exp": 1, "token_type": "refresh"}, "k" * 32, algorithm="HS256")
    with pytest.raises(ServerError, match="expired.*LABEL_STUDIO_API_KEY") as caught:
        LabelStudioClient("http://127.0.0.1:1", token)
    assert token not in str(caught.value)


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answer = lambda method, path: (200, b'{"email": "a@b", "release": "1.23.2"}')
    with LabelStudioClient(server.url, TOKEN) as client:
        assert client.check() == {"version": "1.23.2", "user": "a@b"}


def test_ids_are_looked_up_in_portions_that_fit_into_a_url() -> None:
    ids = [f"some-long-video-name-{'ü' * 20}_frame{k:08d}_h0" for k in range(700)]
    chunks = list(_chunks(ids))
    assert [i for chunk in chunks for i in chunk] == ids
    assert max(len(json.dumps(chunk)) for chunk in chunks) < 20_000
    assert len(chunks) > 1
    assert list(_chunks([])) == []
    assert [len(c) for c in _chunks(["a"] * 1001)] == [500, 500, 1]


def test_detail_of_bodies() -> None:
    assert detail({"detail": "No."}) == "No."
    assert detail("  plain ") == "plain"
    assert detail("\n<!doctype html>..") == ""
    assert detail(None) == ""
