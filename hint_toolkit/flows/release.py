"""Annotations -> a release that others can use: final rows, checked, in every wanted format."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.export.registry import open_format
from hint_toolkit.geometry import finite
from hint_toolkit.io.atomic import write_json, write_text
from hint_toolkit.io.hint_names import folder_name, stem_name
from hint_toolkit.io.release import LATEST, MANIFEST_FILE, content_hash
from hint_toolkit.issues import Issues
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace


@dataclass(frozen=True)
class ReleaseReport:
    """What was released."""

    path: Path
    version: str
    content: str
    hands: int
    skipped: int
    issues: Issues


def export(
    workspace: Workspace, *, formats: Sequence[str], version: str | None = None, force: bool = False
) -> ReleaseReport:
    """Write `releases/<version>/` and make it the latest.

    Args:
        workspace: with pulled annotations.
        formats: names from `export.registry`.
        version: name of the folder; "v-" and the start of the content hash when None.
        force: replace a release of the same name but another content.

    Raises:
        InputError: nothing to release, an unknown format, a name that is no folder name, or one taken.
    """
    writers = [open_format(name) for name in formats]
    if version is not None and (not version.strip() or Path(version).name != version or version.startswith(".")):
        raise InputError(f"{version!r} cannot name a release", next_step="use letters, digits, - and .")
    with workspace.lock():
        annotations = workspace.read_annotations()
        issues = Issues()
        hands = released(final_rows(annotations, issues))
        if not len(hands):
            raise InputError(
                "no submitted hand to release",
                where=str(workspace.annotations_file),
                next_step="correct hands in Label Studio, then run: hint-build pull",
            )
        content = content_hash(hands)
        version = version or f"v-{content[:12]}"
        target = workspace.releases_folder / version
        skipped = int((annotations.state == "skipped").sum())
        report = ReleaseReport(target, version, content, len(hands), skipped, issues)
        manifest = _manifest(hands, report, formats)
        if target.exists() and not force and not _holds(target, manifest):
            raise InputError(
                "a release of this name holds something else",
                where=str(target),
                next_step="use another --version, or --force",
            )
        _replace(workspace, target, writers, hands, manifest)
    return report


def _replace(workspace: Workspace, target: Path, writers: list[Any], hands: Hands, manifest: dict[str, Any]) -> None:
    """Build beside the target, then rename: nobody ever sees half a release."""
    for torn in workspace.releases_folder.glob(".building-*"):
        shutil.rmtree(torn)
    building = workspace.releases_folder / f".building-{os.getpid()}"
    for write in writers:
        write(hands, workspace.root, building)
    write_json(building / MANIFEST_FILE, manifest)
    if target.exists():
        shutil.rmtree(target)
    os.replace(building, target)
    write_text(workspace.releases_folder / LATEST, f"{target.name}\n")


def _holds(target: Path, manifest: dict[str, Any]) -> bool:
    """Whether a release folder was made from the same hands."""
    try:
        held = json.loads((target / MANIFEST_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(held == manifest)


def final_rows(annotations: Hands, issues: Issues) -> Hands:
    """One submitted row a hand: the last one in the table; rows that cannot be released are named and left out."""
    submitted = annotations.take(annotations.state == "submitted")
    counts = Counter(submitted.id.tolist())
    several = sorted(hand_id for hand_id, n in counts.items() if n > 1)
    if several:
        issues.warn(f"{len(several)} hands have several annotations, the last one is used: {shorten(several)}")
    last = {hand_id: i for i, hand_id in enumerate(submitted.id)}
    hands = submitted.take(np.array(sorted(last.values()), dtype=np.int64)).sorted()
    has_points = ~(hands.exists & ~finite(hands.points)).any(axis=1)
    has_box = np.isfinite(hands.box).all(axis=1) & (hands.box[:, 2:] > hands.box[:, :2]).all(axis=1)
    for hand_id in hands.id[~has_points]:
        issues.error("has a joint that exists without coordinates", id=hand_id, field="points")
    for hand_id in hands.id[~has_box]:
        issues.error("has no box, or one without area", id=hand_id, field="box")
    return hands.take(np.asarray(has_points & has_box))


def released(hands: Hands) -> Hands:
    """The same hands under their released ids, `<folder>/<stem>`."""
    ids = [f"{folder_name(h.split, h.source, h.subset)}/{stem_name(h.id, h.side)}" for h in hands]
    return hands.replace(id=ids) if ids else hands


def _manifest(hands: Hands, report: ReleaseReport, formats: Sequence[str]) -> dict[str, Any]:
    """What the release is, without times or places, so that the same content gives the same file."""
    return {
        "schema": "hint-release/1",
        "version": report.version,
        "content": report.content,
        "toolkit": __version__,
        "formats": sorted(formats),
        "hands": len(hands),
        "sources": dict(sorted(Counter(hands.source.tolist()).items())),
        "splits": dict(sorted(Counter(hands.split.tolist()).items())),
        "sides": dict(sorted(Counter(hands.side.tolist()).items())),
        "annotators": dict(sorted(Counter(hands.annotator.tolist()).items())),
        "detectors": sorted({name for name in hands.detector.tolist() if name}),
        "licences": sorted(set(hands.licence.tolist())),
        "occluded_joints": int(hands.occluded.sum()),
        "existing_joints": int(hands.exists.sum()),
    }
