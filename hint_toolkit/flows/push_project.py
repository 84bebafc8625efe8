"""One project on the server: make it, bring tasks, put right what changed. The same call again changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.push_pictures import Crops, Work
from hint_toolkit.labelstudio.check import TaskChecker
from hint_toolkit.labelstudio.client import LabelStudioClient, Project, TaskRef
from hint_toolkit.labelstudio.config import has_bones, label_config, vocabulary
from hint_toolkit.labelstudio.instructions import ensure_instructions
from hint_toolkit.labelstudio.pictures import Pictures
from hint_toolkit.records import Hand

Progress = Callable[[int, int], None]
BATCH: Final = 1000
"""Tasks a request, two seconds of the server's time: more hardly saves any, and a killed request is lost as a whole."""


@dataclass(frozen=True)
class There:
    """What is on the server already.

    Attributes:
        tasks: one a hand.
        removed: surplus ones that were deleted.
        number: of tasks in the project, those of other hands included.
    """

    tasks: dict[str, TaskRef]
    removed: int
    number: int


@dataclass
class Sent:
    """What became of the hands of one project.

    Attributes:
        new: tasks added.
        there: tasks that were there and stay as they are.
        updated: tasks whose pre-label, note or picture had changed.
        begun: hands whose task should change, but somebody has begun or finished it.
        removed: untouched second copies that were deleted.
    """

    new: int = 0
    there: int = 0
    updated: int = 0
    begun: set[str] = field(default_factory=set)
    removed: int = 0


def ensure_project(
    client: LabelStudioClient, title: str, *, people: int = 0, keeper: Project | None = None, bones: bool = False
) -> Project:
    """Find or make the project, with our configuration and instructions.

    Args:
        client: logged in.
        title: of the project.
        people: who shall answer each task; 0 leaves what is set.
        keeper: the main project, for one whose tasks also show answers to decide between. It keeps the uploads: the
            server refuses them in a project whose tasks have two pictures.
        bones: whether a new project shows fingers as chains. One that is there keeps what it has.

    Raises:
        InputError: it is there and records something else.
    """
    project, facts = client.find_project(title), {}
    if project is not None and bones and vocabulary(project.label_config) == vocabulary(label_config()):
        raise InputError(
            f"the project {title!r} shows points, no bones", where=client.url, next_step="choose another --project"
        )
    bones = bones or (project is not None and has_bones(project.label_config))
    wanted = label_config(others=keeper is not None, bones=bones)
    if project is None:
        project = client.create_project(title, wanted)
    else:
        facts = client.project_facts(project.id)
    if project.label_config.strip() != wanted.strip():
        if vocabulary(project.label_config) != vocabulary(wanted):
            raise InputError(
                f"the project {title!r} has another labelling configuration",
                where=client.url,
                next_step="choose another title with --project",
            )
        client.set_label_config(project.id, wanted)
    if people and facts.get("maximum_annotations") != people:
        client.set_people(project.id, people)
    ensure_instructions(client, project.id, facts, keeper.id if keeper else project.id)
    return project


def find_there(client: LabelStudioClient, project: Project, hint_ids: Sequence[str]) -> There:
    """One task a hand; of several the annotated one stays, else the oldest, and untouched others are deleted."""
    kept: dict[str, TaskRef] = {}
    removed, wanted = 0, set(hint_ids)
    number = _number(client.project_facts(project.id))
    # Looking ids up costs the server more than listing all, once they are not a small part.
    many = number <= 4 * len(wanted)
    found = [] if not number else client.list_tasks(project.id) if many else client.find_tasks(project.id, hint_ids)
    for task in found:
        if task.hint_id not in wanted:
            continue
        other = kept.setdefault(task.hint_id, task)
        if other is task:
            continue
        loser = other if task.annotated and not other.annotated else task
        kept[task.hint_id] = task if loser is other else other
        if not loser.annotated and not client.get_task(loser.id)["draft_exists"]:
            client.delete_task(loser.id)
            removed += 1
    return There(kept, removed, number - removed)


