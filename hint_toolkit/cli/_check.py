"""`hint-eval check`: is this file what I think it is?"""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, truth_option
from hint_toolkit.cli._output import emit, log, show_issues, table
from hint_toolkit.joints import TO_HINT


def add_check_commands(group: click.Group) -> None:
    """Register `check`."""
    group.add_command(check)


@click.command()
@click.argument("pred", type=PATH)
@truth_option
@click.option(
    "--joint-order", type=click.Choice(list(TO_HINT)), help="Order of the joints.  [default: as the header says, hint]"
)
@seed_option
@output_options
def check(pred: Path, gt: Path | None, joint_order: str | None, seed: int, as_json: bool, quiet: bool) -> int:
    """Read, match and sniff a predictions file without scoring it.

    Names the format, hands without a record, records without a hand, and mistakes of the whole file: joint order,
    units, mirrored or swapped hands. Changes nothing. Exits with 0 if all is fine, 2 for errors, 3 if hands
    are missing.

    \b
    Example:
      hint-eval check preds.json --gt hint/releases/v1
    """
    from hint_toolkit.flows.check import check as check_predictions
    from hint_toolkit.io.predictions import read_predictions
    from hint_toolkit.io.release import latest_release, read_truth

    predictions = read_predictions(pred, joint_order)
    where = gt or latest_release(Path("hint") / "releases")
    checked = check_predictions(predictions, read_truth(where) if where else None, name=pred.name, seed=seed)
    emit(checked.report, _shown(checked.report), as_json)
    if not quiet:
        show_issues(checked.issues)
        _say_missing(checked.missing)
    return checked.exit_code


def _shown(report: dict[str, Any]) -> str:
    """The report as a table, and each diagnosis with its remedy."""
    truth = report["truth"]
    rows = [[name.replace("_", " "), str(report[name])] for name in ("file", "format", "method", "joint_order")]
    rows.append(["records", f"{report['records']}, {report['found']} with a hand"])
    rows.append(["single points missing", str(report["points_missing"])])
    given = ", ".join(f"{name} {report[f'with_{name}']}" for name in ("score", "visibility", "side"))
    rows.append(["records that give", given])
    if truth is None:
        rows.append(["truth", "none: only what can be seen without one was checked (--gt)"])
    else:
        rows.append(["truth", f"{truth['file']} ({truth['format']}), {truth['hands']} hands"])
        rows.append(["matched", f"{truth['matched']}, without a record {len(truth['missing'])}"])
        rows.append(["unknown ids", str(len(truth["unknown"]))])
    rows.append(["verdict", report["verdict"]])
    lines = [table(["what", "found"], rows)]
    for found in report["diagnoses"]:
        lines += ["", f"likely mistake ({found['cause']}): {found['text']}", f"  to mend it: {found['remedy']}"]
    return "\n".join(lines)


def _say_missing(missing: list[str]) -> None:
    from hint_toolkit.errors import shorten

    if missing:
        step = 'add a record for each, with "keypoints": null where the method found none'
        log(f"{len(missing)} hands have no record and would count as wrong: {shorten(missing)}; {step}")
