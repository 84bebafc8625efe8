"""`hint-build next`: which hand to label next."""

from pathlib import Path

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, workspace_option
from hint_toolkit.cli._output import emit, progress, show_issues, table


@click.command("next")
@click.option("--predictions", type=PATH, multiple=True, help="Another detector's answers; may be repeated.")
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="How many rows to print.")
@click.option("--weight", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of rarity against doubt.")
@click.option("--out", type=PATH, default=None, help="CSV of the whole order, for push --order.")
@click.option("--simulate", type=PATH, default=None, help="A labelled dataset: what the order would have gained there.")
@seed_option
@workspace_option
@output_options
def next_command(
    predictions: tuple[Path, ...],
    count: int,
    weight: float,
    out: Path | None,
    simulate: Path | None,
    seed: int,
    workspace: Path,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rank what to label next: doubtful pre-labels, rare slices, new clips; repeats of a picture last.

    \b
    Example:
      hint-build next --predictions rtmpose.json --out order.csv
      hint-build next --simulate HInt_annotation --predictions a.json --predictions b.json
    """
    from hint_toolkit.flows.next import next_hands
    from hint_toolkit.workspace import Workspace

    if simulate is not None:
        return _gain(simulate, predictions, weight, seed, as_json)
    with progress("read", "files", quiet) as bar:
        report = next_hands(Workspace(workspace), predictions, weight=weight, seed=seed, out=out, progress=bar)
    header = ["rank", "hand", "value", "doubt", "rarity", "slices"]
    keys = ["rank", "hint_id", "value", "doubt", "rarity", "slices"]
    rows = [["n/a" if row[key] is None else row[key] for key in keys] for row in report.rows[:count]]
    text = f"{report.candidates} hands to label, {report.labelled} labelled; doubt from {report.doubt_from}"
    text += f"; {report.repeats} repeat a picture and stand last" if report.repeats else ""
    emit(report.to_dict(), f"{table(header, rows)}\n\n{text}", as_json)
    show_issues(report.issues)
    return 0


def _gain(truth: Path, predictions: tuple[Path, ...], weight: float, seed: int, as_json: bool) -> int:
    from hint_toolkit.flows.next_gain import simulate_gain

    found = simulate_gain(truth, predictions, weight=weight, seed=seed)
    header = ["labelled", "wrong joints found", "at random", "slice error", "at random"]
    rows = [
        (
            f"{100 * one.share:.0f} %",
            f"{100 * one.wrong:.1f} %",
            f"{100 * one.wrong_random[0]:.1f} ({100 * one.wrong_random[1]:.1f} to {100 * one.wrong_random[2]:.1f})",
            f"{100 * one.error:.2f}",
            f"{100 * one.error_random[0]:.2f} ({100 * one.error_random[1]:.2f} to {100 * one.error_random[2]:.2f})",
        )
        for one in found
    ]
    note = "slice error: mean standard error of the pre-labels' PCK@0.05 over the slices, in points"
    emit({"gain": [one.to_dict() for one in found]}, f"{table(header, rows)}\n\n{note}", as_json)
    return 0


def add_next_commands(group: click.Group) -> None:
    """Put the command into `hint-build`."""
    group.add_command(next_command)