def send(
    client: LabelStudioClient,
    project: Project,
    works: Sequence[Work],
    crops: Crops,
    pictures: Pictures,
    *,
    there: There | None = None,
    keeper: Project | None = None,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Sent:
    """Bring hands to a project.

    Args:
        client: logged in.
        project: from `ensure_project`.
        works: in the order in which annotators shall get them; one a hand.
        crops: makes the tasks.
        pictures: the same that `crops` has.
        there: from `find_there` for these hands, if somebody has asked already.
        keeper: as for `ensure_project`.
        batch: tasks a request.
        progress: called with the tasks done and their number.

    Raises:
        InputError: a hand cannot be shown; nothing of its portion was sent.
        ServerError: the server is dead or refuses; what was finished stays.
    """
    tell = progress or (lambda done, total: None)
    pictures.open(client, project.id, (keeper or project).id)
    there = there or find_there(client, project, [work.hand.id for work in works])
    tasks = there.tasks
    checker = TaskChecker(project.label_config)
    new = [work for work in works if work.hand.id not in tasks]
    old = [work for work in works if work.hand.id in tasks]
    done = Sent(new=len(new), removed=there.removed)
    if works:
        crops.bring(works[:1])
        pictures.ready()
    for portion in _portions(old, batch):
        crops.bring(portion)
        _update(client, project, [(tasks[work.hand.id], work) for work in portion], crops, checker, done)
    tell(len(old), len(works))
    if new:
        _import(client, project, list(_portions(new, batch)), crops, checker, lambda n: tell(len(old) + n, len(works)))
    facts = client.project_facts(project.id)
    if _number(facts) != there.number + len(new):  # an import that we had given up came through after all
        done.removed += find_there(client, project, [work.hand.id for work in works]).removed
    done.there = len(old) - done.updated - len(done.begun)
    _choose_model(
        client,
        project,
        str(facts.get("model_version") or ""),
        [w.hand for w in works if w.shown and w.hand.id not in done.begun],
    )
    return done


def _import(
    client: LabelStudioClient,
    project: Project,
    portions: Sequence[Sequence[Work]],
    crops: Crops,
    checker: TaskChecker,
    tell: Callable[[int], None],
) -> None:
    """One request after the other; the next portion is made while the server is busy with the last."""
    sent, bones = 0, has_bones(project.label_config)
    with ThreadPoolExecutor(1) as wire:
        pending = None
        for portion in portions:
            crops.bring(portion)
            made = [crops.task(work, bones) for work in portion]
            for task in made:
                checker.check(task)
            if pending is not None:
                pending.result()
                tell(sent)
            pending = wire.submit(client.import_tasks, project.id, made)
            sent += len(portion)
        if pending is not None:
            pending.result()
            tell(sent)


def _number(facts: Mapping[str, Any]) -> int:
    """How many tasks a project has."""
    return int(facts.get("task_number") or 0)


def _portions(works: Sequence[Work], size: int) -> Iterator[Sequence[Work]]:
    """Requests of a size; a large first one is cut short, so that the server begins while the second is made."""
    start, end = 0, size if size < 100 else size // 5
    while start < len(works):
        yield works[start:end]
        start, end = end, end + size


def _update(
    client: LabelStudioClient,
    project: Project,
    pairs: Sequence[tuple[TaskRef, Work]],
    crops: Crops,
    checker: TaskChecker,
    done: Sent,
) -> None:
    """Bring tasks that changed up to date, unless somebody has begun them."""
    bones = has_bones(project.label_config)
    for ref, work in pairs:
        wanted = crops.task(work, bones)
        checker.check(wanted)
        if wanted["data"]["key"] == ref.key:
            continue
        task = client.get_task(ref.id)
        if ref.annotated or task["draft_exists"]:
            done.begun.add(work.hand.id)
            continue
        # The key goes last: killed before it, the next push does this again.
        client.set_predictions(project.id, task, wanted["predictions"])
        client.set_data(ref.id, wanted["data"])
        done.updated += 1


def _choose_model(client: LabelStudioClient, project: Project, chosen: str, hands: Sequence[Hand]) -> None:
    """Annotators start from predictions of one version: the one that most of these hands have.

    All of them must be on the server, which refuses a version that it has no prediction of.
    """
    versions = [hand.detector for hand in hands if hand.state != "empty" and hand.detector]
    if not versions:
        return
    names, counts = np.unique(versions, return_counts=True)
    best = str(names[int(counts.argmax())])
    if chosen != best:
        client.set_model_version(project.id, best)
