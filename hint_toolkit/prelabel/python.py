"""One's own model as a Python function: `python:my_model.py:predict`, or `python:my_package.my_module:predict`.

The function gets a crop, (size, size, 3) uint8 RGB, and the side of the hand, "left", "right" or "" where nobody knows,
and gives an answer as `prelabel.own` describes. With `batch` it gets (N, size, size, 3) and N sides, and gives N
answers. A class is made once, without arguments, and then called: the place to load weights. Its code runs here, with
all rights of the user: name only what you trust.
"""

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.prelabel.own import Crop, CropRule, OwnModel

_NEXT = "see docs/own-model.md"


class PythonDetector(OwnModel):
    """Hands from boxes by a function of one's own."""

    def __init__(
        self,
        *,
        target: str = "",
        size: int = 256,
        grow: float = 2.0,
        mirror_left: bool = False,
        joint_order: str = "hint",
        batch: int = 0,
    ) -> None:
        """Import the function.

        Args:
            target: FILE.py:FUNCTION or MODULE:FUNCTION.
            size: side of the crops in pixels.
            grow: what a crop shows, in units of the box's longer side.
            mirror_left: show left hands mirrored, as right ones.
            joint_order: of the answers, a key of `joints.TO_HINT`.
            batch: crops a call; 0: one crop a call, without the axis of the batch.

        Raises:
            InputError: no such function, it cannot be imported, or an option is out of its range.
        """
        if batch < 0:
            raise InputError(f"batch={batch}", next_step="use 1 or more, or 0 for crops one by one")
        super().__init__(CropRule(size, grow, mirror_left, joint_order), max(batch, 1))
        self._many = batch > 0
        self._function, source = _load(target)
        self._target = target
        many = f",batch={batch}" if self._many else ""
        plain = "".join(c if c.isalnum() or c in "._+" else "_" for c in target.rpartition("/")[2])[:60]
        self.name = f"python-{plain}-{_digest(source)}{self._rule.words}{many}"

    def _called(self, k: int) -> str:
        return f"{self._target} > answer {k}" if self._many else self._target

    def _answers(self, crops: Sequence[Crop]) -> Sequence[Any]:
        try:
            if not self._many:
                return [self._function(crop.pixels, crop.prompt.side) for crop in crops]
            given = self._function(np.stack([crop.pixels for crop in crops]), [crop.prompt.side for crop in crops])
            answers = list(given)
        except Exception as error:  # somebody's code, which fails in any way it likes
            what = f"failed with {type(error).__name__}: {error}"[:300]
            raise InputError(what, where=self._target, next_step="run again with --debug for its traceback") from error
        if isinstance(given, dict) or len(answers) != len(crops):
            raise InputError(
                f"gave {len(answers)} answers for {len(crops)} crops",
                where=self._target,
                next_step="give a list with one answer a crop, None where no hand was seen",
            )
        return answers


def _load(target: str) -> tuple[Callable[..., Any], Path | None]:
    """The function, or the one object of a class; and the file that it stands in.

    Raises:
        InputError: the target is not of the form, or cannot be had.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        what = f"no function in {target!r}" if target else "no function named"
        raise InputError(what, next_step="write python:FILE.py:FUNCTION or python:MODULE:FUNCTION")
    try:
        module = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
        found = getattr(module, name, None)
        if inspect.isclass(found):
            found = found()
    except InputError:
        raise
    except BaseException as error:  # an import runs what stands in the file, up to sys.exit
        if isinstance(error, KeyboardInterrupt):
            raise
        what = f"cannot be imported: {type(error).__name__}: {error}"[:300]
        raise InputError(what, where=place, next_step="run again with --debug for its traceback") from error
    if not callable(found):
        what = f"has no function {name}" if found is None else f"{name} is no function"
        raise InputError(what, where=place, next_step=_NEXT)
    file = getattr(module, "__file__", None)
    return found, Path(file) if file else None


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError("no such file", where=str(path), next_step="write python:FILE.py:FUNCTION")
    # Under a name of its own: the file may be called as some library is.
    spec = importlib.util.spec_from_file_location(f"hint_own_{_digest(path)}", path)
    if spec is None or spec.loader is None:
        raise InputError("is no Python file", where=str(path), next_step=_NEXT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    with _first_on_path(path.resolve().parent):
        spec.loader.exec_module(module)
    return module


def _module(name: str) -> ModuleType:
    with _first_on_path(Path.cwd()):
        return importlib.import_module(name)


class _first_on_path:  # noqa: N801  # used as a function
    """A folder in front of sys.path, for the import of what lies beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        if self._folder in sys.path:
            sys.path.remove(self._folder)


def _digest(source: Path | None) -> str:
    """12 hex digits of the file, so that another version of it is another detector; weights it loads are not seen."""
    if source is None or not source.is_file():
        return "nofile"
    return hashlib.sha256(source.read_bytes()).hexdigest()[:12]
