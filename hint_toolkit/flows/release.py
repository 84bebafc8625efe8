"""Annotations -> a release that others can use; and any dataset -> any format."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.export.base import Change, Dataset, ExportOptions, Pictures, safe_name, sized
from hint_toolkit.export.people import pseudonyms
from hint_toolkit.export.policy import Policy, read_take_down
from hint_toolkit.flows.consensus import read_consensus
from hint_toolkit.flows.publish import Order, publish
from hint_toolkit.geometry import finite
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.errata import lineage_of
from hint_toolkit.io.hint_names import folder_name, source_of_stem, stem_name
from hint_toolkit.io.release import LATEST
from hint_toolkit.io.stream import HandSource, of_hands, open_hands
from hint_toolkit.issues import Issues
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace


@dataclass(frozen=True)
class Rules:
    """What the pixels and people in a release are owed.

    Attributes:
        take_down: file with ids that no format may hold; None for no such list.
        licensed: the user has a licence for pixels that may not be passed on; recorded in the manifest.
        change: applied to every picture, e.g. `export.faces.FaceBlur`; None leaves the files as they are.
        change_name: what `change` is, for the manifest.
    """

    take_down: Path | None = None
    licensed: bool = False
    change: Change | None = None
    change_name: str = ""


@dataclass(frozen=True)
class ReleaseReport:
    """What was released."""

    path: Path
    version: str
    content: str
    hands: int
    skipped: int
    issues: Issues
    manifest: dict[str, Any] = field(default_factory=dict)


def export(
    workspace: Workspace,
    *,
    formats: Sequence[str],
    version: str | None = None,
    force: bool = False,
    options: ExportOptions | None = None,
    rules: Rules | None = None,
    labels: str = "annotations",
) -> ReleaseReport:
    """Write `releases/<version>/` from a workspace's annotations and make it the latest.

    Args:
        workspace: with pulled annotations.
        formats: names from `export.registry`.
        version: name of the folder; "v-" and the start of the content hash when None.
        force: replace a release of the same name but another content.
        options: of the formats.
        rules: licences, take-downs, faces.
        labels: "annotations", the last answer to every hand, or "consensus", what several support.

    Raises:
        InputError: nothing to release, an unknown format, a name that is no folder name, or one taken.
    """
    if version is not None and ("/" in version or version.startswith(".") or not safe_name(version)):
        raise InputError(f"{version!r} cannot name a release", next_step="use letters, digits, - and .")
    with workspace.lock(begins=False):
        annotations = read_consensus(workspace) if labels == "consensus" else workspace.read_annotations()
        issues = Issues()
        hands = released(final_rows(annotations, issues))
        if not len(hands):
            raise InputError(
                "no submitted hand to release",
                where=str(workspace.annotations_file),
                next_step="correct hands in Label Studio, then run: hint-build pull",
            )
        named = pseudonyms(hands.annotator, workspace.secret())
        hands = hands.replace(annotator=[named[name] for name in hands.annotator])
        source = HandSource(workspace.annotations_file, workspace.root, "annotations", of_hands(hands))
        folder = workspace.releases_folder
        report = _release(source, folder, version, formats, options, rules, force, issues)
        write_text(folder / LATEST, f"{report.path.name}\n")
    return replace(report, skipped=int((annotations.state == "skipped").sum()))


def convert(
    path: Path,
    out: Path,
    *,
    formats: Sequence[str],
    force: bool = False,
    options: ExportOptions | None = None,
    rules: Rules | None = None,
) -> ReleaseReport:
    """Write hands of any format that `io.release.read_truth` reads as a release folder `out`.

    Raises:
        InputError: nothing there, an unknown format, `out` inside of `path`, or `out` holds something else.
    """
    source = open_hands(path)
    return write_release(
        source, out, formats=formats, force=force, options=options, rules=rules, issues=Issues(list(source.issues))
    )


def write_release(
    source: HandSource,
    out: Path,
    *,
    formats: Sequence[str],
    issues: Issues,
    force: bool = False,
    options: ExportOptions | None = None,
    rules: Rules | None = None,
    facts: Mapping[str, Any] | None = None,
) -> ReleaseReport:
    """Write hands as the release folder `out`.

    Args:
        source: the hands.
        out: folder to write.
        formats: names from `export.registry`.
        issues: what was found so far; what is left out is added.
        force: replace a release of another content.
        options: of the formats.
        rules: licences, take-downs, faces.
        facts: further entries of the manifest.

    Raises:
        InputError: as `flows.publish.publish`.
    """
    place, read = Path(os.path.abspath(out)), source.path.resolve()
    if place.resolve().is_relative_to(read) or read.is_relative_to(place.resolve()):
        raise InputError("overlaps with the dataset that is read", where=str(out), next_step="use another --out")
    if not place.name or place == Path.cwd() or not safe_name(place.name):
        raise InputError("cannot be a release", where=str(out), next_step="name a new folder with --out")
    return _release(source, place.parent, place.name, formats, options, rules, force, issues, facts)


def _release(
    source: HandSource,
    folder: Path,
    version: str | None,
    formats: Sequence[str],
    options: ExportOptions | None,
    rules: Rules | None,
    force: bool,
    issues: Issues,
    more: Mapping[str, Any] | None = None,
) -> ReleaseReport:
    """Apply the rules, name the release, write it, and say what was left out."""
    rules, options = rules or Rules(), options or ExportOptions()
    if options.published:
        _check_date(options.published)
    listed = read_take_down(rules.take_down) if rules.take_down else frozenset()
    policy = Policy(listed, rules.licensed, options.pictures)
    pictures = Pictures(source.root, rules.change)
    dataset = Dataset(policy.over(sized(_nameless(source), pictures)), pictures)
    name = version or f"v-{dataset.summary.content[:12]}"

    def facts() -> dict[str, Any]:
        found: dict[str, Any] = {"version": name}
        # A patched release that is only written anew, in other formats, stays one.
        found |= more or lineage_of(source.path, dataset.summary.content)
        if rules.licensed:
            found["i_have_license"] = True
        if rules.change is not None:
            found["pictures_changed"] = rules.change_name
        if listed:
            # The ids themselves must not be published with what they were taken from.
            found["take_down_entries"] = len(listed)
        return found

    manifest = publish(dataset, folder / name, Order(formats, options, facts, force))
    issues.found += dataset.notes.found
    _say_left_out(policy, listed, issues)
    summary = dataset.summary
    return ReleaseReport(folder / name, name, summary.content, summary.hands, 0, issues, manifest)


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no date", why=str(error), next_step="write it as 2026-11-22") from error


def _nameless(source: HandSource) -> Callable[[], Iterator[Hands]]:
    """The batches of a source with pseudonyms for its annotators; who they are is not published."""
    named = pseudonyms(source.annotators)
    if all(name == public for name, public in named.items()):
        return source.batches

    def read() -> Iterator[Hands]:
        for batch in source.batches():
            yield batch.replace(annotator=[named[name] for name in batch.annotator])

    return read


def _say_left_out(policy: Policy, listed: frozenset[str], issues: Issues) -> None:
    if policy.withheld:
        text = f"{policy.withheld} hands go without their picture, which may not be passed on"
        issues.warn(f"{text}; with a licence of your own add --i-have-license")
    if unused := sorted(listed - policy.used):
        issues.warn(f"{len(unused)} entries of the take-down list name nothing here: {shorten(unused)}")
    if listed:
        issues.warn(f"{policy.taken_down} hands were taken down")


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
    """The same hands under their released ids, `<folder>/<stem>`.

    A frame that is named as in HInt has one hand a side as a rule; then the stem is HInt's own, without a number.
    """
    sides = Counter(zip(hands.frame_id, hands.side, strict=True))
    ids = []
    for hand in hands:
        alone = sides[hand.frame_id, hand.side] == 1 and source_of_stem(hand.frame_id)
        stem = stem_name(hand.frame_id if alone else hand.id, hand.side)
        ids.append(f"{folder_name(hand.split, hand.source, hand.subset)}/{stem}")
    return hands.replace(id=ids) if ids else hands
