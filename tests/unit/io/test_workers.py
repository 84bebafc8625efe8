"""Work in other processes: order, laziness, and every way to end."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.workers import AHEAD, in_order


def slow_first(n):
    if n % 3 == 0:
        time.sleep(0.05)
    return n, os.getpid()


def refuses_seven(n):
    if n == 7:
        raise InputError("is a seven", where=f"item {n}", next_step="use another")
    return n


def dies_at_five(n):
    if n == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def heavy_modules(_):
    return sorted({"torch", "timm", "pandas"} & set(sys.modules)), os.environ["OMP_NUM_THREADS"]


def test_results_stand_in_the_order_of_the_items_and_items_are_taken_as_they_are_needed():
    taken = 0

    def items():
        nonlocal taken
        for n in range(40):
            taken += 1
            yield n

    pids = set()
    for k, (n, pid) in enumerate(in_order(slow_first, items(), 2)):
        assert n == k
        assert taken <= k + 1 + 2 * AHEAD
        pids.add(pid)
    assert k == 39
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert {pid for _, pid in in_order(slow_first, range(3), 0)} == {os.getpid()}
    assert list(in_order(slow_first, [], 2)) == []


def test_a_process_holds_one_thread_and_no_library_that_it_does_not_need():
    before = os.environ.get("OMP_NUM_THREADS")
    assert list(in_order(heavy_modules, [0], 1)) == [([], "1")]
    assert os.environ.get("OMP_NUM_THREADS") == before


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_comes_when_its_turn_has_come_and_is_one_line(workers):
    results = in_order(refuses_seven, range(20), workers)
    assert list(islice(results, 7)) == list(range(7))
    with pytest.raises(InputError, match=r"^item 7: is a seven; use another$"):
        next(results)


def test_a_process_that_dies_is_one_line():
    with pytest.raises(InputError, match="one of 1 reading processes died .*fewer workers") as error:
        list(in_order(dies_at_five, range(20), 1))
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="-1 processes"):
        list(in_order(dies_at_five, range(20), -1))


def test_who_stops_early_leaves_no_process_behind():
    results = in_order(slow_first, range(1000), 2)
    pids = {next(results)[1] for _ in range(8)}
    results.close()
    assert _gone(pids)


def test_processes_end_with_a_parent_that_was_killed():
    code = (
        "from tests.unit.io.test_workers import slow_first\n"
        "from hint_toolkit.io.workers import in_order\n"
        "for n, pid in in_order(slow_first, iter(int, 1), 1): print(pid, flush=True)\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert _gone({pid})


def _gone(pids):
    """Whether none of them runs any more, within a few seconds."""
    for _ in range(100):
        if not any(_runs(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
