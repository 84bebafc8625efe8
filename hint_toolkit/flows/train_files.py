"""What a training keeps so that it can go on: its state as tensors and plain values, and its log."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import replacing, write_text
from hint_toolkit.models._torchvision import import_torch

STATE_FILE: Final = "state.pt"
LOG_FILE: Final = "log.jsonl"
REPORT_FILE: Final = "report.json"
_FORMAT: Final = "hint-train/1"


def write_state(path: Path, key: str, step: int, state: Mapping[str, Any]) -> None:
    """Write a step's state, whole or not at all."""
    torch = import_torch()
    with replacing(path) as temporary, temporary.open("wb") as handle:
        torch.save({"format": _FORMAT, "key": key, "step": step, "state": dict(state)}, handle)


def read_state(path: Path, key: str, restore: Callable[[Mapping[str, Any]], None]) -> int:
    """Give a kept state to `restore`, and the step that it was kept after; 0 if there is none.

    Raises:
        InputError: it is of a run with other settings, damaged, or no state at all.
    """
    if not path.is_file():
        return 0
    torch = import_torch()
    again = "pass --force to begin again, or another --out"
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError and more
        raise InputError("is no state of a training, or half of one", where=str(path), next_step=again) from error
    if not isinstance(kept, Mapping) or kept.get("format") != _FORMAT or not isinstance(kept.get("step"), int):
        raise InputError("is no state of a training", where=str(path), next_step=again)
    if kept.get("key") != key:
        raise InputError("holds a training with other settings", where=str(path.parent), next_step=again)
    try:
        restore(kept["state"])
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())[:160]
        raise InputError("does not fit this network", where=str(path), why=why, next_step=again) from error
    return int(kept["step"])


def start_log(path: Path, step: int, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The log's lines up to a step; later ones, of a run that was killed, are taken out of the file.

    Args:
        path: of the log.
        step: that the run goes on from; 0 begins a new log.
        config: what a new log begins with.
    """
    kept: list[dict[str, Any]] = []
    if step and path.is_file():
        for text in path.read_text("utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                break  # the line in which a killed run ended
            if not isinstance(line, dict) or line.get("step", 0) > step:
                break
            kept.append(line)
    if not kept:
        kept = [{"config": dict(config)}]
    write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
    return kept
