"""What the options of a push mean: an order of work, hands of known truth, a place for pictures."""

import csv
from collections.abc import Collection
from pathlib import Path

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.release import read_truth
from hint_toolkit.labelstudio.pictures import LocalPictures, Pictures, S3Pictures, UploadedPictures
from hint_toolkit.workspace import Workspace


def read_order(path: Path) -> list[str]:
    """Hand ids in the order of work.

    Args:
        path: CSV with the columns `hint_id` and `rank`, as `hint-build next --out` writes it; others are ignored.

    Raises:
        InputError: no such file, a column is missing, a rank is no number, or a hand stands there twice.
    """
    step = "make one with: hint-build next --out order.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            missing = {"hint_id", "rank"} - set(reader.fieldnames or [])
            rows = list(reader) if not missing else []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError("cannot be read", where=str(path), why=why, next_step=step) from error
    if missing:
        raise InputError(f"has no column {' and '.join(sorted(missing))}", where=str(path), next_step=step)
    ranks: dict[str, float] = {}
    for k, row in enumerate(rows, 2):
        name = str(row["hint_id"] or "")
        if not name or name in ranks:
            what = "stands there twice" if name else "has no hint_id"
            raise InputError(what, where=f"{path} > {name or f'line {k}'}")
        try:
            ranks[name] = float(row["rank"])
        except (TypeError, ValueError) as error:
            raise InputError(f"rank must be a number, got {row['rank']!r}", where=f"{path} > {name}") from error
    return sorted(ranks, key=lambda name: (ranks[name], name))


def gold_ids(path: Path, hand_ids: Collection[str]) -> frozenset[str]:
    """The hands of a workspace whose truth is in a file. Nothing but their ids is taken from it.

    Args:
        path: of any truth that the toolkit reads, with the workspace's hand ids.
        hand_ids: of the pre-labels.

    Raises:
        InputError: unreadable, or none of the hands is in it.
    """
    known = [str(hand_id) for hand_id in read_truth(path).hands.id]
    found = frozenset(known) & frozenset(hand_ids)
    if not found:
        why = f"it has {shorten(known[:3])}, the workspace {shorten(sorted(hand_ids)[:3])}"
        raise InputError("has the truth of none of these hands", where=str(path), why=why)
    return found


def pictures_of(kind: str, workspace: Workspace, *, s3: str = "", server_folder: str = "") -> Pictures:
    """The place for pictures that a user asked for.

    Args:
        kind: one of `labelstudio.pictures.KINDS`.
        workspace: whose `tasks_folder` holds the files.
        s3: "s3://bucket/prefix", for the kind "s3".
        server_folder: the tasks folder as the server sees it, for "local" on another machine.

    Raises:
        InputError: a kind without its place, or a place without its kind.
    """
    if bool(s3) != (kind == "s3"):
        raise InputError("--pictures s3 and --s3 go together", next_step="pass both, e.g. --s3 s3://bucket/prefix")
    if server_folder and kind != "local":
        raise InputError("--server-folder is for --pictures local")
    if kind == "upload":
        return UploadedPictures()
    if kind == "s3":
        return S3Pictures(s3)
    return LocalPictures(workspace.tasks_folder, workspace.served_folder, server_folder)
