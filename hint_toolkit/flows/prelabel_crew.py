"""Several processes that look at frames, each with a detector of its own."""

import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

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
    import cv2

    cv2.setNumThreads(1)
    _detector = open_detector(recipe.name, **recipe.options)


def _work(job: Job) -> list[Seen]:
    return look(job, _detector)


def crew_look(jobs: Iterable[Job], recipe: Recipe, workers: int) -> Iterator[list[Seen]]:
    """Work jobs off in parallel; results come as they are done.

    Args:
        jobs: what to do.
        recipe: of the detector.
        workers: how many processes.

    Raises:
        InputError: a worker died, e.g. for want of memory.
        HintError: whatever a detector or a picture raises.
    """
    with _one_thread_each():
        crew = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(recipe,))
        try:
            yield from _results(crew, iter(jobs), workers)
            crew.shutdown()
        except BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} detecting processes died",
                why="often for want of memory",
                next_step="run it again with fewer --workers: what was found is kept",
            ) from error
        finally:
            processes = list((getattr(crew, "_processes", None) or {}).values())
            crew.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                if process.is_alive():
                    process.terminate()


def _results(crew: ProcessPoolExecutor, jobs: Iterator[Job], workers: int) -> Iterator[list[Seen]]:
    waiting: set[Future[list[Seen]]] = set()
    more = True
    while waiting or more:
        while more and len(waiting) < _AHEAD * workers:
            following = next(jobs, None)
            if following is None:
                more = False
            else:
                waiting.add(crew.submit(_work, following))
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


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
