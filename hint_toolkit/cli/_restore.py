"""`hint-build restore`: HInt's Ego4D frames put back and proven (docs/restore.md)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, json_option, output_options, quiet_option, seed_option
from hint_toolkit.cli._output import emit, log, progress, show_issues, table
from hint_toolkit.errors import InputError

_HINT = click.option("--hint", type=PATH, required=True, help="HInt_annotation_partial, or one folder of it.")
_EGO4D = click.option("--ego4d", type=PATH, default=None, help="Folder with <clip uid>.mp4, at any depth.")
_SUBSET = click.option("--subset", "subsets", multiple=True, help="Only this folder, e.g. TEST_ego4d_img; repeatable.")
_STATE = click.option("--report", "state", type=PATH, default=None, help="Folder of the report.  [default: "
                      "<release>.restore beside the release]")  # fmt: skip


def add_restore_commands(group: click.Group) -> None:
    """Put these commands into `hint-build`."""
    group.add_command(restore)


class Quality(click.ParamType[int]):
    """1..100, or "ffmpeg" as 0."""

    name = "1-100|ffmpeg"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if value == "ffmpeg":
            return 0
        if isinstance(value, int) or (str(value).isdigit() and 1 <= int(value) <= 100):
            return int(value)
        self.fail(f"{value!r} is neither 1..100 nor ffmpeg", param, ctx)


@click.group(invoke_without_command=True)
@click.option("--hint", type=PATH, default=None, help="HInt_annotation_partial, or one folder of it.")
@_EGO4D
@_SUBSET
@click.option("--quality", type=Quality(), default=95, show_default=True, help="Of our JPEGs; ffmpeg: the bytes of "
              "ffmpeg -qscale:v 1.")  # fmt: skip
@click.option("--fingerprints", type=PATH, default=None, help="Known list or report: compare every frame with it.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes.  [default: one a core]")
@click.option("--force", is_flag=True, help="Replace jpgs that show another picture.")
@_STATE
@output_options
def restore(hint: Path | None, ego4d: Path | None, workers: int | None, as_json: bool, quiet: bool, **how: Any) -> int:
    """Put HInt's Ego4D frames back: write the jpg of every json from its clip, nothing else.

    Can be stopped at any time and run again. Exits with 3 while frames are missing.

    \b
    Example:
      hint-build restore plan --hint HInt_annotation_partial
      hint-build restore --hint HInt_annotation_partial --ego4d ego4d_data
      hint-build restore verify --hint HInt_annotation_partial
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    if hint is None or ego4d is None:
        raise click.UsageError("restoring needs --hint DIR and --ego4d DIR")
    import os

    from hint_toolkit.flows.restore import RestoreOptions
    from hint_toolkit.flows.restore import restore as run_restore

    options = RestoreOptions(workers=workers or os.cpu_count() or 1, **how)
    with progress("restore", "hands", quiet) as bar:
        report = run_restore(hint, ego4d, options, progress=bar)
    emit(report.to_dict(), _text(report.to_dict()), as_json)
    show_issues(report.issues)
    return 3 if report.good < report.hands or report.issues.errors else 0


@restore.command()
@_HINT
@_EGO4D
@_SUBSET
@click.option("--out", type=PATH, default=Path("ego4d_clips.txt"), show_default=True, help="List of uids to write.")
@json_option
def plan(hint: Path, ego4d: Path | None, subsets: tuple[str, ...], out: Path, as_json: bool) -> int:
    """Say which clips to fetch, how much that is, and write their uids for the Ego4D CLI.

    \b
    Example:
      hint-build restore plan --hint HInt_annotation_partial --subset TEST_ego4d_img --out clips.txt
    """
    from hint_toolkit.flows.restore_plan import make_plan, write_uids

    found = make_plan(hint, ego4d=ego4d, subsets=subsets)
    if found.missing:
        write_uids(out, found.missing)
    rows = [(name, *counts) for name, counts in found.folders.items()]
    lines = [
        table(["folder", "clips", "frames", "hands"], rows),
        f"\n{len(found.needed)} clips, {len(found.missing)} to fetch; {found.release.frames} pictures for "
        f"{found.release.hands} hands",
        f"download {found.gigabytes:.1f} GB ({found.assumption})" if found.missing else "every clip is there",
        f"restoring takes about {max(1, round(found.minutes(1)))} min on one core (1080p, estimated)",
    ]
    if found.missing:  # an empty list would make the tool fetch everything
        tool = "ego4d --output_directory ego4d_data --version v1 --datasets clips --video_uid_file"
        lines.append(f"uids written to {out}; fetch them with:\n  {tool} {out}")
    emit(found.to_dict() | {"uids": str(out) if found.missing else None}, "\n".join(lines), as_json)
    show_issues(found.issues)
    return 3 if found.issues.errors else 0


