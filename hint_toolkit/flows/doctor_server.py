"""Is a Label Studio fit for labelling: from its address to a picture that is really there and points that show."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hint_toolkit.errors import HintError, InputError, ServerError
from hint_toolkit.flows.doctor import Finding
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.labelstudio.client import LabelStudioClient, Project
from hint_toolkit.labelstudio.config import CHAINS, KEYPOINTS, RESERVED_KEYS, has_bones, label_config, vocabulary

TESTED: Final = "1.23"
"""The series of Label Studio that the tests of this toolkit run."""
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
_LEGACY = re.compile(r"[0-9a-f]{40}")


@dataclass
class _Asked:
    """What one look gave and the next one needs."""

    client: LabelStudioClient
    title: str
    key: str
    project: Project | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] | None = None


def examine_server(connect: Callable[[], LabelStudioClient], title: str, key: str) -> list[Finding]:
    """Look at server, token, project, storage, one picture, one prediction and the hot keys, in this order.

    Args:
        connect: opens the client; what it raises is a finding, too.
        title: of the project.
        key: the token, to tell its kind; it is never repeated.

    Returns:
        findings up to the first that makes the next ones senseless; the last one says what to do.
    """
    findings: list[Finding] = []
    try:
        with connect() as client:
            asked = _Asked(client, title, key)
            for look in (_server, _token, _project, _configuration, _hot_keys, _storage, _tasks, _picture, _prediction):
                found = list(look(asked))
                findings += found
                if any(one.state == "wrong" for one in found) and look in (_server, _project, _tasks):
                    break
    except HintError as error:
        findings.append(Finding("server", "wrong", str(error)))
    return findings


def _server(asked: _Asked) -> Iterator[Finding]:
    seen = asked.client.check()
    version = seen["version"]
    if version.startswith(TESTED):
        yield Finding("server", "ok", f"Label Studio {version} at {asked.client.url}")
    else:
        advice = f"this toolkit is tested with {TESTED}; run: pip install 'label-studio=={TESTED}.*'"
        yield Finding("server", "wrong" if version == "unknown" else "ok", f"Label Studio {version}; {advice}")
    yield Finding("user", "ok", seen["user"])


def _token(asked: _Asked) -> Iterator[Finding]:
    if _LEGACY.fullmatch(asked.key):
        yield Finding("token", "ok", "legacy token (40 hex digits), which does not end")
    elif asked.key.count(".") == 2:
        yield Finding("token", "ok", "personal access token, renewed every five minutes")
    else:
        yield Finding("token", "ok", "accepted, of a kind that is not known here")


def _project(asked: _Asked) -> Iterator[Finding]:
    try:
        asked.project = asked.client.find_project(asked.title)
    except InputError as error:
        yield Finding("project", "wrong", str(error))
        return
    if asked.project is None:
        yield Finding("project", "wrong", f"none is titled {asked.title!r}; run: hint-build push")
        return
    asked.facts = asked.client.request("show the project", "GET", f"api/projects/{asked.project.id}")
    yield Finding("project", "ok", f"{asked.title!r}, id {asked.project.id}, {asked.facts.get('task_number')} tasks")


def _configuration(asked: _Asked) -> Iterator[Finding]:
    assert asked.project is not None
    wanted = label_config(bones=has_bones(asked.project.label_config))
    ours = vocabulary(wanted)
    theirs = vocabulary(asked.project.label_config)
    if theirs == ours:
        same = asked.project.label_config.strip() == wanted.strip()
        yield Finding("configuration", "ok", "ours" if same else "ours in another form; hint-build push writes it anew")
        return
    missing = sorted(
        f"{name}: {value}"
        for name in ours or {}
        for value in set((ours or {})[name]) - set((theirs or {}).get(name, ()))
    )
    text = f"lacks {', '.join(missing[:3])}" if missing else "has more than ours"
    advice = "somebody edited it; put ours back: hint-build label-config, paste it in Settings > Labeling Interface"
    yield Finding("configuration", "wrong", f"{text}; {advice}")


def _hot_keys(asked: _Asked) -> Iterator[Finding]:
    """Two actions on one key, or a key that the editor keeps for itself: one of them silently does nothing."""
    assert asked.project is not None
    try:
        root = ET.fromstring(asked.project.label_config)
    except ET.ParseError as error:
        yield Finding("hot keys", "wrong", f"the configuration is no XML: {error}")
        return
    keys = [str(item.get("hotkey")).lower() for item in root.iter() if item.get("hotkey")]
    twice = sorted(key for key, n in Counter(keys).items() if n > 1)
    taken = sorted(set(keys) & RESERVED_KEYS)
    if twice or taken:
        parts = [f"{', '.join(twice)} twice"] * bool(twice) + [f"{', '.join(taken)} belong to the editor"] * bool(taken)
        yield Finding("hot keys", "wrong", f"{'; '.join(parts)}; run: hint-build push, which writes ours")
    else:
        yield Finding("hot keys", "ok", f"{len(keys)} keys, none twice, none of the editor's own")


def _storage(asked: _Asked) -> Iterator[Finding]:
    assert asked.project is not None
    parts = {"localfiles": "path", "s3": "bucket"}
    found = []
    for kind, name in parts.items():
        listed = asked.client.request(
            "list storages", "GET", f"api/storages/{kind}", params={"project": asked.project.id}
        )
        found += [f"{kind}: {one.get(name)}" for one in listed or []]
    text = ", ".join(found) or "none: pictures must be uploaded or have signed addresses"
    yield Finding("storage", "ok" if found else "absent", text)


def _tasks(asked: _Asked) -> Iterator[Finding]:
    assert asked.project is not None
    refs = asked.client.request(
        "list tasks", "GET", "api/tasks", params={"project": asked.project.id, "page_size": 20, "fields": "all"}
    )
    listed = [task for task in (refs or {}).get("tasks", []) if (task.get("data") or {}).get("hint_id")]
    # A frame without a hand has no prediction: look at one that should have.
    asked.task = next((task for task in listed if task["data"].get("detector")), listed[0] if listed else None)
    if asked.task is None:
        yield Finding("tasks", "wrong", "none of ours among the first 20; run: hint-build push")
    else:
        yield Finding("tasks", "ok", f"task {asked.task['id']}, hand {asked.task['data']['hint_id']}")


def _picture(asked: _Asked) -> Iterator[Finding]:
    assert asked.task is not None
    address = str(asked.task["data"].get("image") or "")
    try:
        kind, data = asked.client.fetch("show a picture", address)
    except ServerError as error:
        advice = "push again; for pictures on disk the server must be started by hint-build server, on this workspace"
        yield Finding("picture", "wrong", f"{address.split('?')[0]} cannot be fetched ({error}); {advice}")
        return
    if not data.startswith(_PICTURES):
        yield Finding(
            "picture", "wrong", f"{address.split('?')[0]} is {kind or 'nothing'} of {len(data)} bytes, no picture"
        )
        return
    yield Finding("picture", "ok", f"fetched, {kind}, {len(data)} bytes")


def _prediction(asked: _Asked) -> Iterator[Finding]:
    """Whether the editor will show what was pushed: one of the right version, with points that have a width."""
    assert asked.task is not None
    assert asked.project is not None
    if not asked.task["data"].get("detector"):
        yield Finding("prediction", "absent", "the first tasks are frames in which nothing was found")
        return
    task = asked.client.get_task(int(asked.task["id"]))
    wanted = asked.project.model_version
    shown = [one for one in task["predictions"] if one.get("model_version") == wanted]
    step = "run: hint-build push, which chooses the version again"
    if not shown:
        held = ", ".join(sorted({str(one.get("model_version")) for one in task["predictions"]})) or "none"
        yield Finding("prediction", "wrong", f"the project shows version {wanted!r}, the task has {held}; {step}")
        return
    if asked.facts.get("show_collab_predictions") is False:
        yield Finding("prediction", "wrong", "the project hides predictions: Settings > Annotation, use predictions")
        return
    points = [one for one in shown[0]["result"] if one.get("from_name") == KEYPOINTS]
    thin = [one for one in points if not (one["value"].get("width") or 0) > 0]
    if thin or not any(one.get("from_name") in (KEYPOINTS, CHAINS) for one in shown[0]["result"]):
        yield Finding(
            "prediction", "wrong", f"{len(thin)} of {len(points)} points have no width and do not show; push again"
        )
        return
    chained = sum(len(one["value"]["vertices"]) for one in shown[0]["result"] if one.get("from_name") == CHAINS)
    yield Finding("prediction", "ok", f"{len(points) + chained} of {N_JOINTS} points, version {wanted}")
