"""`hint-eval compare` and `breakdown`: which method is better, and where one fails (docs/compare.md)."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, truth_option, truth_path
from hint_toolkit.cli._output import emit, progress, table
from hint_toolkit.protocol import HAMER_V1, NORMALISERS, PROTOCOLS, SUBSETS

if TYPE_CHECKING:
    from hint_toolkit.io.release import Truth

_NOTHING = "n/a"
_WITH_PCK = [name for name, rules in PROTOCOLS.items() if rules.thresholds]
_normaliser = click.option(
    "--normaliser", type=click.Choice(list(NORMALISERS)), help="Of a prediction file; a results folder has its own."
)
_protocol = click.option(
    "--protocol", type=click.Choice(_WITH_PCK), default=HAMER_V1.name, show_default=True, help="Likewise."
)
_interval = click.option(
    "--interval", type=click.Choice(["percentile", "bca"]), default="percentile", show_default=True
)
_FRACTION = click.FloatRange(0, 10, min_open=True)


@click.command()
@click.argument("inputs", nargs=-1, type=PATH, metavar="A B [C ...]")
@truth_option
@click.option("--threshold", "thresholds", multiple=True, type=_FRACTION, help="Repeatable.  [default: the protocol's]")
@click.option(
    "--subset", "subsets", multiple=True, type=click.Choice(SUBSETS), help="Repeatable.  [default: all three]"
)
@_normaliser
@_protocol
@_interval
@seed_option
@output_options
def compare(
    inputs: tuple[Path, ...],
    gt: Path | None,
    normaliser: str | None,
    protocol: str,
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> int:
    """Say which of two or more methods is better: paired differences, intervals, p values, who beats whom.

    A, B, .. are prediction files, or folders that hint-eval wrote (then no --gt is needed).

    \b
    Example:
      hint-eval compare hamer.json wilor.json --gt hint/releases/v1 --threshold 0.05
    """
    from hint_toolkit.flows.compare import compare as run_compare
    from hint_toolkit.flows.scored_hands import read_scored

    truth, how["subsets"] = _truth(gt, quiet), how["subsets"] or SUBSETS
    sides = [read_scored(path, truth, protocol=PROTOCOLS[protocol], normaliser=normaliser) for path in inputs]
    result = run_compare(sides, **how)
    emit(result, _compare_text(result), as_json)
    return 0


@click.command()
@click.option("--results", type=PATH, default=None, help="Folder that hint-eval wrote.  [default: results]")
@click.option("--pred", type=PATH, default=None, help="A prediction file instead of a results folder.")
@truth_option
@click.option("--threshold", type=_FRACTION, default=0.05, show_default=True, help="Of the PCK.")
@click.option("--subset", type=click.Choice(SUBSETS), default="all", show_default=True, help="Which joints.")
@click.option("--source", default=None, help="Only hands of this source.  [default: all together]")
@click.option("--no-pictures", is_flag=True, help="Read no pictures: no slices by sharpness.")
@click.option("--out", type=PATH, default=None, help="Write the csv here.  [default: breakdown.csv in the folder]")
@_normaliser
@_protocol
@_interval
@seed_option
@output_options
def breakdown(
    results: Path | None, pred: Path | None, gt: Path | None, no_pictures: bool, out: Path | None, **how: Any
) -> int:
    """Break a score down by joint, occlusion, size, side and more, and name why joints are wrong.

    \b
    Example:
      hint-eval breakdown --results results --threshold 0.05
    """
    from hint_toolkit.flows.breakdown import BREAKDOWN_FILE, breakdown_csv
    from hint_toolkit.flows.breakdown import breakdown as run_breakdown
    from hint_toolkit.flows.scored_hands import read_scored
    from hint_toolkit.io.atomic import write_text

    as_json, quiet = how.pop("as_json"), how.pop("quiet")
    path, rules = _one_of(results, pred), PROTOCOLS[how.pop("protocol")]
    side = read_scored(path, _truth(gt, quiet), protocol=rules, normaliser=how.pop("normaliser"))
    with progress("sharpness", "hands", quiet or no_pictures) as bar:
        result = run_breakdown(side, sharpness=not no_pictures, progress=bar, **how)
    target = out or (None if pred else path / BREAKDOWN_FILE)
    if target:
        write_text(target, breakdown_csv(result))
    emit(result, _breakdown_text(result) + (f"\n\nwritten to {target}" if target else ""), as_json)
    return 0


def _one_of(results: Path | None, pred: Path | None) -> Path:
    """The predictions file, or the results folder; what is not there is refused as the kind that it was named."""
    from hint_toolkit.flows.results import read_results

    if results and pred:
        raise click.UsageError("pass --results or --pred, not both")
    folder = results or Path("results")
    if not pred and not folder.is_dir():
        read_results(folder)
    return pred or folder


def _truth(gt: Path | None, quiet: bool) -> Callable[[], "Truth"]:
    """The given truth, or the latest release of the workspace `./hint`; read once, and only if it is asked for."""

    @cache
    def read() -> "Truth":
        from hint_toolkit.io.release import read_truth

        return read_truth(truth_path(gt, quiet, "results folders"))

    return read


def _percent(value: float | None, sign: str = "") -> str:
    return _NOTHING if value is None else format(100 * value, f"{sign}.1f").rjust(5)


def _ends(interval: Sequence[float] | None, sign: str = "") -> str:
    return f" [{_percent(interval[0], sign).strip()} to {_percent(interval[1], sign).strip()}]" if interval else ""


def _p(value: float | None) -> str:
    return _NOTHING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _rules(result: Mapping[str, Any]) -> list[str]:
    """What must stand beside every number."""
    text = f" ({result['normaliser_text']})" if result["normaliser_text"] else ""
    return [
        f"protocol    {result['protocol']}, missing joints: {result['missing_rule']}",
        f"normaliser  {result['normaliser']}{text}",
        f"truth       {result['truth_kind'] or 'not stated'} (version {result['truth_version'][:12]})",
    ]


def _compare_text(result: Mapping[str, Any]) -> str:
    names = [one["name"] for one in result["methods"]]
    letter = {name: _letter(k) for k, name in enumerate(names)}
    lines = [f"{letter[n]} = {n}, {m['hands']} hands" for n, m in zip(names, result["methods"], strict=True)]
    head = ["source", "measure", "pair", "first", "second", "difference", "p", "p (Holm)", "ahead", "detectable"]
    rows = [
        (
            *(r["source"], r["measure"], f"{letter[r['b']]} - {letter[r['a']]}"),
            *(_percent(r["value_b"]), _percent(r["value_a"])),
            _percent(r["difference"], "+") + _ends(r["interval"], "+"),
            *(
                _p(r["p"]),
                _p(r["p_holm"]),
                {"win": "first", "lose": "second", "tie": "tie"}.get(r["verdict"], _NOTHING),
            ),
            _percent(r["detectable"]),
        )
        for r in result["differences"]
    ]
    control, power = result["control"], round(100 * result["power"])
    level = f"{100 * control['level']:g} %"
    blocks = ["\n".join(lines), "\n".join(_rules(result)), table(head, rows)]
    blocks += [_matrix_text(one, letter) for one in result["matrix"]]
    told = [
        "values and differences in %, [95 % interval of the difference over clips]; p: signs of clips exchanged",
        f"ahead, win, lose: at {level} after Holm's control over all {control['comparisons']} comparisons shown",
        f"detectable: the true difference that is found in {power} % of repetitions at the first step of that control",
    ]
    return "\n\n".join([*blocks, "\n".join([*told, *result["notes"]])])


def _matrix_text(matrix: Mapping[str, Any], letter: Mapping[str, str]) -> str:
    """Who beats whom on a source: wins / ties / losses of the row over the measures."""
    rows = []
    for row in matrix["rows"]:
        cells = {name: " / ".join(str(n[k]) for k in ("win", "tie", "lose")) for name, n in row["against"].items()}
        rows.append([letter[row["method"]], *(cells.get(name, "-") for name in letter)])
    head = [matrix["source"], *(f"against {sign}" for sign in letter.values())]
    return f"win / tie / lose of a row, measures of {matrix['source']}\n{table(head, rows)}"


def _letter(k: int) -> str:
    return chr(ord("A") + k) if k < 26 else f"M{k + 1}"


def _breakdown_text(result: Mapping[str, Any]) -> str:
    rows = [
        (
            *(one["attribute"], one["name"]),
            _percent(one["value"]) + _ends(one["interval"]) + (" *" if one["small"] else ""),
            *(one["hands"], one["joints"], one["clips"]),
        )
        for one in result["slices"]
    ]
    failures = result["failures"]
    causes = [(c["cause"], _percent(c["share"]), c["joints"], c["hands"]) for c in failures["causes"]]
    head = [f"method      {result['method']}", *_rules(result)]
    head += [f"{result['measure']} of {result['source']}: {_percent(result['value']).strip()}, {result['hands']} hands"]
    wrong = f"why {failures['wrong_joints']} joints of {failures['wrong_hands']} hands are wrong (docs/compare.md)"
    swaps = [f"{one['hands']} hands: {one['fingers']}" for one in failures["swaps"][:5]]
    told = ["values in %, [95 % interval over clips]; * fewer than 10 hands or 2 clips, not to be relied on"]
    blocks = [
        "\n".join(head),
        table(["cut by", "slice", "value", "hands", "joints", "clips"], rows),
        wrong + "\n" + table(["cause", "share", "joints", "hands"], causes),
    ]
    return "\n\n".join([*blocks, "\n".join([*swaps, *told, *result["notes"]])])


def add_compare_commands(group: click.Group) -> None:
    """Put these commands into `hint-eval`."""
    for command in (compare, breakdown):
        group.add_command(command)
