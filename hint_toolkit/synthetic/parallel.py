"""Run generators in child processes: one process a job, a step reported for each item.

Not a process pool: a worker of a pool lives on, waiting, when its parent is killed. Here each child
writes to a pipe after every step, so it ends at its next step once nobody reads any more.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

JobT = TypeVar("JobT")

_STEP = None  # what a child sends after a step; anything else is the text of its error
_ENTRY_HINT = "if this is a script, call it under `if __name__ == '__main__':` or with workers=1"


def can_start_processes() -> bool:
    """Whether this process may have children that import what it runs."""
    if multiprocessing.current_process().daemon:
        return False
    # A child imports the main module by its path; one read from standard input has none.
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or path is None or os.path.exists(path)


def run_in_processes(
    function: Callable[[JobT], Generator[None, None, None]],
    jobs: Sequence[tuple[str, JobT]],
    workers: int,
    on_step: Callable[[], None],
) -> None:
    """Exhaust `function(job)` for every job, at most `workers` at a time.

    Args:
        function: A module-level generator function; its yields are the steps.
        jobs: Names (for messages) and jobs; a job can be pickled.
        workers: How many processes run at once.
        on_step: Called in this process for every step of any job.

    Raises:
        RuntimeError: A job failed; the others are stopped.
    """
    # Spawn, not fork: a fork would copy locks held by threads of OpenCV or of the caller.
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(jobs))
    running: dict[Connection, tuple[str, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name, job = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(function, job, sender), daemon=True)
                running[receiver] = (name, process)
                process.start()
                sender.close()  # ours; the pipe ends when the child's copy closes
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                if not _receive(ready, running[ready][0], on_step):
                    _finish(ready, *running.pop(ready))
    finally:
        for receiver, (_, process) in running.items():
            if process.pid is not None:
                process.terminate()
                process.join()
            process.close()
            receiver.close()


def _receive(receiver: Connection, name: str, on_step: Callable[[], None]) -> bool:
    """Take one message; False when the child has closed its end."""
    try:
        message = receiver.recv()
    except EOFError:
        return False
    if message is not _STEP:
        raise RuntimeError(f"{name}: {message}")
    on_step()
    return True


def _finish(receiver: Connection, name: str, process: Any) -> None:
    process.join()
    code = process.exitcode
    process.close()
    receiver.close()
    if code != 0:
        raise RuntimeError(f"{name}: the worker process ended with exit code {code}; {_ENTRY_HINT}")


def _child(function: Callable[[JobT], Generator[None, None, None]], job: JobT, sender: Connection) -> None:
    import cv2

    # Ctrl-C reaches the whole group; the parent alone answers it, by stopping us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the processors already
    steps = function(job)
    try:
        with closing(steps):
            for _ in steps:
                sender.send(_STEP)
    except BrokenPipeError:
        return  # the parent is gone
    except Exception as error:  # whatever it is, the parent has to hear of it
        sender.send(f"{type(error).__name__}: {error}")
    finally:
        sender.close()
