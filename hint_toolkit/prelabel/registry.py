"""The detectors by name. A detector's module is imported when it is opened, not before."""

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
    }
)


@contextmanager
def opened(name: str, **options: Any) -> Iterator[Detector]:
    """`open_detector` for a with block; closes it at the end."""
    detector = open_detector(name, **options)
    try:
        yield detector
    finally:
        detector.close()


def open_detector(name: str, **options: Any) -> Detector:
    """Make the detector.

    Raises:
        InputError: no such detector or option of it, or its model cannot be had.
        MissingExtra: its library is not installed.
    """
    if name not in DETECTORS:
        raise InputError(f"no detector {name!r}", next_step=f"choose one of: {', '.join(DETECTORS)}")
    module, _, attribute = DETECTORS[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    known = list(inspect.signature(kind).parameters)
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option {option}", next_step=f"its options: {', '.join(known)}")
    detector: Detector = kind(**options)
    return detector