@restore.command()
@_HINT
@_EGO4D
@_SUBSET
@_STATE
@click.option(
    "--sample", type=click.IntRange(0), default=0, help="With --ego4d: decode this many again.  [default: all]"
)
@click.option("--sheet", type=PATH, default=None, help="Write a JPEG with 24 hands drawn on their pictures.")
@click.option(
    "--official-md5", is_flag=True, help="The md5 of HInt's own script, and what can keep it from being equal."
)
@click.option("--known", type=PATH, default=None, help="With --official-md5: sha256sum list of a right release.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads.")
@seed_option
@output_options
def verify(
    hint: Path, state: Path | None, official_md5: bool, known: Path | None, as_json: bool, quiet: bool, **how: Any
) -> int:
    """Prove a restored release from the disk again: every jpg there, whole, with the bytes of the report.

    \b
    Example:
      hint-build restore verify --hint HInt_annotation_partial --sheet sheet.jpg
      hint-build restore verify --hint HInt_annotation_partial --ego4d ego4d_data --sample 200
    """
    from hint_toolkit.flows.restore_official import official
    from hint_toolkit.flows.restore_verify import verify as run_verify

    if known is not None and not official_md5:
        raise click.UsageError("--known belongs to --official-md5")
    with progress("verify", "jpgs", quiet) as bar:
        found = run_verify(hint, state=state, progress=bar, **how)
    value, text = found.to_dict(), _verified(found.to_dict())
    if official_md5:
        with progress("zip", "files", quiet) as bar:
            whole = official(hint, known=known, progress=bar)
        value["official"] = whole.to_dict()
        text += f"\nofficial md5: {whole.md5} ({'equal' if whole.equal else 'not equal'}), {whole.files} files"
        text += "".join(f"\n  {reason}" for reason in whole.reasons())
    emit(value, text, as_json)
    show_issues(found.issues)
    return 3 if found.fine < found.hands or found.issues.errors else 0


@restore.command()
@_HINT
@_STATE
@click.option("--out", type=PATH, required=True, help="CSV to write.")
@click.option("--hashes-only", is_flag=True, help="Without the thumbnails that tell a re-encoded copy.")
@click.option("--sha256", "files", type=PATH, default=None, help="Also list the sha256 of every file of the release.")
@quiet_option
def fingerprints(hint: Path, state: Path | None, out: Path, hashes_only: bool, files: Path | None, quiet: bool) -> int:
    """Write what the restored frames look like, so that others can prove theirs without the pictures.

    \b
    Example:
      hint-build restore fingerprints --hint HInt_annotation_partial --out frames.csv --hashes-only
    """
    from hint_toolkit.flows.restore import REPORT, state_folder
    from hint_toolkit.flows.restore_official import write_list
    from hint_toolkit.flows.restore_plan import read_release
    from hint_toolkit.io.fingerprints import read_fingerprints, write_fingerprints

    report = state_folder(read_release(hint).root, state) / REPORT
    if not report.is_file():
        step = f"run: hint-build restore --hint {hint} --ego4d DIR"
        raise InputError("there is no report of a restoration", where=str(report), next_step=step)
    known = read_fingerprints(report)
    write_fingerprints(out, known, hashes_only=hashes_only)
    if files is not None:
        write_list(files, hint)
    if not quiet:
        log(f"{len(known)} fingerprints written to {out}" + ("" if hashes_only else "; each holds a 32 x 32 thumbnail"))
    return 0


def _text(report: Mapping[str, Any]) -> str:
    from hint_toolkit.flows.restore_clip import RESTORED, STATUSES

    used = [status for status in STATUSES if any(counts[status] for counts in report["folders"].values())]
    rows = [(name, *(counts[status] for status in used)) for name, counts in report["folders"].items()]
    made = sum(counts[RESTORED] for counts in report["folders"].values())
    proofs = ", ".join(f"{n} {name}" for name, n in report["proofs"].items() if n) or "nothing there"
    said = f"compared with the known list: {proofs}" if report["compared"] else "not proven: no --fingerprints given"
    return "\n".join(
        [
            table(["folder", *used], rows),
            f"\n{report['good']} of {report['hands']} hands have their picture; {made} were written now, by "
            f"{report['encoder']}"
            + ("" if made == report["good"] else ", the others were there (--force writes them anew)"),
            said,
            f"report: {report['report']}",
        ]
    )


def _verified(value: Mapping[str, Any]) -> str:
    from hint_toolkit.flows.restore_verify import STATES

    used = [state for state in STATES if any(counts[state] for counts in value["folders"].values())]
    rows = [(name, *(counts[state] for state in used)) for name, counts in value["folders"].items()]
    lines = [
        table(["folder", *used], rows),
        f"\n{value['fine']} of {value['hands']} jpgs are fine, {value['vouched']} of them with the bytes and the pixel "
        "fingerprint of the report",
    ]
    again = value["decoded_again"]
    if again["pictures"]:
        lines.append(f"{again['pictures']} pictures decoded again, {again['equal']} with the pixels of the report")
    return "\n".join(lines)
