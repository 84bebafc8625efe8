"""Lists of what frames look like, by which somebody else's copies of them can be proven without the pictures.

A list is a CSV in UTF-8 with one line a hand, in the order of the stems:

    stem      name of the hand's files without suffix
    width     pixels of the decoded picture
    height    likewise
    sha256    of "<width>x<height>:" and the RGB bytes of the picture as decoded from the clip (`video.picture`)
    likeness  base64 of its likeness (`video.likeness`), or empty

The report of `hint-build restore` (restore.parquet) holds the same columns and is read, too.

A likeness holds a grey thumbnail of 32 x 32: whoever may not pass pictures on passes the list on without it.
"""

import base64
import binascii
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.parquet import read_table

COLUMNS = ("stem", "width", "height", "sha256", "likeness")
LIKENESS_BYTES = 1152
_HASH = 64


@dataclass(frozen=True)
class Fingerprint:
    """What one frame looks like.

    Attributes:
        width, height: pixels.
        sha256: of the decoded pixels.
        likeness: 1152 bytes, or none.
    """

    width: int
    height: int
    sha256: str
    likeness: bytes = b""


def write_fingerprints(path: Path, known: Mapping[str, Fingerprint], *, hashes_only: bool = False) -> None:
    """Write a list at once; the same bytes for the same frames.

    Args:
        path: of the CSV.
        known: by stem.
        hashes_only: leave the likeness out.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for stem in sorted(known):
        one = known[stem]
        likeness = "" if hashes_only else base64.b64encode(one.likeness).decode()
        rows.writerow([stem, one.width, one.height, one.sha256, likeness])
    write_text(path, text.getvalue())


def read_fingerprints(path: Path) -> dict[str, Fingerprint]:
    """A list by stem, from a CSV or from a report.

    Raises:
        InputError: no such file, or not such a list; names the line.
    """
    if not path.is_file():
        raise InputError("no such file", where=str(path), next_step="make one with: hint-build restore fingerprints")
    if path.suffix == ".parquet":
        return _from_report(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return _from_csv(handle, path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("is not a list of fingerprints", where=str(path), why=str(error)) from error


def _from_csv(handle: io.TextIOBase, path: Path) -> dict[str, Fingerprint]:
    rows = csv.DictReader(handle)
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise InputError(f"has no column {', '.join(missing)}", where=str(path), why="a list of fingerprints is wanted")
    known: dict[str, Fingerprint] = {}
    for row in rows:
        try:
            likeness = base64.b64decode(row["likeness"] or "", validate=True)
            one = Fingerprint(int(row["width"]), int(row["height"]), row["sha256"], likeness)
            if len(one.sha256) != _HASH or len(likeness) not in (0, LIKENESS_BYTES):
                raise ValueError("a hash or a likeness has another length")
        except (ValueError, TypeError, binascii.Error) as error:
            raise InputError("is damaged", where=f"{path} > line {rows.line_num}", why=str(error)) from error
        known[row["stem"]] = one
    return known


def _from_report(path: Path) -> dict[str, Fingerprint]:
    table = read_table(path)[0]
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise InputError(f"has no column {', '.join(missing)}", where=str(path), why="a report of restore is wanted")
    rows = table.select(list(COLUMNS)).to_pylist()
    return {r["stem"]: Fingerprint(r["width"], r["height"], r["sha256"], r["likeness"]) for r in rows if r["sha256"]}
