"""The connection to a Label Studio server: one user, one HTTP client, errors in one line each.

Nothing is ever repeated behind our back: the SDK's own retries would post an import twice when only the reply
was lost. Headers, cookies and tokens are in no error. With client.py the only module that imports label_studio_sdk.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from hint_toolkit.errors import InputError, MissingExtra, ServerError
from hint_toolkit.labelstudio.refusal import TOKEN_VARIABLE, cleaned, refusal

_TIMEOUT: Final = 60.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Connection:
    """One server and one user. Close it, or use it in a `with`."""

    def __init__(self, url: str, api_key: str) -> None:
        """Prepare; nothing is sent.

        Args:
            url: e.g. "http://127.0.0.1:8080".
            api_key: a legacy token (40 hex digits) or a personal access token (the SDK refreshes it).

        Raises:
            MissingExtra: the SDK is not installed.
            InputError: no token, or no http(s) address.
            ServerError: the token has expired.
        """
        try:
            import httpx
            from label_studio_sdk import LabelStudio
        except ImportError as error:
            raise MissingExtra("label-studio-sdk", "label") from error
        self.url, self._api_key = url.rstrip("/"), api_key.strip()
        host = _host(self.url)
        if not self._api_key or not (self._api_key.isascii() and self._api_key.isprintable()):
            raise InputError("no usable token for Label Studio", next_step=f"set {TOKEN_VARIABLE}")
        # A proxy that the user's environment names cannot reach this machine's own loopback.
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=True, trust_env=host not in _LOOPBACK)
        with self._translated("log in"):
            self._sdk = LabelStudio(
                base_url=self.url, api_key=self._api_key, httpx_client=self._http, timeout=_TIMEOUT, max_retries=0
            )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        """Errors of SDK and network as one `ServerError`."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except ApiError as error:
            raise refusal(self.url, action, error.status_code, error.body, self._api_key) from None
        except httpx.TimeoutException:
            why = "it may still finish what was asked; repeating a command is safe"
            raise ServerError(
                f"did not answer in time when asked to {action}", where=self.url, why=why, next_step="run it again"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerError(
                f"cannot be reached to {action}",
                where=self.url,
                why=cleaned(str(error) or type(error).__name__, self._api_key),
                next_step="start it with: hint-build server; then run this again, nothing is done twice",
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ServerError(
                f"sent a reply that cannot be read when asked to {action}",
                where=self.url,
                why=cleaned(f"{type(error).__name__}: {error}", self._api_key),
                next_step="check that a Label Studio is at this address",
            ) from error

    def check(self) -> dict[str, str]:
        """Version of the server and e-mail of our user.

        Raises:
            ServerError: dead, not a Label Studio, or the token is refused. So does every method below.
        """
        with self._translated("say who we are"):
            user, version = self._sdk.users.whoami(), self._sdk.versions.get()
        if not getattr(user, "email", None):
            raise ServerError("is no Label Studio", where=self.url, next_step="check the address")
        return {"version": str(getattr(version, "release", None) or "unknown"), "user": str(user.email)}

    def request(
        self,
        action: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json_body: Any = None,
        timeout: float = _TIMEOUT,
    ) -> Any:
        """A call that the SDK has no method for, or decodes in a way that loses something; sent once.

        Args:
            action: in words, for the error.
            method: "GET", "POST", "PATCH" or "DELETE".
            path: below the server's address, e.g. "api/tasks/3".
            params: of the query.
            json_body: sent as JSON unless None.
            timeout: seconds.

        Returns:
            the decoded JSON reply; None for an empty one.
        """
        from label_studio_sdk.core.api_error import ApiError

        options: Any = {"max_retries": 0, "timeout_in_seconds": int(timeout)}
        with self._translated(action):
            reply = self._sdk._client_wrapper.httpx_client.request(
                path, method=method, params=dict(params or {}), json=json_body, request_options=options
            )
            if reply.status_code >= 400:
                try:
                    body = reply.json()
                except ValueError:
                    body = reply.text
                raise ApiError(status_code=reply.status_code, body=body)
            return json.loads(reply.content) if reply.content else None

    def send_text(self, action: str, path: str, text: bytes, *, params: Mapping[str, Any]) -> dict[str, Any]:
        """POST a large JSON text as it is; sent once, with the time that a large import takes.

        Args:
            action: in words, for the error.
            path: below the server's address.
            text: JSON in UTF-8.
            params: of the query.

        Returns:
            the decoded JSON reply, an object.
        """
        from label_studio_sdk.core.api_error import ApiError

        options: Any = {"max_retries": 0, "timeout_in_seconds": 900}
        with self._translated(action):
            reply = self._sdk._client_wrapper.httpx_client.request(
                path,
                method="POST",
                params=dict(params),
                content=text,
                headers={"Content-Type": "application/json"},
                request_options=options,
            )
            if reply.status_code >= 400:
                try:
                    body = reply.json()
                except ValueError:
                    body = reply.text
                raise ApiError(status_code=reply.status_code, body=body)
            return dict(json.loads(reply.content))

    def fetch(self, action: str, address: str) -> tuple[str, bytes]:
        """Content type and bytes of something that the server shows, e.g. a task's picture; sent once.

        Args:
            action: in words, for the error.
            address: absolute, or below the server's address. Other servers are asked without our token.
        """
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        with self._translated(action):
            if address.startswith(("http://", "https://")) and not address.startswith(f"{self.url}/"):
                reply = self._http.get(address)
            else:
                path = address.removeprefix(self.url).lstrip("/")
                reply = self._sdk._client_wrapper.httpx_client.request(
                    path, method="GET", request_options={"max_retries": 0}
                )
            if reply.status_code >= 400:
                raise ApiError(status_code=reply.status_code, body=None)
            assert isinstance(reply, httpx.Response)
            return str(reply.headers.get("content-type", "")), bytes(reply.content)


def _host(url: str) -> str:
    """The host's name in an http(s) address."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is no number raises here
        host = host if parts.scheme in ("http", "https") else None
    except ValueError:
        host = None
    if not host:
        raise InputError(f"{url!r} is no address of a server", next_step="pass one like http://127.0.0.1:8080")
    return host
