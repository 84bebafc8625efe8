"""`hint-build sample`: which frames of which videos, and then exactly those."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, force_option, output_options, seed_option, workspace_option
from hint_toolkit.cli._output import emit, progress, show_issues, table

_SOURCES = ("folder", "ego4d", "visor", "youtube", "hint")
_STRATEGIES = ("uniform", "random", "per-second", "around", "scenes", "informative")
_RUN = frozenset({"videos", "plan_file", "plan_out", "workers", "dry_run", "workspace", "force", "as_json", "quiet"})
"""Options that say how and where, not which frames."""
_BELONGS = {
    "per_video": ("uniform", "random", "scenes", "informative"),
    "rate": ("per-second",),
    "offsets": ("around",),
    "kinds": ("around",),
    "candidates_per_second": ("scenes", "informative"),
    "detector": ("scenes", "informative"),
}
"""Option -> strategies that heed it."""


def add_sample_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(sample)


def _list_of(kind: type, wanted: int = 0) -> Callable[..., tuple[Any, ...]]:
    """Callback of an option that takes values with commas between them."""

    def parse(context: click.Context, parameter: click.Parameter, value: str) -> tuple[Any, ...]:
        try:
            parts = tuple(kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise click.BadParameter(f"{value!r} is not a list of numbers with commas between them") from error
        if parts and wanted and (len(parts) != wanted or not min(parts) >= 0 or not 0 < sum(parts) < float("inf")):
            raise click.BadParameter(f"{value!r} is not {wanted} shares, e.g. 70,10,20")
        return parts

    return parse


def _number(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if value != value:
        raise click.BadParameter(f"{value} is no number of frames")
    return value


def _choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide which frames are chosen."""
    limit, positive = click.IntRange(1), click.FloatRange(0, 1000, min_open=True)
    kind, strategy = click.Choice(_SOURCES), click.Choice(_STRATEGIES)
    split = click.Choice(["TRAIN", "VAL", "TEST"])
    several = click.option(
        "--max-per-group",
        "--max-per-participant",
        type=limit,
        default=None,
        help="Most frames of a group: participant, canonical video.  [default: no limit]",
    )
    options = [
        click.option("--source", "kind", type=kind, default="folder", show_default=True, help="Kind of source."),
        click.option("--annotations", type=PATH, default=None, help="The source's own annotation file or folder."),
        click.option(
            "--kinds", default="", callback=_list_of(str), help="Kinds of moments, e.g. pnr_frame,post_frame."
        ),
        click.option("--name", default=None, help="Source name in every row and score.  [default: by the source]"),
        click.option("--strategy", type=strategy, default="uniform", show_default=True, help="How frames are chosen."),
        click.option("--per-video", type=click.IntRange(1), default=12, show_default=True, help="Frames a video."),
        click.option("--rate", type=positive, callback=_number, default=1.0, show_default=True, help="For per-second."),
        click.option("--offsets", default="0", show_default=True, callback=_list_of(int), help="Pictures, for around."),
        click.option("--max-per-video", type=limit, default=None, help="Most frames of a video.  [default: no limit]"),
        several,
        click.option("--max-frames", type=limit, default=None, help="Most frames in all.  [default: no limit]"),
        click.option("--split", type=split, default="TEST", show_default=True, help="Of all frames."),
        click.option(
            "--splits", default="", callback=_list_of(float, 3), help="Shares of TRAIN,VAL,TEST by whole groups."
        ),
        click.option(
            "--keep-duplicates/--no-duplicates",
            "duplicates",
            default=None,
            help="Near-duplicates within and across videos.  [default: kept, but not for informative]",
        ),
        click.option("--licence", default="unknown", show_default=True, help="Of the pixels; kept in every row."),
        click.option("--not-redistributable", is_flag=True, help="The pixels must not be passed on."),
        click.option(
            "--candidates-per-second",
            type=positive,
            callback=_number,
            default=2.0,
            show_default=True,
            help="Pictures that scenes and informative look at.",
        ),
        click.option("--detector", default="mediapipe", show_default=True, help="Looks for hands; none does without."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--videos", type=PATH, required=True, help="Folder with videos or pictures, or one file.")
@_choices
@click.option("--plan", "plan_file", type=PATH, default=None, help="Execute this plan; nothing is chosen.")
@click.option("--plan-out", type=PATH, default=None, help="Write the plan to this file, too.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that look at pictures."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and what it costs, and decode nothing.")
@seed_option
@workspace_option
@force_option
@output_options
@click.pass_context
def sample(
    context: click.Context,
    /,
    videos: Path,
    plan_file: Path | None,
    plan_out: Path | None,
    workers: int,
    dry_run: bool,
    workspace: Path,
    force: bool,
    as_json: bool,
    quiet: bool,
    **chosen: Any,
) -> int:
    """Choose frames by a seeded plan and write them exactly, with where they came from.

    \b
    Example:
      hint-build sample --source folder --videos ~/clips --per-video 20 --licence CC-BY-4.0
      hint-build sample --source ego4d --videos ~/ego4d --annotations fho_main.json --strategy around --dry-run
      hint-build sample --videos ~/clips --strategy informative --max-frames 500 --splits 70,10,20
    """
    from hint_toolkit.flows.sample import make_plan
    from hint_toolkit.flows.sample import sample as run_sample
    from hint_toolkit.flows.sample_cost import preview, preview_of, save_plan
    from hint_toolkit.flows.sample_read import read_plan
    from hint_toolkit.workspace import Workspace

    place = Workspace(workspace)
    plan = read_plan(plan_file, videos) if plan_file and _alone(context) else None
    _check_effect(context, **chosen)
    options = _options(videos, **chosen)
    if dry_run:
        return _show(preview_of(plan) if plan else preview(options, place), plan_out, as_json)
    if plan is None:
        with progress("measure", "pictures", quiet) as bar:
            plan = make_plan(options, place, workers=workers, progress=bar)
    if plan_out:
        save_plan(plan, plan_out)
    with progress("sample", "frames", quiet) as bar:
        report = run_sample(place, plan, force=force, progress=bar)
    issues = [issue.to_dict() for issue in report.issues]
    text = f"{report.frames} frames of {report.videos} videos in {workspace}/frames"
    text += f"; {plan.removed} near-duplicates left out" if plan.options.unlike else ""
    counts = {"frames": report.frames, "videos": report.videos, "near_duplicates": plan.removed}
    emit(counts | {"issues": issues}, text, as_json)
    show_issues(report.issues)
    return 3 if report.issues.errors else 0


def _show(shown: Any, plan_out: Path | None, as_json: bool) -> int:
    """A dry run's table, and the plan as a file."""
    from hint_toolkit.flows.sample_cost import save_plan

    if plan_out:
        save_plan(shown.plan, plan_out)
    header = ["video", "images", "candidates", "frames", "GB", "minutes"]
    emit(shown.to_dict(), f"{table(header, shown.rows())}\n\n{shown.notes()}", as_json)
    show_issues(shown.issues)
    return 3 if shown.issues.errors else 0


def _options(videos: Path, name: str | None, not_redistributable: bool, **chosen: Any) -> Any:
    from hint_toolkit.flows.sample_options import ROW_SOURCE, SampleOptions

    if name is not None and not re.fullmatch(r"\w[\w.-]*", name):
        raise click.UsageError(f"--name {name!r} becomes part of file names; use letters, digits, -, _ and .")
    source = ROW_SOURCE.get(chosen["kind"], chosen["kind"]) if name is None else name
    chosen |= {limit: chosen[limit] or 0 for limit in ("max_per_video", "max_per_group", "max_frames")}
    return SampleOptions(videos, source, redistributable=not not_redistributable, **chosen)


def _check_effect(context: click.Context, strategy: str, kind: str, **chosen: Any) -> None:
    """Make sure that every option that was typed does something.

    Raises:
        UsageError: names the option, and what it belongs to.
    """
    typed = {str(parameter.name): parameter.opts[0] for parameter in _typed(context)}
    if "splits" in typed and "split" in typed:
        raise click.UsageError("--split is for all frames, --splits deals them out; leave out one")
    if "annotations" in typed and kind == "folder":
        raise click.UsageError("--annotations belongs to another --source; a folder has none")
    for name, strategies in _BELONGS.items():
        if name in typed and strategy not in strategies:
            raise click.UsageError(
                f"{typed[name]} does nothing with --strategy {strategy}; it is for {', '.join(strategies)}"
            )


def _typed(context: click.Context) -> list[click.Parameter]:
    """The options on the command line, but those that say how and where."""
    return [
        parameter
        for parameter in context.command.params
        if parameter.name not in _RUN
        and context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    ]


def _alone(context: click.Context) -> bool:
    """Make sure that nothing was chosen beside a plan, which has chosen everything.

    Raises:
        UsageError: names the options.
    """
    if typed := [parameter.opts[0] for parameter in _typed(context)]:
        raise click.UsageError(f"--plan has chosen the frames; leave out {', '.join(typed)}")
    return True
