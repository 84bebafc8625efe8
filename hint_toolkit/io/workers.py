"""Work for several processes: pictures to read, detectors to ask.

The processes are spawned, never forked: a fork would copy the locks of threads that hold them (torch, OpenCV, CUDA).
They load what the work needs and nothing else, use one thread each, and end with the process that started them.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final, TypeVar

from hint_toolkit.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD: Final = 4
"""Items a process that are handed out before their results are taken; more would only hold memory."""
_SECONDS_TO_END: Final = 10
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
"""Processes that each use all cores are slower together than one."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`work(item)` for every item, in their order.

    Args:
        work: a function of a module, or an object of a class of one: it travels to the processes, once.
        items: taken as they are needed, never all at once.
        workers: processes; 0: this one works.

    Raises:
        InputError: a process died, e.g. for want of memory; or fewer than 0 workers.
        HintError: whatever the work raises, when its turn has come.
    """
    if workers < 0:
        raise InputError(f"{workers} processes", next_step="use 0 or more")
    if not workers:
        yield from map(work, items)
        return
    yield from shared_out(partial(_itself, work), items, workers, doing="reading")


def shared_out(
    make: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
    *,
    doing: str,
    ordered: bool = True,
    next_step: str = "run it again with fewer workers",
) -> Iterator[Result]:
    """`make()(item)` for every item, in processes that each make what they work with once.

    Args:
        make: a function of a module, or a partial of one; called in each process before its first item.
        items: taken as they are needed, never all at once.
        workers: processes, 1 or more.
        doing: what they do, for the error.
        ordered: results in the order of the items; else as they are done.
        next_step: for the error.

    Raises:
        InputError: a process died, e.g. for want of memory.
        HintError: whatever `make` or the work raises.
    """
    with _crew(make, workers) as crew:
        try:
            yield from (_one_after_the_other if ordered else _as_they_are_done)(crew, iter(items), AHEAD * workers)
        except BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} {doing} processes died", why="often for want of memory", next_step=next_step
            ) from error


def _one_after_the_other(crew: ProcessPoolExecutor, items: Iterator[Any], ahead: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    while True:
        waiting += [crew.submit(_do, item) for item in islice(items, ahead - len(waiting))]
        if not waiting:
            return
        yield waiting.popleft().result()


def _as_they_are_done(crew: ProcessPoolExecutor, items: Iterator[Any], ahead: int) -> Iterator[Any]:
    waiting: set[Future[Any]] = set()
    while True:
        waiting |= {crew.submit(_do, item) for item in islice(items, ahead - len(waiting))}
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


_make: Callable[[], Callable[..., object]] | None = None
_work: Callable[..., object] | None = None


def _itself(work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    return work


def _begin(make: Callable[[], Callable[..., object]]) -> None:
    """In a worker: the parent alone answers Ctrl-C."""
    global _make
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _make = make


def _end_with_parent() -> None:
    """A worker holds both ends of the pool's queue, so it would wait for ever for a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _do(item: Any) -> Any:
    global _work
    if _work is None:  # not when the process begins: an error there would only break the pool
        assert _make is not None
        _work = _make()
    return _work(item)


@contextmanager
def _crew(make: Callable[[], Callable[..., object]], workers: int) -> Iterator[ProcessPoolExecutor]:
    """The processes; whatever happens, they are gone afterwards."""
    with _one_thread_each():
        crew = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(make,))
        try:
            yield crew
        finally:
            processes = list((getattr(crew, "_processes", None) or {}).values())
            crew.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                if process.is_alive():
                    process.terminate()
            for process in processes:
                process.join(_SECONDS_TO_END)


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
