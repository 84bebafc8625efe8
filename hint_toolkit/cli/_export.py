"""`hint-build export`: a release of the corrected hands, or any dataset in any format."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hint_toolkit.cli._options import PATH, force_option, json_option, workspace_option
from hint_toolkit.cli._output import emit, show_issues

if TYPE_CHECKING:
    from hint_toolkit.export.faces import FaceBlur

DEFAULT_FORMATS = ("parquet", "hint")


def add_export_commands(group: click.Group) -> None:
    """Register the command."""
    group.add_command(export)


@click.command()
@click.option("--format", "formats", multiple=True, default=DEFAULT_FORMATS, show_default=True, help="Repeatable: "
              "parquet, hint, coco, hamer-npz, hamer-tar, webdataset, yolo-pose.")  # fmt: skip
@click.option("--from", "source", type=PATH, default=None, help="Dataset to convert, in any format that is read here.")
@click.option("--out", type=PATH, default=None, help="Folder to write; with --from.")
@click.option("--version", "version_name", default=None, help="Name of the release.  [default: v-<content hash>]")
@click.option("--no-pictures", is_flag=True, help="Annotations only.")
@click.option("--embed", is_flag=True, help="Parquet: pictures in a column instead of a folder.")
@click.option("--shard-hands", type=click.IntRange(1), default=None, help="Parquet, tar: hands in one file.")
@click.option(
    "--joint-names", type=click.Choice(["hint", "wholebody"]), default="hint", show_default=True, help="COCO."
)
@click.option("--published", default="", help="Date of publication (2026-11-22) for the metadata.")
@click.option("--i-have-license", is_flag=True, help="Also pictures that may not be passed on (Ego4D); is recorded.")
@click.option(
    "--take-down", type=PATH, default=None, help="File of ids (hand, frame, video) that must not be released."
)
@click.option("--blur-faces", is_flag=True, help="Blur every face that is found in a picture.")
@click.option("--labels", type=click.Choice(["annotations", "consensus"]), default="annotations", show_default=True,
              help="Of the workspace: the last answer to a hand, or what several support.")  # fmt: skip
@workspace_option
@force_option
@json_option
def export(
    formats: tuple[str, ...], source: Path | None, out: Path | None, version_name: str | None, no_pictures: bool,
    embed: bool, shard_hands: int | None, joint_names: str, published: str, i_have_license: bool,
    take_down: Path | None, blur_faces: bool, labels: str, workspace: Path, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Write a release of the corrected hands; with --from, of any dataset that is read here.

    \b
    Example:
      hint-build export --format parquet --format coco --version v1
      hint-build export --from HInt_annotation --format hamer-tar --out for_training
    """
    from hint_toolkit.export.base import ExportOptions
    from hint_toolkit.flows.release import Rules, convert
    from hint_toolkit.flows.release import export as run_export
    from hint_toolkit.workspace import Workspace

    if (source is None) != (out is None):
        raise click.UsageError("--from and --out go together")
    if source is not None and version_name is not None:
        raise click.UsageError("--version names a release of the workspace; with --from, --out names the folder")
    options = ExportOptions(not no_pictures, embed, shard_hands, joint_names, published)
    with _blur(blur_faces) as blur:
        rules = Rules(take_down, i_have_license, blur, blur.name if blur else "")
        if source is not None and out is not None:
            report = convert(source, out, formats=formats, force=force, options=options, rules=rules)
        else:
            made = Workspace(workspace)
            report = run_export(
                made, formats=formats, version=version_name, force=force, options=options, rules=rules, labels=labels
            )
    value = {"path": str(report.path), "version": report.version, "content": report.content, "hands": report.hands}
    text = f"{report.hands} hands released in {report.path} (content {report.content[:12]}; {report.skipped} skipped)"
    emit(value | {"issues": [issue.to_dict() for issue in report.issues]}, text, as_json)
    show_issues(report.issues)
    return 3 if report.issues.errors else 0


def _blur(wanted: bool) -> AbstractContextManager["FaceBlur | None"]:
    """What changes the pictures, closed in the end."""
    if not wanted:
        return nullcontext()
    from hint_toolkit.export.faces import FaceBlur

    return FaceBlur()
