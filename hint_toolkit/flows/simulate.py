"""The scripted annotator at work: it answers a project's open tasks through the server's real API.

It sees what a person sees (the task's prediction), corrects it by `quality.simulated`, and submits as its own
user, so that its answers come back through the same pull and are called "simulated" everywhere.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import Window
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import CHAINS
from hint_toolkit.labelstudio.decode import Unreadable, decode, window_of_task
from hint_toolkit.labelstudio.results import SIMULATED_EMAIL
from hint_toolkit.labelstudio.tasks import regions
from hint_toolkit.quality.simulated import simulate_correction
from hint_toolkit.records import Hand, Hands
from hint_toolkit.workspace import Workspace

Progress = Callable[[int, int], None]


def annotate(
    workspace: Workspace,
    client: LabelStudioClient,
    title: str,
    truth: Hands,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> int:
    """Answer every open task of a project; tasks that somebody has answered or skipped are left alone.

    Args:
        workspace: whose pre-labels were pushed.
        client: logged in as a user who may make users.
        title: of the project.
        truth: what is right, under the tasks' hint_ids. A task of no true hand is skipped.
        seed: of the noise; with the id it decides what happens to a hand, whatever the order or interruptions.
        progress: called with the tasks answered and the number of open ones.

    Returns:
        how many hands were submitted (skipped tasks not counted).

    Raises:
        InputError: no such project, or a task in it that we did not make.
        ServerError: the server is dead or refuses; run again to go on.
    """
    project = client.find_project(title)
    if project is None:
        raise InputError(f"no project {title!r}", where=client.url, next_step="run: hint-build push")
    user_id = client.ensure_user(SIMULATED_EMAIL)
    right = {hand.id: hand for hand in truth if hand.state not in ("empty", "skipped")}
    prelabels = {hand.id: hand for hand in workspace.read_prelabels()}
    waiting = [task for task in client.list_tasks(project.id) if task.hint_id and not task.annotated]
    submitted = 0
    for done, ref in enumerate(waiting, 1):
        begun = time.monotonic()
        task = client.get_task(ref.id)
        predictions = task["predictions"] or [{"id": None, "result": []}]
        hand = right.get(ref.hint_id)
        result = predictions[0]["result"] if hand is None else _answer(hand, task, prelabels, _rng(seed, ref.hint_id))
        client.create_annotation(
            ref.id,
            result,
            user_id=user_id,
            seconds=time.monotonic() - begun,
            parent_prediction=predictions[0]["id"],
            cancelled=hand is None,
        )
        submitted += hand is not None
        if progress:
            progress(done, len(waiting))
    return submitted


def _rng(seed: int, hint_id: str) -> np.random.Generator:
    """Chance of one hand, independent of all others."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(hint_id.encode()).digest()[:8], "big")])


def _answer(
    truth: Hand, task: Mapping[str, Any], prelabels: Mapping[str, Hand], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The regions that the scripted annotator submits.

    Raises:
        InputError: the task or its prediction is not one that we made.
    """
    predicted = task["predictions"][0]["result"] if task["predictions"] else []
    try:
        window = window_of_task(task["data"])
        started = _prelabel(truth, predicted, window, prelabels)
    except Unreadable as error:
        where = f"task {task['id']} > {truth.id} > {error.field}"
        raise InputError(error.text, where=where, next_step="push again") from error
    corrected = simulate_correction(truth, started, rng)
    bones = any(region.get("from_name") == CHAINS for region in predicted)
    return with_origins(regions(corrected, window, bones=bones), predicted)


def _prelabel(truth: Hand, predicted: Any, window: Window, prelabels: Mapping[str, Hand]) -> Hand | None:
    """What the task shows, as a hand; None for an empty task."""
    found = decode(predicted, window, truth.id, prelabels.get(truth.id))
    if found.nothing:
        return None
    return replace(
        truth, points=found.points, exists=found.exists, occluded=found.occluded, box=found.box, side=found.side
    )


def with_origins(result: list[dict[str, Any]], predicted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark each region like the editor does: "prediction", "prediction-changed" or "manual"."""
    before = {region["id"]: region for region in predicted}
    marked = []
    for region in result:
        old = before.get(region["id"])
        if old is None:
            marked.append(region | {"origin": "manual"})
        else:
            same = old["value"] == region["value"]
            marked.append(old | region | {"origin": "prediction" if same else "prediction-changed"})
    return marked
