"""`hint-eval predict --video`: its options, and what it prints (docs/predict-video.md)."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeVar

import click

from hint_toolkit.cli._options import PATH
from hint_toolkit.cli._output import Progress, emit, log, progress, table

_Command = TypeVar("_Command", bound=Callable[..., Any])
_TRACKS_SHOWN = 12


def _filter(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float, float] | None:
    if value is None:
        return None
    try:
        cutoff, beta, d_cutoff = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("wants three numbers, e.g. 1,3,5") from None
    return cutoff, beta, d_cutoff


def video_options(command: _Command) -> _Command:
    """The options that are for videos only."""
    for option in reversed(
        (
            click.option(
                "--video", type=PATH, metavar="FILE", help="Predict every frame of a video (docs/predict-video.md)."
            ),
            click.option(
                "--box-every",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help="Video: look for boxes in every so many frames, and follow the hands between them.",
            ),
            click.option(
                "--min-track",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help="Video: leave out shorter tracks, frames.",
            ),
            click.option("--smooth", is_flag=True, help="Video: smooth with a One-Euro filter."),
            click.option(
                "--smooth-by",
                metavar="MIN_CUTOFF,BETA,D_CUTOFF",
                callback=_filter,
                help="Its parameters, in Hz and hand sizes.",
            ),
            click.option(
                "--render-meshes", is_flag=True, help="Video: draw meshes into --overlay, of models that have them."
            ),
        )
    ):
        command = option(command)
    return command


def video_word(given: Mapping[str, Any]) -> str:
    """The first option for videos that was given; "" if none was."""
    usual = {"box_every": 1, "min_track": 1, "smooth": False, "smooth_by": None, "render_meshes": False}
    return next((f"--{name.replace('_', '-')}" for name, value in usual.items() if given[name] != value), "")


def predict_clip(options: Any, given: Mapping[str, Any], as_json: bool, quiet: bool) -> int:
    """Run `flows.predict_video` and print its report.

    Args:
        options: of `flows.predict_file`.
        given: what the command was called with.
        as_json: print JSON.
        quiet: no progress.
    """
    from hint_toolkit.flows.predict_video import AUTO, VideoOptions, predict_video
    from hint_toolkit.tracking.one_euro import OneEuroRules
    from hint_toolkit.tracking.tracks import TrackRules

    smooth = OneEuroRules(*(given["smooth_by"] or ())) if given["smooth"] or given["smooth_by"] else None
    clip = VideoOptions(given["box_every"], TrackRules(min_frames=given["min_track"]), smooth, given["render_meshes"])
    boxes = given["boxes"] or ("detector" if given["box_detector"] else AUTO)
    with ExitStack() as shown:

        def bars(label: str) -> Progress | None:
            shown.close()
            return shown.enter_context(progress(label, "frames", quiet))

        report = predict_video(given["video"], given["out"], replace(options, boxes=boxes), clip, bars=bars)
    emit(report.as_json(), video_text(report), as_json)
    return _end(report)


def video_text(report: Any) -> str:
    """A few lines for people."""
    with_hands = sum(frames for count, frames in report.frames_with.items() if count)
    counted = [
        f"{frames} frames with {count or 'no'} hand{'s' * (count != 1)}"
        for count, frames in sorted(report.frames_with.items())
    ]
    lines = [
        f"{report.hands} hands in {with_hands} of {report.frames} frames by {report.method}, written to {report.out}",
        f"{', '.join(counted)}; {report.fps:.4g} frames a second",
        f"{len(report.tracks)} tracks; the longest gap in one is {report.longest_gap} frames",
    ]
    if report.tracks:
        longest = sorted(report.tracks, key=lambda track: (-track["frames"], track["track"]))[:_TRACKS_SHOWN]
        names = ("track", "side", "first", "last", "frames", "missing", "longest_gap", "other_side")
        lines += [
            "",
            table([name.replace("_", " ") for name in names], [[track[name] for name in names] for track in longest]),
        ]
        lines += [f"and {len(report.tracks) - len(longest)} shorter ones"] if len(report.tracks) > len(longest) else []
        lines.append("")
    lines += (
        [f"left out: {report.short[1]} hands in {report.short[0]} tracks that are too short"] if report.short[0] else []
    )
    lines += [f"left out: {report.duplicates} hands that were another one seen again"] if report.duplicates else []
    if report.looked_again:
        lines.append(f"{report.looked_again} hands were shown to the model again as the side that their track has")
    asked = f"; the detector of boxes in {report.box_calls}" if report.box_calls else ""
    lines.append(
        f"the model looked at {report.model_calls} frames{asked}; what was known from earlier was not asked again"
    )
    lines.append(f"smoothing: {report.smoothing}")
    lines += [f"overlay: {report.overlay}"] if report.overlay else []
    return "\n".join(lines)


def _end(report: Any) -> int:
    """3 where frames are damaged or there is no hand at all, with one line for each reason."""
    from hint_toolkit.errors import shorten

    if report.unknown:
        log(
            f"hint-eval: {len(report.unknown)} pictures of the box file are no frames of this video: "
            f"{shorten(report.unknown, 2)}"
        )
    if report.incomplete:
        log(f"hint-eval: {report.incomplete}; predict them from a whole copy of the file")
    elif not report.hands:
        log(f"hint-eval: no hand in any of {report.frames} frames; look at it with --overlay, or give --boxes FILE")
    return 3 if report.incomplete or not report.hands else 0
