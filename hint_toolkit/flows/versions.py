"""Versions of a dataset: what differs between two, a patch from one to the other, and patches applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.export.base import ExportOptions
from hint_toolkit.flows.release import ReleaseReport, Rules, write_release
from hint_toolkit.io.errata import Errata, lineage_of, read_errata
from hint_toolkit.io.hint_names import parse_stem
from hint_toolkit.io.release import Truth, content_hash, read_truth
from hint_toolkit.io.stream import HandSource, of_hands
from hint_toolkit.issues import Issues
from hint_toolkit.quality.changes import Changes, changes_between, moves, provenance_counts
from hint_toolkit.quality.patches import entries_of, merged, misfits, patched
from hint_toolkit.records import Hands


@dataclass(frozen=True)
class Difference:
    """Two datasets and what differs.

    Attributes:
        old: the first.
        new: the second.
        changes: between their hands.
    """

    old: Truth
    new: Truth
    changes: Changes

    @property
    def same(self) -> bool:
        """Whether both are one version; provenance may differ."""
        return self.old.version == self.new.version

    def to_dict(self, most: int | None = None) -> dict[str, Any]:
        """Everything as plain JSON, the same for the same two datasets; see docs/versions.md.

        Args:
            most: only so many of the largest moves, and no old and new values; what a terminal shows.
        """
        changes = self.changes
        names = changes.old.id, changes.new.id
        entries = {e.id: e for e in entries_of(changes) if e.action == "change"} if most is None else {}
        return {
            "schema": "hint-diff/1",
            "old": _named(self.old),
            "new": _named(self.new),
            "same_content": self.same,
            "counts": changes.counts(),
            "fields": changes.fields(),
            "folders": changes.folders(),
            "removed": names[0][changes.removed].tolist(),
            "added": names[1][changes.added].tolist(),
            "renamed": [{"from": names[0][i], "to": names[1][j]} for i, j in changes.renamed.tolist()],
            "changed": [
                {"id": name, "old": entries[name].old, "new": entries[name].new} if most is None else {"id": name}
                for name in names[0][changes.changed[:, 0]]
            ],
            "moves": moves(changes, most),
            "provenance": provenance_counts(changes),
        }


def _named(truth: Truth) -> dict[str, Any]:
    named = {"name": truth.path.resolve().name, "format": truth.format, "version": truth.version}
    return named | {"hands": len(truth.hands)} | lineage_of(truth.path, truth.version)


def diff_datasets(old: Path, new: Path) -> Difference:
    """Compare two datasets of any format that `io.release.read_truth` reads.

    Raises:
        InputError: one of them is not there, is damaged, or holds an infinite coordinate.
    """
    read = [read_truth(path) for path in (old, new)]
    for truth in read:
        endless = np.isinf(truth.hands.points).any(axis=(1, 2)) | np.isinf(truth.hands.box).any(axis=1)
        if endless.any():
            ids = shorten(truth.hands.id[endless])
            raise InputError(f"an infinite coordinate in {ids}", where=str(truth.path), next_step="mend it first")
    return Difference(read[0], read[1], changes_between(read[0].hands, read[1].hands))


def make_errata(
    difference: Difference, *, reason: str = "", who: str = "", link: str = "", provenance: bool = False
) -> Errata:
    """The patch that turns the first dataset into the second; write it with `io.errata.write_errata`.

    Args:
        difference: from `diff_datasets`.
        reason: why the hands were changed.
        who: who decided.
        link: where it was discussed.
        provenance: also licence, split, annotator and the like of hands that both have, which no version depends on.
    """
    entries = entries_of(difference.changes, provenance=provenance)
    return Errata(difference.old.version, difference.new.version, tuple(entries), reason, who, link)


@dataclass(frozen=True)
class PatchReport:
    """What was patched.

    Attributes:
        release: what was written.
        base: version that was read.
        result: version after the errata, before any rule of the export.
        applied: entries that were applied.
        skipped: id -> why its entry was not applied; only with `force_base`.
    """

    release: ReleaseReport
    base: str
    result: str
    applied: int
    skipped: Mapping[str, str]


def apply_errata(
    path: Path,
    errata: Sequence[Path],
    out: Path,
    *,
    formats: Sequence[str],
    force_base: bool = False,
    force: bool = False,
    options: ExportOptions | None = None,
    rules: Rules | None = None,
) -> PatchReport:
    """Write a dataset with errata applied as the release folder `out`: all of them, or nothing at all.

    Errata follow each other (each is for the result of those before it), or are for the same base and touch
    different things. The manifest names the version of the base and every file of errata.

    Args:
        path: dataset of any format that `io.release.read_truth` reads.
        errata: files, in their order.
        out: folder to write.
        formats: names from `export.registry`.
        force_base: apply to another version than the errata are for, entry by entry, wherever the old values match.
        force: replace what is at `out`.
        options: of the formats.
        rules: of the pixels.

    Raises:
        InputError: errata for another version, unknown hands, old values that differ, patches that conflict, a result
            that is not the promised version, `out` and `path` inside each other, or as `flows.release.convert`.
    """
    if not errata:
        raise InputError("no errata to apply", next_step="pass --errata FILE")
    here, there = path.resolve(), out.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise InputError("overlaps with the dataset that is read", where=str(out), next_step="use another --out")
    truth, patches = read_truth(path), [read_errata(file) for file in errata]
    issues = Issues(list(truth.issues))
    if force_base:
        hands, skipped = _where_it_fits(truth.hands, patches, issues)
    else:
        hands, skipped = _in_steps(truth, patches), {}
    _say_doubts(truth.hands, hands, issues)
    lineage = lineage_of(truth.path, truth.version) or {"base": truth.version, "errata": []}
    # A patch of a patched release names everything since the first version.
    facts = {"base": lineage["base"], "errata": [*lineage["errata"], *map(_fact, patches)]}
    if skipped:
        facts["errata_entries_skipped"] = len(skipped)
    source = HandSource(
        truth.path, truth.image_root, truth.format, of_hands(hands), annotators=frozenset(hands.annotator)
    )
    report = write_release(
        source, out, formats=formats, force=force, options=options, rules=rules, issues=issues, facts=facts
    )
    applied = sum(len(patch.entries) for patch in patches) - len(skipped)
    return PatchReport(report, truth.version, content_hash(hands), applied, skipped)


def _fact(patch: Errata) -> dict[str, Any]:
    named = {"name": patch.name, "sha256": patch.sha256, "entries": len(patch.entries)}
    return named | {"base": patch.base, "result": patch.result}


def _in_steps(truth: Truth, patches: Sequence[Errata]) -> Hands:
    """Errata for one base are merged, others build on the result of those before."""
    hands, version, rest = truth.hands, truth.version, list(patches)
    while rest:
        if rest[0].base != version:
            raise InputError(
                f"is for version {rest[0].base[:12]}, not for {version[:12]}",
                where=rest[0].name,
                why=f"that is {truth.path.name}" + (" with the errata before it" if version != truth.version else ""),
                next_step="name the right dataset and order, or add --force-base to apply it where old values match",
            )
        step = [rest.pop(0)]
        while rest and rest[0].base == version:
            step.append(rest.pop(0))
        results = [_alone(hands, patch) for patch in step]
        whole = merged([(patch.name, patch.entries) for patch in step]) if len(step) > 1 else []
        hands = patched(hands, whole) if whole else results[-1]
        version = content_hash(hands)
    return hands


def _alone(hands: Hands, patch: Errata) -> Hands:
    """The hands after one patch, which fits in every entry and keeps what it promises."""
    issues = Issues()
    for hand_id, why in misfits(hands, patch.entries).items():
        issues.error(why, file=patch.name, id=hand_id)
    issues.raise_errors("nothing was written")
    result = patched(hands, patch.entries)
    version = content_hash(result)
    if version != patch.result:
        raise InputError(
            f"promises version {patch.result[:12]}, but leads to {version[:12]}",
            where=patch.name,
            next_step="make it again with: hint-build diff A B --out FILE",
        )
    return result


def _where_it_fits(hands: Hands, patches: Sequence[Errata], issues: Issues) -> tuple[Hands, dict[str, str]]:
    """Apply every entry that fits; the others are named and counted."""
    skipped: dict[str, str] = {}
    for patch in patches:
        misfit = misfits(hands, patch.entries)
        for hand_id, why in misfit.items():
            issues.error(f"{why}; this entry was not applied", file=patch.name, id=hand_id)
            skipped[f"{patch.name} > {hand_id}"] = why
        hands = patched(hands, [entry for entry in patch.entries if entry.id not in misfit])
    return hands, skipped


def _say_doubts(before: Hands, after: Hands, issues: Issues) -> None:
    """Names that end in the other side, which HInt's folders would read back, and new hands without a picture."""
    held = set(zip(before.id.tolist(), before.side.tolist(), strict=True))
    fresh = after.take(np.array([pair not in held for pair in zip(after.id, after.side, strict=True)], bool))
    ends = [parse_stem(name.rsplit("/", 1)[-1]).side for name in fresh.id]
    wrong = [name for name, end, side in zip(fresh.id, ends, fresh.side, strict=True) if end and end != side]
    if wrong:
        issues.warn(f"{len(wrong)} hands have a name that ends in the other side: {shorten(wrong)}")
    blank = [name for name in sorted(set(after.id[after.image == ""]) - set(before.id)) if (before.image != "").any()]
    if blank:
        issues.warn(f"{len(blank)} hands of the errata have no picture here: {shorten(blank)}")
