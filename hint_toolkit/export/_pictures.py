"""Putting a picture into a release: a hard link where the disk allows it, else a copy."""

import os
import shutil
from pathlib import Path

from hint_toolkit.errors import InputError


def place_picture(source: Path, target: Path) -> None:
    """Make `target` the same picture as `source`; nothing happens when it is there already.

    Two formats of one release hold the same pictures; links keep them from taking the space twice.

    Raises:
        InputError: no such picture.
    """
    if target.exists():
        return
    if not source.is_file():
        raise InputError("the picture is missing", where=str(source), next_step="run: hint-build sample again")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
