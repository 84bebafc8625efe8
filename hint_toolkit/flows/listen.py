"""Pull as people submit: the server calls us, and every so often we ask anyway."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hint_toolkit.errors import HintError, ServerError
from hint_toolkit.flows.pull import PullReport, pull
from hint_toolkit.io.assignments import read_assignments
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.webhook import Listener, add_webhook, remove_webhooks
from hint_toolkit.workspace import Workspace, WorkspaceBusy, fingerprint

EVERY: Final = 60.0
QUIET: Final = 0.5
"""Seconds without another call after which we pull: a batch of submissions is one pull."""
LONGEST: Final = 5.0
"""Seconds that calls may go on before we pull all the same."""


@dataclass
class _Hooks:
    """The webhooks that are ours, by title of the project."""

    client: LabelStudioClient
    url: str
    owner: str
    say: Callable[[str], None]
    ids: dict[str, int] = field(default_factory=dict)
    refused: bool = False

    def ensure(self, titles: list[str]) -> None:
        """One in every project; a server that does not want to call us is said once and then only asked."""
        for title in titles:
            if self.refused or title in self.ids:
                continue
            project = self.client.find_project(title)
            if project is None:
                continue
            try:
                self.ids[title] = add_webhook(self.client, project.id, self.url, self.owner)
            except ServerError as error:
                self.refused = True
                self.say(f"the server will not call us, it is asked from time to time instead: {error}")

    def remove(self) -> None:
        """All of them, as far as the server is there."""
        for webhook_id in self.ids.values():
            with contextlib.suppress(HintError):
                remove_webhooks(self.client, [webhook_id])


def listen(
    workspace: Workspace,
    client: LabelStudioClient,
    *,
    title: str,
    pulled: Callable[[PullReport], None],
    say: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int = 0,
    every: float = EVERY,
    going: Callable[[], bool] = lambda: True,
) -> None:
    """Pull now, whenever the server calls, and at least every so often; until interrupted.

    Webhooks are removed at the end, whatever ends it; those that a killed listener left are removed by the next one.

    Args:
        workspace: whose hands were pushed.
        client: logged in.
        title: of the project; those for overlap, decisions and reviews that belong to it are listened to as well.
        pulled: called after every pull.
        say: called with what is in the way: a server that is down, a workspace that another command holds.
        host: address of this machine as the server can call it.
        port: to listen on; 0 for any.
        every: seconds after which we ask without being called.
        going: asked before every wait; False ends it.

    Raises:
        InputError: no such project, nothing sampled, or no such address on this machine.
    """
    owner = fingerprint(str(workspace.root.resolve()))
    with Listener(host, port) as listener:
        hooks = _Hooks(client, listener.url, owner, say)
        try:
            trouble = ""
            while True:
                try:
                    hooks.ensure(_titles(workspace, title))
                    pulled(pull(workspace, client, title=title))
                    trouble = ""
                except (ServerError, WorkspaceBusy) as error:  # both pass; what people said waits on the server
                    if str(error) != trouble:
                        trouble = str(error)
                        say(trouble)
                if not going():
                    return
                _await_calls(listener, min(every, 5.0) if trouble else every)
        finally:
            hooks.remove()


def _titles(workspace: Workspace, title: str) -> list[str]:
    of = {one.project for one in read_assignments(workspace.assignments_file)}
    return [title, *sorted(name for name in of if name.startswith(f"{title} ("))]


def _await_calls(listener: Listener, every: float) -> None:
    """Until the server has called and is quiet again, or the time is over."""
    if not listener.wait(every):
        return
    begun = time.monotonic()
    while time.monotonic() - begun < LONGEST and listener.wait(QUIET):
        pass
