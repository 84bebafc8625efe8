"""The detectors by name. A detector's module is imported when it is opened, not before.

What stands behind the first colon of a name, `python:my_model.py:predict`, is the detector's option `target`.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.prelabel.base import Detector

DETECTORS = MappingProxyType(
    {
        "mediapipe": "hint_toolkit.prelabel.mediapipe:MediaPipeDetector",
        "vitpose": "hint_toolkit.prelabel.vitpose:VitPoseDetector",
        "rtmpose": "hint_toolkit.prelabel.rtmpose:RtmPoseDetector",
        "hamer": "hint_toolkit.prelabel.hamer:HamerDetector",
        "replay": "hint_toolkit.prelabel.replay:ReplayDetector",
        "python": "hint_toolkit.prelabel.python:PythonDetector",
        "command": "hint_toolkit.prelabel.command:CommandDetector",
    }
)

_TARGET = "target"


@contextmanager
def opened(name: str, **options: Any) -> Iterator[Detector]:
    """`open_detector` for a with block; closes it at the end."""
    detector = open_detector(name, **options)
    try:
        yield detector
    finally:
        detector.close()


def detector_class(name: str) -> Any:
    """The class of a detector; what stands behind a colon in the name is not looked at.

    Raises:
        InputError: no such detector.
    """
    bare = name.partition(":")[0]
    if bare not in DETECTORS:
        raise InputError(f"no detector {bare!r}", next_step=f"choose one of: {', '.join(DETECTORS)}")
    module, _, attribute = DETECTORS[bare].partition(":")
    return getattr(importlib.import_module(module), attribute)


def open_detector(name: str, **options: Any) -> Detector:
    """Make the detector.

    Raises:
        InputError: no such detector or option of it, or its model cannot be had.
        MissingExtra: its library is not installed.
    """
    kind = detector_class(name)
    bare, colon, target = name.partition(":")
    known = list(inspect.signature(kind).parameters)
    if colon:
        if _TARGET not in known:
            raise InputError(f"{bare} takes nothing behind a colon", next_step=f"name it {bare}")
        options = {_TARGET: target} | options
    for option in options:
        if option not in known:
            raise InputError(f"{bare} has no option {option}", next_step=f"its options: {', '.join(known)}")
    detector: Detector = kind(**options)
    return detector
