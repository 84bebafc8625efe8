"""`hint-eval visibility`, `video` and `ceiling`: what stands beside the score (docs/tracks.md)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options, seed_option, truth_option, truth_path
from hint_toolkit.cli._output import emit, log, table
from hint_toolkit.protocol import DEFAULT_NORMALISER, NORMALISERS

_NOTHING = "n/a"
_per_joint = click.option("--per-joint", is_flag=True, help="Show the table a joint as well.")


def _finite(_: click.Context, __: click.Parameter, value: float) -> float:
    """FloatRange lets NaN through: it is neither below nor above anything."""
    if value != value:
        raise click.BadParameter("must be a finite number")
    return value


@click.command()
@click.option("--pred", type=PATH, required=True, help="Predictions with 21 numbers visibility (or score) a record.")
@truth_option
@click.option("--use", type=click.Choice(["visibility", "score"]), default="visibility", show_default=True)
@click.option("--absent", type=click.Choice(["drop", "invisible"]), default="drop", show_default=True)
@click.option(
    "--threshold", type=click.FloatRange(0, 10, min_open=True), default=0.05, show_default=True, callback=_finite
)
@click.option("--normaliser", type=click.Choice(list(NORMALISERS)), help="Of the PCK.  [default: npz or bbox-max]")
@click.option("--ignore-unknown", is_flag=True, help="Score even if some predictions fit no hand of the truth.")
@_per_joint
@output_options
def visibility(pred: Path, gt: Path | None, per_joint: bool, as_json: bool, quiet: bool, **rules: Any) -> int:
    """Score predicted visibility: AP, ROC-AUC, F1, calibration, and PCK of the joints kept.

    --absent says what becomes of joints that do not exist: they are left out, or count as not visible.
    --threshold and --normaliser are those of the PCK.

    \b
    Example:
      hint-eval visibility --pred preds.json --gt hint/releases/v1
    """
    from hint_toolkit.flows.visibility import score_visibility
    from hint_toolkit.io.predictions import read_predictions
    from hint_toolkit.io.release import read_truth

    results = score_visibility(read_truth(truth_path(gt, quiet)), read_predictions(pred), **rules)
    emit(results, _visibility_text(results) + _joints_text(results, per_joint), as_json)
    return _end("visibility", results)


@click.command()
@click.option("--pred", type=PATH, required=True, help="Predictions for every frame of one or more videos.")
@click.option("--gt", type=PATH, default=None, help="Truth to measure the lag against; a few frames are enough.")
@click.option(
    "--fps", type=click.FloatRange(0, 10000, min_open=True), required=True, help="Frames a second.", callback=_finite
)
@click.option("--max-lag", type=click.IntRange(2, 10000), help="Largest delay tried, in frames.  [default: 0.5 s]")
@_per_joint
@output_options
def video(
    pred: Path, gt: Path | None, fps: float, max_lag: int | None, per_joint: bool, as_json: bool, quiet: bool
) -> int:
    """Measure how a hand moves in video: jitter, dropouts, side flips, lag.

    The predictions must be dense: HInt's seq folders hold a frame every half second, which shows no jitter.

    \b
    Example:
      hint-eval video --pred dense.json --fps 30 --gt HInt_annotation
    """
    from hint_toolkit.flows.motion import score_motion

    results = score_motion(pred, fps, gt, max_lag=max_lag)
    emit(results, _motion_text(results) + _joints_text(results, per_joint), as_json)
    return _end("video", results)


def _two_names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise click.BadParameter("wants two different names, e.g. ann,bob")
    return names[0], names[1]


@click.command()
@click.option("--a", "first", type=PATH, required=True, help="One person's labels: a release, Parquet or HInt folders.")
@click.option("--b", "second", type=PATH, help="The other person's labels of the same hands.")
@click.option("--annotators", callback=_two_names, help="Instead of --b: two annotators of the file --a, as NAME,NAME.")
@click.option("--normaliser", type=click.Choice([n for n in NORMALISERS if n != "npz"]), default=DEFAULT_NORMALISER)
@_per_joint
@seed_option
@output_options
def ceiling(
    first: Path,
    second: Path | None,
    annotators: tuple[str, str] | None,
    normaliser: str,
    per_joint: bool,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Score two people's labels of the same hands against each other: PCK, agreement, kappa.

    \b
    Example:
      hint-eval ceiling --a hint/annotations.parquet --annotators ann@lab.org,bob@lab.org
    """
    from hint_toolkit.flows.ceiling import score_ceiling

    results = score_ceiling(first, second, annotators=annotators, normaliser=normaliser, seed=seed)
    emit(results, _ceiling_text(results) + _joints_text(results, per_joint), as_json)
    return _end("ceiling", results)


def add_track_commands(group: click.Group) -> None:
    """Put these commands into `hint-eval`."""
    for command in (visibility, video, ceiling):
        group.add_command(command)


def _end(command: str, results: Mapping[str, Any]) -> int:
    """0, or 3 and one line on stderr when the data are incomplete."""
    if results["incomplete"] is None:
        return 0
    log(f"hint-eval {command}: {results['incomplete']}")
    return 3


def _percent(value: float | None, digits: int = 1) -> str:
    return _NOTHING if value is None else f"{100 * value:.{digits}f}"


def _number(value: float | None, digits: int = 3) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"


