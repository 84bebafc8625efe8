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
from hint_toolkit.errors import InputError, shorten
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
    _refuse_foreign(target)
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
        if not order.force:
            _refuse_other(target, manifest)
        manifest["files"] = data_files(folder)
        for name in DOCUMENTS:
            open_document(name)(dataset, folder, order.options, manifest)
        write_json(folder / MANIFEST_FILE, manifest)
        if not order.force:
            _refuse_loss(target, folder)
        os.sync()  # once for all files: what the rename shows must have reached the disk
        _put_in_place(folder, target)
    return manifest


@contextmanager
def _building(target: Path) -> Iterator[Path]:
    """An empty folder beside the target that this process holds alone; removed if it was not put in place."""
    folder = target.with_name(f".{target.name}.building")
    handle = _hold(folder, target)
    try:
        _recover(target)
        for torn in folder.iterdir():
            shutil.rmtree(torn) if torn.is_dir() and not torn.is_symlink() else torn.unlink()
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def _hold(folder: Path, target: Path) -> int:
    """A locked handle of the folder; whoever holds it may write there, and nobody else touches it.

    Raises:
        InputError: another process holds it.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                return handle
        except FileNotFoundError:
            pass  # the other process has just put its folder in place: ours is a new one
        except OSError as error:
            os.close(handle)
            raise InputError("another export writes there", where=str(target), next_step="wait for it") from error
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


def _refuse_foreign(target: Path) -> None:
    """What is no release of this toolkit is never replaced, whatever the user forces.

    Raises:
        InputError: the target is a file, or a folder with something else in it.
    """
    if not target.exists() or (target.is_dir() and (_manifest(target) or not any(target.iterdir()))):
        return
    raise InputError("is there already and is no release", where=str(target), next_step="name another folder")


def _manifest(target: Path) -> dict[str, Any]:
    try:
        held = json.loads((target / MANIFEST_FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) and str(held.get("schema")).startswith("hint-release/") else {}


def _refuse_other(target: Path, manifest: dict[str, Any]) -> None:
    """Without force, only a release of the same hands is replaced.

    Raises:
        InputError: the target holds something else.
    """
    if not target.exists() or not any(target.iterdir()):
        return
    if {key: value for key, value in _manifest(target).items() if key != "files"} != manifest:
        raise InputError(
            "a release of this name holds something else",
            where=str(target),
            next_step="use another --version or --out, or --force",
        )


def _refuse_loss(target: Path, folder: Path) -> None:
    """Without force, no file of the release that is replaced is lost.

    Raises:
        InputError: the target has files that the new release does not have.
    """
    if lost := sorted(_names(target) - _names(folder)):
        raise InputError(
            f"has files that the new release would not have: {shorten(lost)}",
            where=str(target),
            next_step="use another --version or --out, or --force",
        )


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


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
