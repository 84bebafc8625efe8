"""`hint-eval rosetta`, `normaliser` and `pose3d`: other rules, the size they divide by, and 3D hands."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, progress, table
from hint_toolkit.cli._predict_pose3d import pose3d_predict
from hint_toolkit.joints import TO_HINT
from hint_toolkit.protocol import POSE3D_PROTOCOLS, SUBSETS


def add_protocol_commands(group: click.Group) -> None:
    """Put the commands into a group."""
    for command in (rosetta, normaliser, pose3d, pose3d_predict):
        group.add_command(command)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"


def _number(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


@click.command()
@click.option("--pred", type=PATH, required=True, help="Predictions, any format that `hint-eval` reads.")
@truth_option
@click.option(
    "--threshold", type=click.FloatRange(0, 10, min_open=True), default=0.05, show_default=True, help="Of PCK."
)
@click.option("--subset", type=click.Choice(SUBSETS), default="all", show_default=True, help="Which joints count.")
@click.option("--ignore-unknown", is_flag=True, help="Score even if some predictions fit no hand of the truth.")
@output_options
def rosetta(
    pred: Path, gt: Path | None, threshold: float, subset: Any, ignore_unknown: bool, as_json: bool, quiet: bool
) -> int:
    """Score one file under all 2D rules and say where each number comes from.

    \b
    Example:
      hint-eval rosetta --pred preds.json --gt HInt_annotation
    """
    from hint_toolkit.flows.rosetta import rosetta as compare_rules
    from hint_toolkit.io.predictions import read_predictions
    from hint_toolkit.io.release import read_truth

    truth = read_truth(truth_path(gt, quiet))
    result = compare_rules(
        truth, read_predictions(pred), threshold=threshold, subset=subset, ignore_unknown=ignore_unknown
    )
    emit(result, _rosetta_text(result), as_json)
    return 0


def _rosetta_text(result: dict[str, Any]) -> str:
    lines = result["lines"]
    header = ["", "rule", "normaliser", *result["sources"], "joints"]
    rows = [
        [f"{k}.", line["rule"], line["normaliser"], *(_share(v) for v in line["values"].values()), line["joints"]]
        for k, line in enumerate(lines, 1)
    ]
    counts = result["counts"]
    head = f"{result['method']}: {result['measure']} in %, {counts['found']} of {counts['hands']} hands predicted"
    why = [f"{k}. {line['why']}" for k, line in enumerate(lines, 1)]
    skipped = [f"not scored: {text}" for text in result["skipped"]]
    return "\n".join([head, "", table(header, rows), "", *why, *skipped])


@click.command()
@truth_option
@click.option("--npz", type=PATH, default=None, help="HaMeR's evaluation npz, a file or their folder.")
@output_options
def normaliser(gt: Path | None, npz: Path | None, as_json: bool, quiet: bool) -> int:
    """Find out which size the npz of HaMeR's evaluation hold, from HInt's own json.

    Without --npz only the growth of the boxes to 3:4 is checked, which can speak for or against one candidate.

    \b
    Example:
      hint-eval normaliser --gt HInt_annotation --npz hamer_evaluation_data
    """
    from hint_toolkit.flows.normaliser import compare_normalisers
    from hint_toolkit.io.release import read_truth

    result = compare_normalisers(read_truth(truth_path(gt, quiet)), None if npz is None else read_truth(npz))
    emit(result, _normaliser_text(result), as_json)
    return 0


def _normaliser_text(result: dict[str, Any]) -> str:
    growth = [
        [r["source"], r["hands"], _number(r["mean"], 4), _number(r["wanted"], 3) if r["wanted"] else "-"]
        for r in result["growth"]
    ]
    parts = [
        "mean growth g = max(h, 4w/3) / max(w, h) of the annotated boxes",
        table(["source", "hands", "g", "g if bbox-max"], growth),
    ]
    if result["candidates"]:
        rows = [
            [
                r["source"] or "(all)",
                r["candidate"],
                r["hands"],
                _number(r["median"], 4),
                _number(r["spread"], 4),
                _share(r["within_1"]),
                _share(r["within_1_of_median"]),
            ]
            for r in result["candidates"]
        ]
        head = ["source", "candidate", "hands", "median", "spread", "% near 1", "% near median"]
        centers = [
            [r["source"] or "(all)", r["candidate"], r["hands"], _number(r["median"], 4), _share(r["within_1"])]
            for r in result["centers"]
        ]
        c = result["counts"]
        parts += [
            f"scale / candidate, {c['matched']} hands (json only {c['json_only']}, npz only {c['npz_only']}); "
            "spread is the 5 to 95 % range over the median, near is within 1 %",
            table(head, rows),
            "distance from center to the middle of each box, in units of scale",
            table(["source", "box", "hands", "median", "% below 0.01"], centers),
        ]
    return "\n\n".join([*parts, f"verdict: {result['verdict']}"])


@click.command()
@click.option("--protocol", type=click.Choice(list(POSE3D_PROTOCOLS)), required=True, help="Whose rules.")
@click.option("--pred", type=PATH, required=True, help="Predictions: [xyz, verts], by position.")
@click.option("--gt", type=PATH, required=True, help="Folder with evaluation_xyz.json and evaluation_verts.json.")
@click.option("--unit", type=click.Choice(["m", "cm", "mm"]), default="m", show_default=True, help="Of --pred.")
@click.option(
    "--joint-order", type=click.Choice(list(TO_HINT)), default=None, help="Of --pred.  [default: --protocol's]"
)
@click.option(
    "--axes", type=click.Choice(["opencv", "opengl"]), default=None, help="Of --pred.  [default: --protocol's]"
)
@click.option("--out", type=PATH, default=None, help="Also write the JSON, with the PCK curves, to this file.")
@output_options
def pose3d(
    protocol: str,
    pred: Path,
    gt: Path,
    unit: str,
    joint_order: str | None,
    axes: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Score 3D joints and vertices as FreiHAND's or HO-3D's server did.

    \b
    Example:
      hint-eval pose3d --protocol ho3d-v2 --pred pred.json --gt HO3D_v2
    """
    from hint_toolkit.flows.pose3d import as_protocol, score_pose3d
    from hint_toolkit.io.atomic import write_json
    from hint_toolkit.io.pose3d import read_hands3d, read_truth3d

    rules = POSE3D_PROTOCOLS[protocol]
    truth = read_truth3d(gt)
    predicted = as_protocol(read_hands3d(pred), rules, unit=unit, joint_order=joint_order, axes=axes)
    with progress("pose3d", "images", quiet) as bar:
        result = score_pose3d(truth, predicted, rules, progress=bar)
    if out is not None:
        write_json(out, result)
        log(f"written: {out}")
    emit(result, _pose3d_text(result), as_json)
    return 0


def _pose3d_text(result: dict[str, Any]) -> str:
    errors = [r for r in result["rows"] if "cm" in r]
    shares = [r for r in result["rows"] if "cm" not in r]
    rows = [
        [r["measure"], r["alignment"], _number(r["cm"], 2), _number(r["mm"], 2), _number(r["auc"], 3)] for r in errors
    ]
    f_rows = [[f"{r['measure']} mm", r["alignment"], _number(r["value"], 3)] for r in shares]
    parts = [
        f"{result['protocol']}, {result['images']} images ({result['protocol_source']})",
        table(["measure", "alignment", "cm", "mm", "AUC 0..50 mm"], rows),
        table(["measure", "alignment", "value"], f_rows),
        "\n".join(f"{name}: {text}" for name, text in result["alignments"].items()),
        "\n".join(f"note: {note}" for note in result["notes"]),
    ]
    return "\n\n".join(part for part in parts if part)
