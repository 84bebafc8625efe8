"""Plans from files: the same clips, or an error that names the one that differs."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.flows.sample_options import PLACES, SampleOptions
from hint_toolkit.flows.sample_plan import PLAN_VERSION, Picked, Plan, PlannedClip, Removed, check_names, open_clip
from hint_toolkit.issues import Issues
from hint_toolkit.sources.base import Clip


def read_plan(path: Path, videos: Path) -> Plan:
    """A plan from its file, with the clips below `videos` that it was made of.

    Raises:
        InputError: no plan, or damaged; a clip is missing, cannot be opened or has another content than the plan's.
    """
    held = _read_json(path)
    issues = Issues()
    planned = []
    try:
        known = {item.name for item in fields(SampleOptions)} - set(PLACES)
        chosen: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in held["options"].items() if k in known
        }
        options = SampleOptions(videos, **chosen)
        listed = [(_clip_of(one, videos), one) for one in held["clips"]]
        for clip, one in listed:
            if (found := _same(clip, one["content"], issues)) is not None:
                planned.append(replace(found, **_choice_of(one)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("is a damaged plan", where=str(path), why=f"{type(error).__name__}: {error}") from error
    issues.raise_errors("pass the folder with the clips that the plan was made of as --videos")
    check_names(tuple(planned))
    return Plan(options, tuple(planned))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("is no plan that can be read", where=str(path), why=str(error)) from error
    if not isinstance(held, dict) or held.get("plan") != PLAN_VERSION:
        version = held.get("plan") if isinstance(held, dict) else None
        raise InputError(
            f"is no plan of version {PLAN_VERSION}",
            where=str(path),
            why=f"its version is {version}",
            next_step="make one with: hint-build sample --dry-run --plan-out FILE",
        )
    return held


def _clip_of(held: Mapping[str, Any], videos: Path) -> Clip:
    base = videos if videos.is_dir() else videos.parent
    names = [str(held["video"]), *map(str, held.get("pictures", ()))]
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise ValueError(f"{held['video']} lies outside the folder")
    return Clip(
        video_id=str(held["video_id"]),
        path=base / held["video"],
        name=held["video"],
        pictures=tuple(base / name for name in names[1:]),
        group=held["group"],
        licence=held["licence"],
        redistributable=held["redistributable"],
    )


def _same(clip: Clip, content: str, issues: Issues) -> PlannedClip | None:
    """The opened clip, if it is the one of the plan."""
    try:
        found = open_clip(clip)
    except MissingExtra:
        raise
    except (InputError, OSError) as error:
        issues.error(f"the plan needs it and it cannot be opened: {getattr(error, 'why', error)}", file=clip.name)
        return None
    if found.content != content:
        issues.error(f"is not the clip that was planned: content {found.content}, not {content}", file=clip.name)
        return None
    return found


def _choice_of(held: Mapping[str, Any]) -> dict[str, Any]:
    for item in [*held["frames"], *held["removed"]]:
        if type(item["frame_index"]) is not int or type(item.get("image_number", 0)) is not int:
            raise ValueError(f"a frame of {held['video']} has a number that is none")
    return {
        "source": held["source"],
        "split": held["split"],
        "picks": tuple(Picked(**pick) for pick in held["frames"]),
        "removed": tuple(Removed(**one) for one in held["removed"]),
    }