def _pivot(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> tuple[list[str], dict[str, dict[str, Mapping[str, Any]]]]:
    """Names of the measures in their order, and each measure's row of every column."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["measure"], {}).setdefault(" ".join(row[name] for name in columns), row)
    return list(dict.fromkeys(key for cells in found.values() for key in cells)), found


def _joints_text(results: Mapping[str, Any], wanted: bool) -> str:
    """One line a joint and source, shares as fractions; nothing when it is not wanted."""
    rows = results["per_joint"]
    if not wanted or not rows:
        return ""
    lines = [[_number(v, 4) if v is None or isinstance(v, float) else v for v in row.values()] for row in rows]
    return "\n\n" + table(list(rows[0]), lines)


def _visibility_text(results: Mapping[str, Any]) -> str:
    sources, found = _pivot(results["rows"], ["source"])
    lines = [[name, *(_number(cells[s]["value"]) for s in sources)] for name, cells in found.items()]
    first = {row["source"]: row for row in results["rows"]}
    for what in ("hands", "joints"):
        lines.append([what, *(str(first[s][what]) for s in sources)])
    lines.append(["predicted %", *(_percent(first[s]["coverage"]) for s in sources)])
    bins = [row for row in results["reliability"] if row["source"] == sources[-1]]
    cells = [
        [f"{b['low']:.1f} to {b['high']:.1f}", b["count"], _number(b["predicted"]), _number(b["visible"])] for b in bins
    ]
    kept = [row for row in results["risk_coverage"] if row["source"] == sources[-1]][1::2]
    curve = ", ".join(f"{_percent(row['kept'], 0)}: {_percent(row['pck'])}" for row in kept) or _NOTHING
    left_out = {j for row in results["rows"] for j in row["joints_undefined"]}
    counts = results["counts"]
    notes = [
        f"visible = exists and not occluded; {results['absent_text']}; {results['missing_text']} "
        f"({counts['joints_without']} of {counts['joints']})",
        f"PCK and AURC: {results['normaliser']}, {results['normaliser_text']}; lower AURC is better",
    ]
    if left_out:
        notes.append(f"not in a macro mean, one class only in some source: {', '.join(sorted(left_out))}")
    title = f"{results['method']}, visibility track, {results['use']} as probability"
    return "\n".join(
        [
            title,
            "",
            table(["measure", *sources], lines),
            "",
            f"reliability, {sources[-1]}",
            table(["probability", "joints", "mean", "visible"], cells),
            "",
            f"PCK@{results['threshold']:g} in % by % of joints kept, {sources[-1]}: {curve}",
            *notes,
        ]
    )


def _motion_text(results: Mapping[str, Any]) -> str:
    names = [row["measure"] for row in results["rows"]][:2]
    header = ["video", "track", "frames", "jitter %", "accel %", "dropouts", "longest", "found %", "flips", "lag"]
    lines = [
        [
            *(str(row[name]) for name in ("video", "track", "frames")),
            *(_percent(row[name], 2) for name in names),
            _NOTHING if row["dropouts"] is None else f"{row['dropout_frames']} in {row['dropouts']}",
            *(_NOTHING if row[name] is None else str(row[name]) for name in ("longest_dropout",)),
            _percent(row["share_of_frames"]),
            _NOTHING if row["side_flips"] is None else str(row["side_flips"]),
            _NOTHING if row["lag_frames"] is None else f"{row['lag_frames']:+.2f}",
        ]
        for row in results["tracks"]
    ]
    shown = lines[:20]
    rest = [f"and {len(lines) - 20} more tracks; --json shows all"] if len(lines) > 20 else []
    value = {row["measure"]: row["value"] for row in results["rows"]}
    counts = results["counts"]
    return "\n".join(
        [
            f"{results['method']}, motion at {results['fps']:g} frames a second",
            "",
            table(header, shown),
            *rest,
            "",
            f"all: jitter {_percent(value[names[0]], 2)} % (high-pass) and {_percent(value[names[1]], 2)} % a frame^2"
            f" ({_percent(value['acceleration a second'], 0)} % a s^2, acceleration); lag {_number(value['lag'], 2)} "
            f"frames = {_number(value['lag in time'], 0)} ms, + is late",
            f"{counts['dense_tracks']} of {counts['tracks']} tracks are dense, {counts['frames']} frames with a hand",
            f"% of hand size: {results['size_text']}",
        ]
    )


def _ceiling_text(results: Mapping[str, Any]) -> str:
    sources, found = _pivot(results["rows"], ["source"])
    _, by_direction = _pivot(results["rows"], ["source", "direction"])
    lines = []
    for name, cells in by_direction.items():
        show = _number if name.endswith("kappa") else _percent
        for source in sources:
            values: list[str] = []
            for direction in ("b against a", "a against b"):
                row = cells.get(f"{source} {direction}") or (cells[f"{source} both"] if not values else None)
                bounds = " to ".join(show(end) for end in row["interval"] or []) if row else ""
                values.append((show(row["value"]) if row else "") + (f" [{bounds}]" if bounds else ""))
            row = found[name][source]
            paper = _percent(results["paper"][name]) if name in results["paper"] else ""
            lines.append([name, source, *values, row["hands"], row["joints"], paper])
    header = ["measure", "source", "b against a", "a against b", "hands", "joints", "paper"]
    counts = results["counts"]
    return "\n".join(
        [
            f"a = {results['a']['name']}, b = {results['b']['name']}: {counts['both']} hands in both, "
            f"{counts['only_a']} only in a, {counts['only_b']} only in b, same side in "
            f"{_percent(counts['side_agreement'])} %",
            "",
            table(header, lines),
            "",
            f"{results['protocol']}, {results['normaliser']}: {results['normaliser_text']} of the hand scored against; "
            "a joint that the other person calls absent counts as wrong; hands and joints are those of b against a",
            f"paper: {results['paper']['source']}",
        ]
    )
