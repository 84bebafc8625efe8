"""`hint-build`: from videos to a released dataset.

hint-build sample --source folder --videos DIR
hint-build prelabel --detector mediapipe
hint-build server    (another terminal: hint-build push, correct in the browser, hint-build pull)
hint-build export
"""

import sys
from pathlib import Path

import click

from hint_toolkit import __version__
from hint_toolkit.cli._export import add_export_commands
from hint_toolkit.cli._inspect import add_inspect_commands
from hint_toolkit.cli._labelling import add_labelling_commands
from hint_toolkit.cli._main import run
from hint_toolkit.cli._options import PATH, force_option, json_option, output_options, seed_option, workspace_option
from hint_toolkit.cli._output import emit, log, progress, show_issues, table
from hint_toolkit.cli._splits import add_splits_commands
from hint_toolkit.cli._stats import add_stats_commands
from hint_toolkit.cli._versions import add_versions_commands


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hint-build")
def cli() -> None:
    """Make a dataset of hands with 21 keypoints and per-joint occlusion out of videos."""


@cli.command()
@click.option("--source", type=click.Choice(["folder"]), default="folder", show_default=True, help="Kind of source.")
@click.option("--videos", type=PATH, required=True, help="Folder with video files, or one file.")
@click.option("--name", default=None, help="Source name in every row and score.  [default: the kind of source]")
@click.option("--per-video", type=click.IntRange(1), default=12, show_default=True, help="Frames from each video.")
@click.option("--strategy", type=click.Choice(["uniform", "random"]), default="uniform", show_default=True)
@click.option("--split", type=click.Choice(["TRAIN", "VAL", "TEST"]), default="TEST", show_default=True)
@click.option("--licence", default="unknown", show_default=True, help="Of the pixels; kept in every row.")
@click.option("--dry-run", is_flag=True, help="Print the plan and decode nothing.")
@seed_option
@workspace_option
@force_option
@output_options
def sample(
    source: str,
    videos: Path,
    name: str | None,
    per_video: int,
    strategy: str,
    split: str,
    licence: str,
    dry_run: bool,
    seed: int,
    workspace: Path,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Choose frames by a seeded plan and write them exactly, with where they came from.

    \b
    Example:
      hint-build sample --source folder --videos ~/clips --per-video 20 --licence CC-BY-4.0
    """
    from hint_toolkit.flows.sample import SampleOptions, make_plan
    from hint_toolkit.flows.sample import sample as run_sample
    from hint_toolkit.workspace import Workspace

    plan = make_plan(SampleOptions(videos, name or source, per_video, strategy, seed, split, licence))
    if dry_run:
        rows = [(p.clip.name, p.index.count, f"{p.index.duration:.1f}", len(p.picks)) for p in plan.clips]
        emit(plan.to_dict(), table(["video", "images", "seconds", "chosen"], rows), as_json)
        show_issues(plan.issues)
        return 3 if plan.issues.errors else 0
    with progress("sample", "frames", quiet) as bar:
        report = run_sample(Workspace(workspace), plan, force=force, progress=bar)
    issues = [issue.to_dict() for issue in report.issues]
    text = f"{report.frames} frames of {report.videos} videos in {workspace}/frames"
    emit({"frames": report.frames, "videos": report.videos, "issues": issues}, text, as_json)
    show_issues(report.issues)
    return 3 if report.issues.errors else 0


@cli.command()
@click.option("--detector", default="mediapipe", show_default=True, help="Which detector: mediapipe.")
@click.option("--model", type=PATH, default=None, help="The detector's model file.  [default: found or fetched]")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@workspace_option
@output_options
def prelabel(
    detector: str, model: Path | None, min_confidence: float, workspace: Path, as_json: bool, quiet: bool
) -> int:
    """Run a hand detector over the sampled frames.

    \b
    Example:
      hint-build prelabel --detector mediapipe
    """
    from hint_toolkit.flows.prelabel import prelabel as run_prelabel
    from hint_toolkit.prelabel.registry import opened
    from hint_toolkit.workspace import Workspace

    with (
        opened(detector, model=model, min_confidence=min_confidence) as opened_detector,
        progress("prelabel", "frames", quiet) as bar,
    ):
        report = run_prelabel(Workspace(workspace), opened_detector, progress=bar)
    text = f"{report.hands} hands in {report.frames} frames by {report.detector}; {report.empty} frames without a hand"
    emit(
        {"frames": report.frames, "hands": report.hands, "empty": report.empty, "detector": report.detector},
        text,
        as_json,
    )
    if not report.hands:
        log("hint-build: no hand was found in any frame; push makes empty tasks, in which people can mark hands")
        return 3
    return 0


@cli.command()
@workspace_option
@json_option
def status(workspace: Path, as_json: bool) -> int:
    """Say what the workspace holds, and what comes next.

    \b
    Example:
      hint-build status --workspace hint
    """
    from hint_toolkit.flows.status import status as read_status
    from hint_toolkit.workspace import Workspace

    rows = read_status(Workspace(workspace))
    shown = [(row.stage, "done" if row.done else "open", row.detail) for row in rows]
    emit({"stages": [row.to_dict() for row in rows]}, table(["stage", "state", "detail"], shown), as_json)
    return 0


@cli.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this installation: libraries, versions that must agree, programs.

    \b
    Example:
      hint-build doctor
    """
    from dataclasses import asdict

    from hint_toolkit.flows.doctor import doctor as examine

    findings = examine()
    rows = [(finding.what, finding.state, finding.detail) for finding in findings]
    emit({"findings": [asdict(finding) for finding in findings]}, table(["part", "state", "detail"], rows), as_json)
    return 2 if any(finding.state == "wrong" for finding in findings) else 0


add_export_commands(cli)
add_labelling_commands(cli)
add_splits_commands(cli)
add_inspect_commands(cli)
add_stats_commands(cli)
add_versions_commands(cli)


def main() -> None:
    """Entry point of `hint-build`."""
    sys.exit(run(cli, "hint-build"))
