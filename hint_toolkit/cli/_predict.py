"""`hint-eval predict`: a model's predictions for a dataset, for pictures or for a video (docs/predict.md)."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hint_toolkit.cli._options import PATH, output_options, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, progress
from hint_toolkit.cli._predict_video import predict_clip, video_options, video_word

_MODEL_OPTIONS = ("predictions", "joint_order", "mano", "crop", "batch", "device", "precision")
_option = click.option


@click.command()
@_option("--model", required=True, help="mediapipe, vitpose, rtmpose, hamer, replay, ..: see docs/predict.md.")
@truth_option
@_option("--images", multiple=True, metavar="WHERE", help="A folder of pictures, files, or a pattern; repeatable.")
@_option("--out", type=PATH, default=Path("preds.json"), show_default=True, help="A .json or .parquet file.")
@_option(
    "--boxes", metavar="gt|detector|FILE", help="Where hands are.  [default: gt; pictures: detector; video: the model]"
)
@_option("--box-detector", metavar="NAME", help="For --boxes detector.  [default: mediapipe]")
@_option("--enlarge", type=click.FloatRange(0, 100, min_open=True), default=1.0, show_default=True, help="Grow boxes.")
@_option(
    "--way", type=click.Choice(["box", "crop"]), default="box", show_default=True, help="From the box, or in a crop."
)
@_option(
    "--with", "with_", multiple=True, type=click.Choice(["3d", "vertices", "mano"]), help="The hand in space, too."
)
@_option("--meshes", type=PATH, metavar="FOLDER", help="One mesh a hand.")
@_option("--mesh-format", type=click.Choice(["obj", "ply"]), default="obj", show_default=True)
@_option("--overlay", type=PATH, metavar="FOLDER", help="Pictures with their hands, and a sheet; of --video an mp4.")
@_option("--limit", type=click.IntRange(1), help="The first so many hands; with --images: pictures.")
@_option("--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes beside this one.")
@_option("--weights", type=PATH, help="The model's file.  [default: found or fetched]")
@_option("--mano", type=PATH, help="MANO_RIGHT.pkl, for hamer.  [default: found]")
@_option(
    "--crop",
    type=click.Choice(["hint", "demo", "stored"]),
    help="How hamer's crop is made of the box.  [default: hint]",
)
@_option("--batch", type=click.IntRange(1), help="Hands at a time.")
@_option("--device", help="auto, cpu, cuda, ..  [default: auto]")
@_option("--precision", type=click.Choice(["float32", "bf16", "fp16"]), help="[default: float32]")
@_option("--compile", "compiled", is_flag=True, help="Compile the network first: slow to start, faster after.")
@_option("--predictions", type=PATH, help="For replay: the file to read.")
@_option("--joint-order", help="For replay: the order of its joints.")
@_option("--option", "more", multiple=True, metavar="NAME=VALUE", help="Any other option of the model; repeatable.")
@_option("--box-option", "box_more", multiple=True, metavar="NAME=VALUE", help="An option of the box detector.")
@video_options
@output_options
@click.argument("pictures", nargs=-1)
@click.pass_context
def predict(context: click.Context, /, as_json: bool, quiet: bool, **given: Any) -> int:
    """Run a model on a dataset, on pictures or on a video and write its predictions.

    A killed run goes on where it was when the same command is given again. PICTURES are further files for --images,
    as a shell's *.jpg gives them.

    \b
    Example:
      hint-eval predict --model mediapipe --gt hint/releases/v1 --out preds.json
      hint-eval predict --model hamer --images photos --with 3d --meshes meshes --out preds.parquet
      hint-eval predict --model mediapipe --video clip.mp4 --overlay seen.mp4 --out preds.json
    """
    from hint_toolkit.flows.predict_file import predict_dataset, predict_images
    from hint_toolkit.io.release import read_truth

    images = [*given["images"], *(given["pictures"] if given["images"] else ())]
    _refuse(context, bool(images), given)
    options = _options(given, bool(images))
    if given["video"]:
        return predict_clip(options, given, as_json, quiet)
    no_boxes = quiet or options.boxes != "detector"
    with progress("boxes", "pictures", no_boxes) as box_bar, progress("predict", "hands", quiet) as bar:
        bars = {"progress": bar, "box_progress": box_bar}
        if images:
            report = predict_images(images, given["out"], options, **bars)
        else:
            report = predict_dataset(read_truth(truth_path(given["gt"], quiet)), given["out"], options, **bars)
    emit(vars(report), _text(report, options), as_json)
    return _end(report, bool(images))


def _refuse(context: click.Context, images: bool, given: dict[str, Any]) -> None:
    """Words that contradict each other."""
    if given["video"] and (images or context.get_parameter_source("gt") == ParameterSource.COMMANDLINE):
        raise click.UsageError("--video, --gt and --images are different inputs; give one", context)
    if not given["video"] and (word := video_word(given)):
        raise click.UsageError(f"{word} is for --video only", context)
    if images and context.get_parameter_source("gt") == ParameterSource.COMMANDLINE:
        raise click.UsageError("--gt and --images are two different inputs; give one", context)
    if given["pictures"] and not images:
        raise click.UsageError(f"{given['pictures'][0]}: pictures are named with --images", context)


def _options(given: dict[str, Any], images: bool) -> Any:
    """The library's options from the command's."""
    from hint_toolkit.flows.predict_file import PredictOptions
    from hint_toolkit.flows.predict_run import Meshes
    from hint_toolkit.flows.predict_words import options_of_words
    from hint_toolkit.flows.prelabel_crew import Recipe

    model = {name: given[name] for name in _MODEL_OPTIONS if given[name] is not None}
    model |= {"model": given["weights"]} if given["weights"] else {}
    model |= {"compiled": True} if given["compiled"] else {}
    box_detector = given["box_detector"] or "mediapipe"
    return PredictOptions(
        model=Recipe(given["model"], model | options_of_words(given["model"], given["more"])),
        boxes=given["boxes"] or ("detector" if images or given["box_detector"] else "gt"),
        box_detector=Recipe(box_detector, options_of_words(box_detector, given["box_more"])),
        enlarge=given["enlarge"],
        way=given["way"],
        with_=given["with_"],
        meshes=Meshes(given["meshes"], given["mesh_format"]) if given["meshes"] else None,
        overlay=given["overlay"],
        limit=given["limit"],
        workers=given["workers"],
    )


def _text(report: Any, options: Any) -> str:
    parts = [f"{report.found} of {report.hands} hands found by {report.method}, written to {report.out}"]
    if report.resumed:
        parts.append(f"{report.resumed} hands were there from a run that was killed")
    if report.box_detector:
        asked = f"{report.box_calls} calls" if report.box_calls else "not asked"
        parts.append(f"boxes by {report.box_detector}: {asked}, {report.box_known} pictures known from earlier")
    parts += [f"meshes in {options.meshes.folder}"] if options.meshes else []
    parts += [f"pictures with their hands in {options.overlay}"] if options.overlay else []
    return "\n".join(parts)


def _end(report: Any, images: bool) -> int:
    """One line on stderr for everything that somebody may miss; 3 if there is no hand at all."""
    from hint_toolkit.errors import shorten

    if report.others:
        log(f"hint-eval: {report.out}.parts holds parts of a run with other inputs or options; they were not used")
    if report.unknown:
        log(f"hint-eval: {len(report.unknown)} pictures of the box file are not here: {shorten(report.unknown, 2)}")
    if not report.box_kept:
        log("hint-eval: another process keeps boxes just now; those of this run were not kept")
    if report.unboxed:
        log(f"hint-eval: {report.unboxed} of {report.hands} hands have no box; they are in the file without points")
    if report.empty:
        log(f"hint-eval: no hand in {len(report.empty)} of {report.pictures} pictures: {shorten(report.empty)}")
    return 3 if images and not report.hands else 0


def add_predict_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(predict)
