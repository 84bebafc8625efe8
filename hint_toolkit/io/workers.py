"""Work for several processes, results in the order of the work.

The processes are spawned, never forked: a fork would copy the locks of threads that hold them (torch, OpenCV, CUDA).
They load what the work needs and nothing else, use one thread each, and end with the process that started them.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final, TypeVar

from hint_toolkit.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD: Final = 4
"""Items a process that are handed out before their results are taken; more would only hold memory."""
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
    with _crew(work, workers) as crew:
        waiting: deque[Future[Result]] = deque()
        source = iter(items)
        try:
            while True:
                while len(waiting) < AHEAD * workers and (item := next(source, _END)) is not _END:
                    waiting.append(crew.submit(_do, item))
                if not waiting:
                    return
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} reading processes died",
                why="often for want of memory",
                next_step="run it again with fewer workers",
            ) from error


class _End:
    """After the last item."""


_END: Final = _End()
_work: Callable[..., object] | None = None


def _begin(work: Callable[..., object]) -> None:
    """In a worker: the parent alone answers Ctrl-C."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = work


def _end_with_parent() -> None:
    """A worker holds both ends of the pool's queue, so it would wait for ever for a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _do(item: Any) -> Any:
    assert _work is not None
    return _work(item)


@contextmanager
def _crew(work: Callable[..., object], workers: int) -> Iterator[ProcessPoolExecutor]:
    """The processes; whatever happens, they are gone afterwards."""
    with _one_thread_each():
        crew = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(work,))
        try:
            yield crew
        finally:
            processes = list((getattr(crew, "_processes", None) or {}).values())
            crew.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                if process.is_alive():
                    process.terminate()


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
