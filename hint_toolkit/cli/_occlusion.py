"""`hint-build occlusion`: train and measure the head that suggests occlusion flags."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, progress, table


@click.group()
def occlusion() -> None:
    """Suggest which joints are hidden: render scenes, train a head, measure it.

    \b
    Example:
      hint-build occlusion evaluate --gt HInt_annotation --prelabels mediapipe.json
    """


@occlusion.command()
@click.option("--out", type=PATH, required=True, help="Folder of the dataset.")
@click.option("--scenes", "count", type=click.IntRange(1), default=1000, show_default=True, help="How many.")
@seed_option
@output_options
def scenes(out: Path, count: int, seed: int, as_json: bool, quiet: bool) -> int:
    """Render synthetic hands with exact occlusion; about 0.1 s a scene. A killed run goes on where it was.

    \b
    Example:
      hint-build occlusion scenes --out scenes --scenes 1000 --seed 1
    """
    from hint_toolkit.flows.occlusion_scenes import render_scenes

    with progress("render", "scenes", quiet) as bar:
        render_scenes(out, count, seed, progress=bar)
    emit({"out": str(out), "scenes": count}, f"{count} scenes: {out}", as_json)
    return 0


@occlusion.command()
@click.option("--out", type=PATH, required=True, help="Head to write (npz).")
@click.option("--gt", type=PATH, multiple=True, help="Labelled dataset with pictures, e.g. HInt; may be repeated.")
@click.option("--prelabels", type=PATH, multiple=True, help="A detector's answers for these hands; may be repeated.")
@click.option("--scenes", "count", type=click.IntRange(0), default=None, help="[default: 1000 without --gt, else 0]")
@click.option("--detector", default="", help="Whose points to learn from on the scenes.  [default: simulated ones]")
@click.option("--epochs", type=click.IntRange(1), default=40, show_default=True, help="At most so many.")
@seed_option
@output_options
def train(
    out: Path,
    gt: tuple[Path, ...],
    prelabels: tuple[Path, ...],
    count: int | None,
    detector: str,
    epochs: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train a head on labelled hands and on synthetic scenes, which are kept beside it.

    \b
    Example:
      hint-build occlusion train --out head.npz --gt HInt_annotation --scenes 1000
    """
    from hint_toolkit.flows.train_occlusion import train_with_scenes

    number = (0 if gt else 1000) if count is None else count
    with progress("render", "scenes", quiet) as rendered, progress("train", "epochs", quiet) as learned:
        report = train_with_scenes(
            out, gt, prelabels, scenes=number, detector=detector, seed=seed, epochs=epochs,
            rendered=rendered, learned=learned,
        )  # fmt: skip
    emit(report.to_dict(), report.text(), as_json)
    if not report.saves:
        log("hint-build: on held-out hands these suggestions save no key presses; none will be set beforehand")
    return 0


@occlusion.command()
@truth_option
@click.option("--head", type=PATH, default=None, help="Head of train.  [default: the package's, synthetic hands only]")
@click.option("--prelabels", type=PATH, multiple=True, help="A detector's answers for these hands; may be repeated.")
@click.option("--split", type=click.Choice(["TRAIN", "VAL", "TEST"]), default=None, help="Only its hands.")
@seed_option
@output_options
def evaluate(
    gt: Path | None,
    head: Path | None,
    prelabels: tuple[Path, ...],
    split: str | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Precision, recall, F1, AP and calibration of suggested flags, and the key presses that they save.

    \b
    Example:
      hint-build occlusion evaluate --gt HInt_annotation --prelabels mediapipe.json --split VAL
    """
    from hint_toolkit.flows.evaluate_occlusion import evaluate as measure
    from hint_toolkit.models.occlusion.weights import read_head

    with progress("read", "hands", quiet) as bar:
        report = measure(truth_path(gt, quiet), read_head(head), prelabels, split=split, seed=seed, progress=bar)
    emit(report.to_dict(), _text(report), as_json)
    return 0


def _text(report: Any) -> str:
    header = ["method", "precision", "recall", "F1", "AP", "ECE", "keys saved a hand", "95 % by clip"]
    rows = []
    for row in report.rows:
        numbers = (row.precision, row.recall, row.f1, row.average_precision, row.ece)
        saved, low, high = row.saved
        ends = "n/a" if low is None else f"{low:+.2f} to {high:+.2f}"
        rows.append([row.method, *("n/a" if n is None else f"{n:.3f}" for n in numbers), f"{saved:+.2f}", ends])
    source = {"detector": "a detector's points", "simulated": "true points, moved as a detector moves them"}
    text = f"{report.hands} hands, {report.joints} joints, {report.occluded} occluded; {source[report.points]}"
    text += f"; threshold {report.threshold:.2f}; further signs: {', '.join(report.signs) or 'none'}"
    text += f"; {report.missed} hands that the detector did not find are left out" if report.missed else ""
    return f"{table(header, rows)}\n\n{text}"


def add_occlusion_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(occlusion)
