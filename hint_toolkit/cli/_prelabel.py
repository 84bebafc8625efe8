"""`hint-build prelabel`: a detector over the sampled frames."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, workspace_option
from hint_toolkit.cli._output import emit, log, progress

_FORMATS = ("auto", "hands23", "visor", "coco", "csv", "gt")


@click.command()
@click.option("--detector", default="mediapipe", show_default=True, help="Which detector (docs/prelabel.md).")
@click.option("--model", type=PATH, default=None, help="The detector's model file.  [default: found or fetched]")
@click.option("--predictions", type=PATH, default=None, help="For --detector replay: the file to replay.")
@click.option("--joint-order", default=None, help="Of a 21-point vitpose checkpoint, or a replayed file.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=None, help="Of mediapipe without boxes.")
@click.option(
    "--boxes",
    type=PATH,
    default=None,
    help="Where hands are known to be; frames without a box are looked at as a whole.",
)
@click.option("--boxes-format", type=click.Choice(_FORMATS), default="auto", show_default=True)
@click.option("--carry", is_flag=True, help="Look again where the frame before had hands.")
@click.option("--occlusion/--no-occlusion", default=True, help="Set occlusion flags beforehand.  [default: yes]")
@click.option(
    "--occlusion-head",
    type=PATH,
    default=None,
    help="From hint-build occlusion train.  [default: the package's; it has seen synthetic hands only]",
)
@click.option(
    "--review-below", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="Presence that wants a look."
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@workspace_option
@output_options
def prelabel(
    detector: str, model: Path | None, predictions: Path | None, joint_order: str | None,
    min_confidence: float | None, boxes: Path | None, boxes_format: str, carry: bool, occlusion: bool,
    occlusion_head: Path | None, review_below: float, workers: int, workspace: Path, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Run a hand detector over the sampled frames; what it said before is not asked again.

    \b
    Example:
      hint-build prelabel --detector mediapipe --boxes hands23/result.json --workers 4
    """
    from dataclasses import asdict

    from hint_toolkit.flows.prelabel import prelabel as run_prelabel
    from hint_toolkit.flows.prelabel_crew import Recipe
    from hint_toolkit.io.boxes import read_boxes
    from hint_toolkit.models.occlusion.suggest import Suggester
    from hint_toolkit.prelabel.registry import opened
    from hint_toolkit.workspace import Workspace

    given = {"model": model, "predictions": predictions, "joint_order": joint_order, "min_confidence": min_confidence}
    options = {name: value for name, value in given.items() if value is not None}
    known = read_boxes(boxes, boxes_format) if boxes else None
    if occlusion_head and not occlusion:
        raise click.UsageError("--occlusion-head and --no-occlusion contradict each other")
    head = Suggester.load(occlusion_head) if occlusion else None
    with opened(detector, **options) as opened_detector, progress("prelabel", "frames", quiet) as bar:
        report = run_prelabel(
            Workspace(workspace), opened_detector, boxes=known, carry=carry, suggester=head,
            review_below=review_below, workers=workers, recipe=Recipe(detector, options), progress=bar,
        )  # fmt: skip
    emit(asdict(report), _text(report, boxes is not None, head), as_json)
    if unmatched := getattr(opened_detector, "missing", 0):
        log(f"hint-build: {unmatched} boxes have an id that {predictions} does not know")
    if report.unknown:
        log(f"hint-build: {len(report.unknown)} pictures of {boxes} are no frame here, e.g. {report.unknown[0]}")
    if not report.hands:
        log("hint-build: no hand was found in any frame; push makes empty tasks, in which people can mark hands")
        return 3
    return 0


def _text(report: Any, boxes: bool, head: Any) -> str:
    """What was found, what was known, and what people should look at."""
    parts = [
        f"{report.hands} hands in {report.frames} frames by {report.detector}; {report.empty} frames without a hand"
    ]
    if boxes:
        parts.append(
            f"{report.boxes} boxes of hands, in {report.missed} of which nothing was seen: tasks without points"
        )
    if report.carried:
        parts.append(f"{report.carried} hands were found where the frame before had them")
    if report.unasked:
        parts.append(f"{report.unasked} frames have no box and were not looked at: this detector reads boxes only")
    if report.review:
        parts.append(f"{report.review} hands need a look: presence below {report.review_below:g}")
    if report.sides:
        parts.append(f"{report.sides} hands have another side than their box says")
    if head is not None and not head.head.saves:
        parts.append("no occlusion flag was set: by its own file, this head would cost more keys than it saves")
    elif head is not None:
        marked = f"{report.suggested} joints are marked occluded beforehand, for people to confirm or take back"
        parts.append(f"{marked} ({head.name}; --no-occlusion leaves them out)")
    return "\n".join([*parts, f"{report.calls} detector calls, {report.cached} answers known from earlier"])


def add_prelabel_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(prelabel)
