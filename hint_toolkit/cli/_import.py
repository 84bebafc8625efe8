"""`hint-eval import`: what somebody's program wrote, as preds.json of a dataset."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, progress
from hint_toolkit.joints import TO_HINT

_KINDS = ("auto", "mmpose", "fitted", "meshes", "positions")


def add_import_commands(group: click.Group) -> None:
    """Register `import`."""
    group.add_command(import_)


@click.command("import")
@click.option("--pred", type=PATH, required=True, help="A file, or a folder with a file a picture or a hand.")
@truth_option
@click.option("--out", type=PATH, default=Path("preds.json"), show_default=True, help="preds.json or .parquet.")
@click.option("--format", "kind", type=click.Choice(_KINDS), default="auto", show_default=True, help="What it is.")
@click.option("--method", default="", help="Name that is printed with every number.  [default: the format]")
@click.option("--complete", is_flag=True, help="Their program saw every picture; hands without an answer: not found.")
@click.option("--any-side", is_flag=True, help="Take a hand that they call the other side where no other is left.")
@click.option("--min-iou", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Of the two boxes.")
@click.option("--min-score", type=float, default=0.0, help="Four joints of a hand must score higher.  [default: all]")
@click.option("--joint-order", type=click.Choice(list(TO_HINT)), help="Of dumps and 3D.  [default: hint]")
@click.option("--mano", type=PATH, help="MANO_RIGHT.pkl, for meshes.  [default: as hint-build weights finds it]")
@click.option("--cameras", type=PATH, help="evaluation_K.json, for 3D by position.")
@click.option("--names", type=PATH, help="Pictures of 3D by position, one a line.  [default: 00000000, 00000001, ..]")
@click.option("--axes", type=click.Choice(["opencv", "opengl"]), default="opencv", show_default=True, help="Likewise.")
@output_options
def import_(
    pred: Path, gt: Path | None, out: Path, kind: str, method: str, complete: bool, any_side: bool, min_iou: float,
    min_score: float, joint_order: str | None, mano: Path | None, cameras: Path | None, names: Path | None, axes: str,
    as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Make preds.json of what mmpose, HaMeR, WiLoR or their like wrote.

    Their hands have no ids: each gets that of the dataset's hand in the same picture, of the same side, whose box it
    overlaps most. Exits with 3 when hands are left without a record.

    \b
    Example:
      hint-eval import --pred out_demo --gt hint/releases/v1 --out preds.json --complete
    """
    from dataclasses import asdict

    from hint_toolkit.flows.foreign import give_ids, mano_of
    from hint_toolkit.io.foreign_files import Reading, read_foreign
    from hint_toolkit.io.predictions import write_predictions
    from hint_toolkit.io.release import read_truth

    truth = read_truth(truth_path(gt, quiet))
    theirs = read_foreign(pred, Reading(mano_of(mano), joint_order, cameras, names, axes), kind)
    with progress("import", "hands", quiet) as bar:
        predictions, report = give_ids(
            truth, theirs, method=method, min_iou=min_iou, any_side=any_side, min_score=min_score, complete=complete,
            progress=bar,
        )  # fmt: skip
    write_predictions(out, predictions)
    emit(asdict(report) | {"out": str(out)}, f"{_text(report)}\nwritten to {out}", as_json)
    if report.unseen:
        log(_unseen(report))
    return 3 if report.unseen else 0


def _text(report: Any) -> str:
    """How many found their hand, and everything that did not."""
    from hint_toolkit.errors import shorten

    told = [f"{report.matched} of {report.hands} hands have one of theirs ({report.theirs} in {report.format})"]
    ids = {
        "not found by their program": report.not_found,
        "with a second hand of theirs that fits nearly as well; the better one was taken": report.twice,
        "where theirs is of the other side and was left (--any-side takes it)": report.other_side,
    }
    told += [f"{len(found)} hands {what}: {shorten(found)}" for what, found in ids.items() if found]
    if report.surplus:
        told.append(f"{report.surplus} of their hands are none of the dataset's")
    if report.unsure:
        told.append(f"{report.unsure} of their hands were left out: too few joints above --min-score")
    if report.unknown:
        told.append(f"{len(report.unknown)} of their pictures are not in the dataset: {shorten(report.unknown)}")
    if report.ambiguous:
        told.append(f"{len(report.ambiguous)} of their pictures fit several of its own: {shorten(report.ambiguous)}")
    return "\n".join(told)


def _unseen(report: Any) -> str:
    from hint_toolkit.errors import shorten

    step = "if their program looked at those pictures and found nothing, add --complete"
    return f"hint-eval: {len(report.unseen)} hands have no record: {shorten(report.unseen)}; {step}"
