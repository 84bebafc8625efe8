"""Options of a detector as words of a command line, "windows=never", to the values that its class takes."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from hint_toolkit.errors import InputError
from hint_toolkit.prelabel.registry import detector_class

_YES_NO: Final = MappingProxyType({"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False})


def _flag(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError(text)
    return _YES_NO[text.lower()]


_KINDS: Final[Mapping[Any, Callable[[str], Any]]] = MappingProxyType({bool: _flag, int: int, float: float, Path: Path})
_SAID: Final = MappingProxyType({bool: "true or false", int: "a whole number", float: "a number"})


def options_of_words(name: str, words: Iterable[str]) -> dict[str, Any]:
    """Values by the type that the detector's class gives each option; text where it gives none that is known.

    Args:
        name: of the detector. One that is not known takes text: opening it says so.
        words: NAME=VALUE; a name is in the class's own spelling, or with dashes.

    Raises:
        InputError: no equals sign, or a value that is not of its type.
    """
    split = []
    for word in words:
        option, equals, value = word.partition("=")
        if not option or not equals:
            raise InputError(f"{word!r} is no option", next_step="write NAME=VALUE")
        split.append((option.replace("-", "_"), value))
    known = _parameters(name) if split else {}
    options = {}
    for option, value in split:
        kind = known.get(option, str)
        try:
            options[option] = _KINDS[kind](value) if kind in _KINDS else value
        except ValueError as error:
            raise InputError(f"{option}={value} is not {_SAID[kind]}", next_step=f"so {name} wants it") from error
    return options


def _parameters(name: str) -> dict[str, Any]:
    """The plain type of every option."""
    try:
        signature = inspect.signature(detector_class(name))
    except InputError:
        return {}
    found = {}
    for option, parameter in signature.parameters.items():
        kinds = [kind for kind in get_args(parameter.annotation) or (parameter.annotation,) if kind is not type(None)]
        found[option] = next((kind for kind in kinds if kind in _KINDS), str)
    return found
