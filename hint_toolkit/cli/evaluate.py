"""`hint-eval`: score predictions, make a baseline's, look at the failures.

hint-eval --pred preds.json                         the table, results/ and report.html
hint-eval predict --model mediapipe --out preds.json
hint-eval view                                      the worst hands first, in FiftyOne
"""

import sys
from pathlib import Path
from typing import Any, Literal

import click

from hint_toolkit import __version__
from hint_toolkit.cli._check import add_check_commands
from hint_toolkit.cli._compare import add_compare_commands
from hint_toolkit.cli._import import add_import_commands
from hint_toolkit.cli._main import run
from hint_toolkit.cli._options import PATH, output_options, quiet_option, seed_option, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, progress
from hint_toolkit.cli._predict import add_predict_commands
from hint_toolkit.cli._protocols import add_protocol_commands
from hint_toolkit.cli._tracks import add_track_commands
from hint_toolkit.protocol import HAMER_V1, MISSING_RULES, NORMALISERS, PROTOCOLS, MissingRule


class _ScoreByDefault(click.Group):
    """A group whose command "score" need not be named: `hint-eval --pred FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put "score" in front when the call starts with one of its options."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help", "--version"):
            args = ["score", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ScoreByDefault, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hint-eval")
def cli() -> None:
    """Score 2D hand keypoints with occlusion, by the protocol of HInt and HaMeR.

    `hint-eval --pred preds.json` is short for `hint-eval score --pred preds.json`; see
    `hint-eval score --help` for its options.
    """


def _thresholds(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.replace(",", " ").split())
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < number < 10 for number in numbers):
        raise click.BadParameter("wants positive fractions, e.g. 0.05,0.1,0.15")
    return numbers


@cli.command()
@click.option("--pred", type=PATH, required=True, help="Predictions: preds.json (docs/predictions.md).")
@truth_option
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Folder for the result files.")
@click.option(
    "--normaliser",
    type=click.Choice(list(NORMALISERS)),
    default=None,
    help="What a distance is divided by.  [default: npz where the truth has it, else bbox-max]",
)
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), default=HAMER_V1.name, show_default=True)
@click.option("--thresholds", callback=_thresholds, help="Fractions of the normaliser.  [default: 0.05,0.1,0.15]")
@click.option(
    "--measure", "measures", multiple=True, help="Compute these instead, e.g. PCK@0.05[occluded]; repeatable."
)
@click.option(
    "--missing",
    type=click.Choice(list(MISSING_RULES)),
    default=None,
    help="What a joint without prediction is.  [default: miss]",
)
@click.option("--human", type=PATH, default=None, help="File of hint-build agreement: people beside it, sigmas of OKS.")
@click.option("--interval", type=click.Choice(["percentile", "bca"]), default="percentile", show_default=True)
@click.option("--ignore-unknown", is_flag=True, help="Score even if some predictions fit no hand of the truth.")
@click.option("--no-report", is_flag=True, help="Write no report.html (it needs matplotlib and OpenCV).")
@seed_option
@output_options
def score(
    pred: Path,
    gt: Path | None,
    out: Path,
    normaliser: str | None,
    protocol: str,
    thresholds: tuple[float, ...] | None,
    measures: tuple[str, ...],
    missing: MissingRule | None,
    human: Path | None,
    interval: Literal["percentile", "bca"],
    ignore_unknown: bool,
    no_report: bool,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Score a predictions file: PCK of all, visible and occluded joints a source.

    \b
    Example:
      hint-eval --pred preds.json --gt hint/releases/v1
    """
    from hint_toolkit.errors import MissingExtra
    from hint_toolkit.flows.report.tables import score_table
    from hint_toolkit.flows.results import write_results
    from hint_toolkit.flows.score import score as score_predictions
    from hint_toolkit.io.human import read_human
    from hint_toolkit.io.predictions import read_predictions
    from hint_toolkit.io.release import read_truth
    from hint_toolkit.measures import parse_measures

    truth = read_truth(truth_path(gt, quiet))
    scored = score_predictions(
        truth,
        read_predictions(pred),
        protocol=PROTOCOLS[protocol],
        normaliser=normaliser,
        thresholds=thresholds,
        seed=seed,
        ignore_unknown=ignore_unknown,
        missing=missing,
        interval=interval,
        measures=parse_measures(measures) or None,
        human=read_human(human) if human else None,
    )
    try:
        files = write_results(scored, out, truth.image_root, report=not no_report)
    except MissingExtra as error:
        log(f"no report.html: {error}")
        files = write_results(scored, out, truth.image_root, report=False)
    emit(scored.results, f"{score_table(scored.results)}\n\n{_written(files)}", as_json)
    return _incomplete(scored)


def _written(files: dict[str, Path]) -> str:
    if "report" in files:
        return f"report: {files['report']}   (all files in {files['results'].parent}/)"
    return f"results: {files['results']}   (all files in {files['results'].parent}/)"


def _incomplete(scored: Any) -> int:
    """Exit code 3 and one line when the file has no record at all for some hands; they are scored as wrong."""
    from hint_toolkit.errors import shorten

    if not scored.missing:
        return 0
    log(
        f"hint-eval: {len(scored.missing)} of {len(scored.hands)} hands have no prediction and count as wrong: "
        f'{shorten(scored.missing)}; add a record for each, with "keypoints": null where the method found none'
    )
    return 3


@cli.command()
@click.option("--results", type=PATH, default=Path("results"), show_default=True, help="Folder that hint-eval wrote.")
@click.option("--port", type=click.IntRange(0, 65535), default=5151, show_default=True, help="On the loopback address.")
@click.option("--no-browser", is_flag=True, help="Only serve; open the printed address yourself.")
@quiet_option
def view(results: Path, port: int, no_browser: bool, quiet: bool) -> int:
    """Open scored hands in FiftyOne, the worst first.

    \b
    Example:
      hint-eval view --results results
    """
    from hint_toolkit.flows.results import image_root_of
    from hint_toolkit.viewer import build_dataset, launch

    with progress("load", "hands", quiet) as bar:
        dataset = build_dataset(results, image_root_of(results), progress=bar)

    def ready(url: str) -> None:
        click.echo(f"FiftyOne: {url}  (ctrl+c ends it)")
        sys.stdout.flush()

    launch(dataset, port=port, open_browser=not no_browser, on_ready=ready)
    return 0


add_predict_commands(cli)
add_check_commands(cli)
add_import_commands(cli)
add_protocol_commands(cli)
add_compare_commands(cli)
add_track_commands(cli)


def main() -> None:
    """Entry point of `hint-eval`."""
    sys.exit(run(cli, "hint-eval"))


if __name__ == "__main__":
    main()
