"""What a server says when it refuses, as one line: status, reason and next step, never headers or tokens."""

from typing import Any, Final

from hint_toolkit.errors import ServerError, one_line

TOKEN_VARIABLE: Final = "LABEL_STUDIO_API_KEY"
_SHOWN: Final = 400
_STEPS: Final = {
    401: f"set {TOKEN_VARIABLE} to a valid token of this server (Account & Settings in the browser)",
    403: "use the token of a user who may do this",
    404: "check the address, and that the project still exists",
}


def refusal(url: str, action: str, status: int | None, body: Any, secret: str) -> ServerError:
    """The error for an HTTP status.

    Args:
        url: of the server.
        action: what was asked, e.g. "list tasks".
        status: of the reply.
        body: parsed JSON, or text.
        secret: the token, blacked out should the server repeat it.
    """
    fallback = "look into the server's log" if (status or 500) >= 500 else "correct it and run this again"
    return ServerError(
        f"refused to {action}, status {status}",
        where=url,
        why=cleaned(detail(body), secret),
        next_step=_STEPS.get(status or 0, fallback),
    )


def cleaned(text: str, secret: str) -> str:
    """One line of limited length without the secret."""
    return one_line(text).replace(secret, "***")[:_SHOWN]


def detail(body: Any) -> str:
    """Detail and validation errors of Label Studio's error JSON; pages of HTML say nothing."""
    if not isinstance(body, dict):
        text = str(body or "").strip()
        return "" if text.startswith("<") else text
    errors = body.get("validation_errors")
    parts = [str(body.get("detail") or "")]
    if isinstance(errors, dict):
        parts += [f"{name}: {' '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in errors.items()]
    return " ".join(part for part in parts if part)
