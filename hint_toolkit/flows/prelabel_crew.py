"""Several processes that look at pictures, each with a detector of its own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from hint_toolkit.flows.prelabel_look import Job, Seen, look
from hint_toolkit.io.workers import shared_out
from hint_toolkit.prelabel.base import Detector
from hint_toolkit.prelabel.registry import open_detector

One = TypeVar("One")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recipe:
    """How a detector is opened again in another process: its name in the registry, and the options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


def crew_look(jobs: Iterable[Job], recipe: Recipe, workers: int) -> Iterator[list[Seen]]:
    """Work jobs of `prelabel_look` off in parallel; results come as they are done. Raises as `crew`."""
    yield from crew(_look, jobs, recipe, workers)


def crew(
    task: Callable[[Detector, One], Result],
    jobs: Iterable[One],
    recipe: Recipe,
    workers: int,
    *,
    in_order: bool = False,
) -> Iterator[Result]:
    """Work jobs off in parallel.

    Args:
        task: what to do with the worker's detector and a job; a function of a module.
        jobs: taken as they are needed.
        recipe: of the detector, which every worker opens once.
        workers: how many processes.
        in_order: give results in the order of the jobs instead of as they are done.

    Raises:
        InputError: a worker died, e.g. for want of memory.
        HintError: whatever a detector or a picture raises.
    """
    yield from shared_out(
        partial(_with_detector, task, recipe),
        jobs,
        workers,
        doing="detecting",
        ordered=in_order,
        next_step="run it again with fewer --workers: what was found is kept",
    )


def _with_detector(task: Callable[[Detector, One], Result], recipe: Recipe) -> Callable[[One], Result]:
    return partial(task, open_detector(recipe.name, **recipe.options))


def _look(detector: Detector, job: Job) -> list[Seen]:
    return list(look(job, detector))
