"""What `hint-eval` leaves on disk: results.json, per_hand.parquet, per_joint.csv, report.html and paper tables."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.flows.report.paper import eval_regression_csv, latex_table, markdown_table
from hint_toolkit.flows.score import Scored, per_hand_table
from hint_toolkit.io.atomic import write_json, write_text
from hint_toolkit.io.parquet import write_table

RESULTS_FILE, HANDS_FILE, JOINTS_FILE, REPORT_FILE = "results.json", "per_hand.parquet", "per_joint.csv", "report.html"
PAPER_FILES = {"table.md": markdown_table, "table.tex": latex_table, "eval_regression.csv": eval_regression_csv}
_NEXT = "run: hint-eval --pred FILE --out FOLDER"


def write_results(
    scored: Scored, out: Path, image_root: Path | None, *, report: bool = True, worst: int = 24
) -> dict[str, Path]:
    """Write all result files; the same input gives the same bytes.

    Args:
        scored: from `score`.
        out: folder, made when absent; earlier results in it are replaced.
        image_root: folder that the hands' pictures are relative to; None leaves the pictures out of the report.
        report: whether to write report.html.
        worst: how many of the worst hands the report shows.

    Returns:
        the path of each file, keyed by what it is.

    Raises:
        MissingExtra: a report is wanted and matplotlib or OpenCV is not installed; the other files are written first.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = per_hand_table(scored)
    # Relative to the results, so that both can be moved together and no place of a disk is written down.
    where = None if image_root is None else Path(os.path.relpath(image_root, out)).as_posix()
    results = scored.results | {"image_root": where}
    facts = {"method": results["method"], "normaliser": results["normaliser"]}
    # Coordinates hardly compress; lz4 is as small here as zstd, in two thirds of the time.
    write_table(out / HANDS_FILE, table, facts, compression="lz4")
    write_text(out / JOINTS_FILE, _per_joint_csv(results["per_joint"]))
    write_json(out / RESULTS_FILE, results)
    for name, make in PAPER_FILES.items():
        write_text(out / name, make(results))
    names = {"results": RESULTS_FILE, "hands": HANDS_FILE, "joints": JOINTS_FILE}
    if report:
        from hint_toolkit.flows.report.html import write_report  # templates and figures: only for those who want them

        names |= {"report": REPORT_FILE}
        write_report(results, table, out / REPORT_FILE, image_root, worst=worst)
    return {what: out / name for what, name in names.items()}


def _per_joint_csv(rows: list[dict[str, Any]]) -> str:
    """Columns source, subset, joint, threshold, value, scored; an empty value where no hand counts."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["source", "subset", "joint", "threshold", "value", "scored"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def image_root_of(folder: Path) -> Path:
    """Where the pictures of a results folder are.

    Raises:
        InputError: as `read_results`, or the results were written without pictures.
    """
    where = read_results(folder).get("image_root")
    if not where:
        next_step = "score against a release with jpgs"
        raise InputError("was written without pictures", where=str(folder), next_step=next_step)
    return (folder / str(where)).resolve()


def read_results(folder: Path) -> dict[str, Any]:
    """The results.json of a folder that `write_results` wrote.

    Raises:
        InputError: no such file, or not ours.
    """
    path = folder / RESULTS_FILE if folder.is_dir() else folder
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", where=str(path), why=str(error), next_step=_NEXT) from error
    if not isinstance(value, dict) or value.get("schema") != "hint-results/1":
        raise InputError("is not a results file of this toolkit", where=str(path), next_step=_NEXT)
    return value
