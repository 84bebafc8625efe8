"""`hint-build suspects` and `review-errata`: labels to look at again, and what comes of it."""

from pathlib import Path

import click

from hint_toolkit.cli._options import PATH, output_options, truth_path
from hint_toolkit.cli._output import emit, show_issues, table


@click.command()
@click.argument("dataset", type=PATH, required=False)
@click.option("--predictions", type=PATH, multiple=True, help="A method's answers; pass two or more.")
@click.option("--count", type=click.IntRange(1), default=None, help="At most so many suspects.  [default: all]")
@click.option("--review", type=PATH, default=None, help="New workspace to put them into, for push and pull.")
@output_options
def suspects(
    dataset: Path | None,
    predictions: tuple[Path, ...],
    count: int | None,
    review: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rank labels that are probably wrong: several methods agree against them, or no hand is like that.

    \b
    Example:
      hint-build suspects HInt_annotation --predictions a.json --predictions b.json --count 100 --review second-look
    """
    from hint_toolkit.flows.suspects import find_suspects
    from hint_toolkit.workspace import Workspace

    place = Workspace(review) if review else None
    report = find_suspects(truth_path(dataset, quiet), predictions, most=count, review=place)
    rows = [(f"{row['score']:.1f}", row["id"], "; ".join(row["reasons"])[:110]) for row in report.rows[:20]]
    text = f"{table(['score', 'hand', 'why'], rows)}\n\n" if rows else ""
    text += f"{len(report.rows)} of {report.hands} labels are suspicious"
    if report.staged:
        text += f"; {report.staged} are in {review}: hint-build push --workspace {review} --project 'second look'"
    emit(report.to_dict(), text, as_json)
    show_issues(report.issues)
    return 0


@click.command("review-errata")
@click.argument("dataset", type=PATH)
@click.option("--review", type=PATH, required=True, help="The workspace that the suspects were put into.")
@click.option("--out", type=PATH, required=True, help="Errata file to write.")
@click.option("--reason", default="reviewed label", show_default=True, help="Why, for every entry.")
@click.option("--who", default="", help="Who decided; this is published.")
@output_options
def review_errata(dataset: Path, review: Path, out: Path, reason: str, who: str, as_json: bool, quiet: bool) -> int:
    """Write what people changed in a review of suspects as errata for the dataset.

    \b
    Example:
      hint-build review-errata HInt_annotation --review second-look --out errata.json
    """
    from dataclasses import asdict

    from hint_toolkit.flows.suspects import review_errata as make
    from hint_toolkit.workspace import Workspace

    report = make(dataset, Workspace(review), out, reason=reason, who=who)
    text = f"{report.changed} of {report.reviewed} reviewed labels changed, {report.open} not looked at yet: {out}\n"
    text += f"apply them with: hint-build patch {dataset} --errata {out} --out NEW"
    emit({**asdict(report), "path": str(out)}, text, as_json)
    return 3 if report.open else 0


def add_suspects_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(suspects)
    group.add_command(review_errata)
