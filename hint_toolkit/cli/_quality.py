"""`hint-build agreement`, `anchoring`, `gold`, `consensus`: how good people's labels are, without knowing the truth."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, workspace_option
from hint_toolkit.cli._output import emit, log
from hint_toolkit.protocol import DEFAULT_NORMALISER, NORMALISERS

_normaliser = click.option(
    "--normaliser",
    type=click.Choice([name for name in NORMALISERS if name != "npz"]),
    default=DEFAULT_NORMALISER,
    show_default=True,
    help="What a distance is divided by.",
)
_out = click.option("--out", type=PATH, default=None, help="Also write the numbers to this JSON file.")
_figure = click.option("--figure", type=PATH, default=None, help="Also draw them (png, pdf, svg).")


@click.command()
@click.option("--answers", type=PATH, default=None, help="Parquet of hands with annotators, instead of the workspace.")
@click.option("--per-joint", is_flag=True, help="Show the table a joint as well.")
@_normaliser
@_out
@_figure
@seed_option
@workspace_option
@output_options
def agreement(
    answers: Path | None, per_joint: bool, normaliser: str, out: Path | None, figure: Path | None, seed: int,
    workspace: Path, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Measure how far annotators agree about the same hands; the file of --out feeds hint-eval --human.

    \b
    Example:
      hint-build agreement --per-joint --out agreement.json
    """
    from hint_toolkit.cli._quality_text import agreement_text
    from hint_toolkit.flows.agreement import agreement as measure
    from hint_toolkit.flows.people import read_people
    from hint_toolkit.workspace import Workspace

    people = read_people(None if answers else Workspace(workspace), answers)
    result = measure(people, normaliser=normaliser, seed=seed)
    _write(result, out)
    if figure is not None:
        from hint_toolkit.flows.report.people import agreement_figure

        agreement_figure(result, figure)
    emit(result, agreement_text(result, per_joint), as_json)
    return 0


@click.command()
@_normaliser
@_out
@_figure
@seed_option
@workspace_option
@output_options
def anchoring(
    normaliser: str, out: Path | None, figure: Path | None, seed: int, workspace: Path, as_json: bool, quiet: bool
) -> int:
    """Ask whether people corrected the pre-labels or accepted them, and what that did to the detector's score.

    The last needs tasks without pre-labels: hint-build push --blind-share.

    \b
    Example:
      hint-build anchoring --out anchoring.json
    """
    from hint_toolkit.cli._quality_text import anchoring_text
    from hint_toolkit.flows.anchoring import anchoring as audit
    from hint_toolkit.workspace import Workspace

    result = audit(Workspace(workspace), normaliser=normaliser, seed=seed)
    _write(result, out)
    if figure is not None:
        from hint_toolkit.flows.report.people import anchoring_figure

        anchoring_figure(result, figure)
    emit(result, anchoring_text(result), as_json)
    return 0


@click.command()
@click.option("--gold", "truth", type=PATH, required=True, help="The labels that the gold hands were pushed from.")
@click.option(
    "--min", "least", type=click.FloatRange(0, 1), default=None, help="Exit with 4 if anybody's PCK is lower."
)
@_normaliser
@_out
@seed_option
@workspace_option
@output_options
def gold(
    truth: Path, least: float | None, normaliser: str, out: Path | None, seed: int, workspace: Path, as_json: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Score every annotator on the hands whose answer is known.

    \b
    Example:
      hint-build gold --gold checked.parquet --min 0.9
    """
    from hint_toolkit.cli._quality_text import gold_text
    from hint_toolkit.flows.gold import below, score_gold
    from hint_toolkit.workspace import Workspace

    result = score_gold(Workspace(workspace), truth, normaliser=normaliser, seed=seed)
    _write(result, out)
    emit(result, gold_text(result), as_json)
    low = below(result, least) if least is not None else []
    for name, number in low:
        log(
            f"hint-build gold: {name} has {'n/a' if number is None else f'{100 * number:.1f}'} %, below --min {least:g}"
        )
    return 4 if low else 3 if result["unknown"] else 0


@click.command()
@click.option(
    "--far", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Of the hand's size: a dispute."
)
@click.option("--flags", type=click.IntRange(1, 21), default=4, show_default=True, help="Differing flags: a dispute.")
@click.option("--count", type=click.IntRange(0), default=20, show_default=True, help="How many disputes to print.")
@_normaliser
@workspace_option
@output_options
def consensus(far: float, flags: int, count: int, normaliser: str, workspace: Path, as_json: bool, quiet: bool) -> int:
    """Fuse several people's answers to a hand into consensus.parquet, for hint-build export --labels consensus.

    \b
    Example:
      hint-build consensus --far 0.1
    """
    from hint_toolkit.cli._quality_text import consensus_dict, consensus_text
    from hint_toolkit.flows.consensus import make_consensus
    from hint_toolkit.workspace import Workspace

    report = make_consensus(Workspace(workspace), normaliser=normaliser, far=far, flags=flags)
    emit(consensus_dict(report), consensus_text(report, count), as_json)
    return 0


def _write(result: dict[str, Any], out: Path | None) -> None:
    import json

    from hint_toolkit.io.atomic import write_text

    if out is not None:
        write_text(out, json.dumps(result, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def add_quality_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    for command in (agreement, anchoring, gold, consensus):
        group.add_command(command)
