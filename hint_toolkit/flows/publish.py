"""A dataset -> a release folder: every format, its descriptions and its manifest, complete or not there at all.

All is built in a hidden folder beside the final name and moved there in one rename. A killed run leaves that
folder, the next one begins it anew and ends with the same bytes; a file is never seen under its final name before
the whole release is.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.registry import DOCUMENTS, open_document, open_format
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.release import MANIFEST_FILE

MANY_FILES = 1000
"""Folders with more files than this hold pictures or labels; the manifest lists no single one of them."""


@dataclass(frozen=True)
class Order:
    """What to write.

    Attributes:
        formats: names from `export.registry`.
        options: of the formats.
        facts: further entries of the manifest (version, rules of the export), asked for when all formats are written.
        force: replace a release that holds something else.
    """

    formats: Sequence[str]
    options: ExportOptions
    facts: Callable[[], dict[str, Any]]
    force: bool = False


def publish(dataset: Dataset, target: Path, order: Order) -> dict[str, Any]:
    """Write the release `target`.

    Returns:
        the manifest.

    Raises:
        InputError: no hand, an unknown format, another export at work there, a release of other content without
            `force`, or anything wrong with the hands and their pictures.
    """
    writers = [open_format(name) for name in dict.fromkeys(order.formats)]
    with _building(target) as folder:
        for write in writers:
            write(dataset, folder, order.options)
        if not dataset.summary.hands:
            raise InputError("there is no hand to export", where=str(target))
        manifest = {
            "schema": "hint-release/2",
            "toolkit": __version__,
            "formats": sorted(set(order.formats)),
            **dataset.summary.manifest(),
            **order.facts(),
        }
        _refuse_other(target, manifest, order.force)
        manifest["files"] = data_files(folder)
        for name in DOCUMENTS:
            open_document(name)(dataset, folder, order.options, manifest)
        write_json(folder / MANIFEST_FILE, manifest)
        os.sync()  # once for all files: what the rename shows must have reached the disk
        _put_in_place(folder, target)
    return manifest


@contextmanager
def _building(target: Path) -> Iterator[Path]:
    """An empty folder beside the target that this process holds alone; removed if it was not put in place."""
    folder = target.with_name(f".{target.name}.building")
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError("another export writes there", where=str(target), next_step="wait for it") from error
        _recover(target)
        for torn in folder.iterdir():
            shutil.rmtree(torn) if torn.is_dir() and not torn.is_symlink() else torn.unlink()
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def _recover(target: Path) -> None:
    """Finish or undo the exchange that a killed run was in the middle of."""
    old = target.with_name(f".{target.name}.replaced")
    if old.exists():
        if target.exists():
            shutil.rmtree(old)
        else:
            os.replace(old, target)


def _put_in_place(folder: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.replaced")
    if target.exists():
        os.replace(target, old)
    os.replace(folder, target)
    shutil.rmtree(old, ignore_errors=True)


def _refuse_other(target: Path, manifest: dict[str, Any], force: bool) -> None:
    """Nobody's release, and no folder that is none, is replaced by accident.

    Raises:
        InputError: the target holds something else.
    """
    if force or not target.exists():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    try:
        held = json.loads((target / MANIFEST_FILE).read_text("utf-8"))
        same = {key: value for key, value in held.items() if key != "files"} == manifest
    except (OSError, ValueError, AttributeError):
        same = False
    if not same:
        raise InputError(
            "a release of this name holds something else",
            where=str(target),
            next_step="use another --version or --out, or --force",
        )


def data_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of the files of a release, but for folders with more than `MANY_FILES`."""
    listed = {}
    for here, folders, files in os.walk(folder):
        folders.sort()
        if len(files) > MANY_FILES:
            continue
        for name in sorted(files):
            path = Path(here) / name
            with path.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            listed[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest}
    return dict(sorted(listed.items()))
