"""Several processes that look at pictures, each with a detector of its own."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final, TypeVar

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel_look import Job, Seen, look
from hint_toolkit.prelabel.base import Detector
from hint_toolkit.prelabel.registry import open_detector

_ONE_THREAD: Final = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
"""In every worker: processes that each use all cores are slower together than one."""
_AHEAD: Final = 3
"""Jobs a worker that are handed out; more would only hold memory."""

One = TypeVar("One")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recipe:
    """How a detector is opened again in another process: its name in the registry, and the options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


_detector: Detector | None = None


def _begin(recipe: Recipe) -> None:
    """In a worker: the parent alone answers Ctrl-C, and every detector is opened once."""
    global _detector
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2

    cv2.setNumThreads(1)
    _detector = open_detector(recipe.name, **recipe.options)


def _end_with_parent() -> None:
    """A worker holds both ends of the pool's queue, so it would wait for ever for a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(task: Callable[[Detector | None, One], Result], job: One) -> Result:
    return task(_detector, job)


def _look(detector: Detector | None, job: Job) -> list[Seen]:
    return list(look(job, detector))


def crew_look(jobs: Iterable[Job], recipe: Recipe, workers: int) -> Iterator[list[Seen]]:
    """Work jobs of `prelabel_look` off in parallel; results come as they are done. Raises as `crew`."""
    yield from crew(_look, jobs, recipe, workers)


def crew(
    task: Callable[[Detector | None, One], Result],
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
        recipe: of the detector.
        workers: how many processes.
        in_order: give results in the order of the jobs instead of as they are done.

    Raises:
        InputError: a worker died, e.g. for want of memory.
        HintError: whatever a detector or a picture raises.
    """
    with _one_thread_each():
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(recipe,))
        try:
            yield from (_ordered if in_order else _results)(pool, task, iter(jobs), workers)
            pool.shutdown()
        except BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} detecting processes died",
                why="often for want of memory",
                next_step="run it again with fewer --workers: what was found is kept",
            ) from error
        finally:
            processes = list((getattr(pool, "_processes", None) or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                if process.is_alive():
                    process.terminate()


def _results(pool: ProcessPoolExecutor, task: Any, jobs: Iterator[Any], workers: int) -> Iterator[Any]:
    waiting: set[Future[Any]] = set()
    more = True
    while waiting or more:
        while more and len(waiting) < _AHEAD * workers:
            following = next(jobs, None)
            if following is None:
                more = False
            else:
                waiting.add(pool.submit(_work, task, following))
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _ordered(pool: ProcessPoolExecutor, task: Any, jobs: Iterator[Any], workers: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    for job in jobs:
        waiting.append(pool.submit(_work, task, job))
        if len(waiting) >= _AHEAD * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """A spawned process reads these before it loads numpy; ours keeps its own."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
