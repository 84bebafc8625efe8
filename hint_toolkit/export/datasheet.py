"""`datasheet.md`: where a release comes from and what it is good for, in the sections of "Datasheets for Datasets".

Sections after Gebru et al., arXiv 1803.09010. Only what the rows and the manifest hold is stated as known; what
nobody wrote down is listed as unknown. No person is named, and no clock is read.
"""

from pathlib import Path
from typing import Any

from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.described import (
    GROUP_HEAD,
    RIGHTS_HEAD,
    counted,
    group_rows,
    is_hint,
    markdown_table,
    people,
    percent,
    rights_rows,
    simulated,
    title,
    version,
    whole,
    words,
)
from hint_toolkit.export.people import is_public
from hint_toolkit.export.summary import Spread, Summary
from hint_toolkit.joints import JOINTS
from hint_toolkit.licences import ANNOTATIONS, CITATION

FILE = "datasheet.md"


def write(dataset: Dataset, target: Path, options: ExportOptions, manifest: dict[str, Any]) -> None:
    """Write `datasheet.md`, the same bytes for the same release."""
    summary = dataset.summary
    parts = [
        f"# Datasheet: {words(title(summary))}",
        f"Version {words(version(manifest))}, content {summary.content}. The sections are those of *Datasheets for "
        "Datasets* (Gebru et al., [arXiv 1803.09010](https://arxiv.org/abs/1803.09010)). Written by the export out of "
        "the data themselves; what they do not hold is said to be unknown.",
        _motivation(summary),
        _composition(summary),
        _collection(summary),
        _labelling(summary, manifest),
        _uses(summary),
        _distribution(summary, options, manifest),
        _maintenance(manifest),
    ]
    (target / FILE).write_text("\n\n".join(parts) + "\n", "utf-8")


def _motivation(summary: Summary) -> str:
    if is_hint(summary):
        why = f"All sources are HInt's, which was made to train and test hand pose in everyday video ({CITATION})."
    else:
        why = "Hands in pictures, labelled by the scheme of HInt (arXiv 2312.05251). For which task, is not recorded."
    return _section("Motivation", [why, "**Unknown here:** who made this selection, for whom, and who paid for it."])


def _composition(summary: Summary) -> str:
    joints, existing, occluded = 21 * summary.hands, int(summary.existing.sum()), int(summary.occluded.sum())
    none, many = int(summary.occluded_a_hand[0]), int(summary.occluded_a_hand[11:].sum())
    lines = [
        f"One instance is one hand in one picture: {counted(summary.hands, 'hand')} in "
        f"{counted(summary.frames, 'frame')} of {counted(summary.clips, 'clip')} (a frame of an unknown video is "
        "a clip of its own).",
        markdown_table(GROUP_HEAD, group_rows(summary)),
        "- **Label of a hand:** 21 points in pixels of the original image, for each whether the joint exists in the "
        "image and whether it is occluded, a box, and the side. A joint that does not exist may carry a point that "
        "means nothing.",
        f"- **Joints:** {percent(existing, joints)} of {whole(joints)} exist; {percent(occluded, existing)} of those "
        f"are occluded. {counted(none, 'hand')} without an occluded joint, {whole(many)} with more than ten.",
        f"- **Size:** longer side of the box {_spread(summary.size, 'px')}; {_share(summary.share)} of the longer side "
        "of the image.",
        f"- **Together:** {_spread(summary.hands_a_frame, 'hands')} a frame, {_spread(summary.hands_a_clip, 'hands')} "
        "a clip. Hands of one clip are alike: intervals should be drawn over clips.",
        f"- **Pictures:** {counted(summary.pictures, 'hand')} with the picture beside the label, "
        f"{whole(summary.hands - summary.pictures)} without.",
        "- **Splits:** as in the table; the rows carry them.",
        "- **People:** hands and what they do are visible, in source material that may show faces and homes. Nothing "
        "in the labels says who a person is.",
        _joint_table(summary),
    ]
    return _section("Composition", lines)


def _joint_table(summary: Summary) -> str:
    rows = []
    for name, existing, occluded in zip(JOINTS, summary.existing.tolist(), summary.occluded.tolist(), strict=True):
        absent = summary.hands - existing
        rows.append([words(name), whole(existing), percent(absent, summary.hands), percent(occluded, existing)])
    return markdown_table(("joint", "exists in", "absent", "occluded, of existing"), rows)


def _collection(summary: Summary) -> str:
    sources = [f"{words(name) or 'unnamed'} ({counted(n, 'hand')})" for name, n in summary.counts["source"].items()]
    detectors = [f"{words(name)} ({counted(n, 'hand')})" for name, n in summary.counts["detector"].items() if name]
    began = ", ".join(detectors) or "no detector is recorded"
    lines = [
        f"- **Sources:** {', '.join(sources)}.",
        "- **Frames:** rows name video and frame number where these are known.",
        f"- **Found by:** {began}. What a detector misses can be missing from the data.",
        "**Unknown here:** by which plan the frames were chosen, with what camera and when they were taken, and "
        "whether the people in them agreed; ask the source.",
    ]
    return _section("Collection", lines)


def _labelling(summary: Summary, manifest: dict[str, Any]) -> str:
    n, hands = people(summary)
    drawn, unsaid = simulated(summary), summary.counts["annotator"].get("", 0)
    names, lines = summary.counts["annotator"], []
    if drawn:
        lines.append(
            f"- **Not by people:** {counted(drawn, 'hand')} were labelled by a scripted annotator (truth plus known "
            "noise). They say nothing about how people label."
        )
    if n:
        named = "The rows name them by pseudonyms." if all(map(is_public, names)) else "The rows hold their names."
        lines.append(f"- **By people:** {counted(hands, 'hand')}, {counted(n, 'annotator')}. {named}")
    if unsaid:
        lines.append(f"- **By whom is not recorded:** {counted(unsaid, 'hand')}.")
    if summary.seconds is not None:
        lines.append(f"- **Time:** {_spread(summary.seconds, 's')} a hand, where it was taken ({summary.seconds.n}).")
    if changed := manifest.get("pictures_changed"):
        lines.append(f"- **Pictures were changed:** {words(str(changed))}.")
    lines.append(
        "- **Cleaning:** one label a hand, the last that was submitted; hands without a box or with a joint that "
        "exists but has no point are left out by the toolkit's own export."
    )
    lines.append("**Unknown here:** what the annotators were paid and told, and how well two of them agree.")
    return _section("Labelling and cleaning", lines)


def _uses(summary: Summary) -> str:
    lines = [
        "- **Meant for:** training and testing 2D hand keypoints and their visibility; `hint-eval` scores predictions.",
        "- **Not meant for:** telling who somebody is, or judging a person by their hands.",
        "- **Mind:** a detector that made the pre-labels is favoured when it is scored on them. Shares by source, side "
        "and size are those of the table, not those of the world.",
    ]
    if simulated(summary):
        lines.append("- **Do not** report scores on simulated labels as results on human ones.")
    return _section("Uses", lines)


def _distribution(summary: Summary, options: ExportOptions, manifest: dict[str, Any]) -> str:
    lines = [markdown_table(RIGHTS_HEAD, rights_rows(summary))]
    if is_hint(summary):
        lines.append(f"- **Annotations:** {ANNOTATIONS} (HInt).")
    else:
        lines.append("- **Annotations:** no licence is recorded for them; ask who gave you the release.")
    lines.append("- **Pixels:** keep the licence of their source. A licence of the annotations does not cover them.")
    barred = sum(r.pictures for r in summary.rights if not r.redistributable)
    if barred:
        lines.append(
            f"- **Do not pass on:** {counted(barred, 'hand')} come with a picture that may not be passed on; who "
            "exported them stated a licence of their own."
        )
    if entries := manifest.get("take_down_entries"):
        lines.append(f"- **Taken down:** a list of {entries} entries was left out of every format.")
    lines.append(f"- **Formats:** {', '.join(manifest['formats'])}. `release.json` holds size and sha256 of the files.")
    lines.append(f"- **Published:** {words(options.published) or 'not stated'}.")
    return _section("Distribution", lines)


def _maintenance(manifest: dict[str, Any]) -> str:
    lines = [
        f"- **Version:** {words(version(manifest))}; content hash {manifest['content']}, over id, side, box, points "
        "and flags of every hand. Another label is another hash; results should state it.",
        f"- **Made by:** hint_toolkit {manifest['toolkit']}.",
        f"- **Errata:** {_errata(manifest)} A further correction comes as a release with a hash of its own.",
        "**Unknown here:** whom to write to. Whoever publishes this adds an address.",
    ]
    return _section("Maintenance", lines)


def _errata(manifest: dict[str, Any]) -> str:
    if not manifest.get("errata"):
        return "none are recorded in this release."
    listed = [f"{words(str(one.get('name', '')))} ({one.get('entries', 'n/a')} entries)" for one in manifest["errata"]]
    return f"{', '.join(listed)}, applied to content {str(manifest.get('base', 'n/a'))[:12]}."


def _section(name: str, lines: list[str]) -> str:
    """Bullets stand together, everything else is a paragraph."""
    text = f"## {name}\n"
    before = ""
    for line in lines:
        text += line + "\n" if before.startswith("- ") and line.startswith("- ") else f"\n{line}\n"
        before = line
    return text.rstrip()


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return "n/a"
    low, median, high = (f"{v:.1f}".removesuffix(".0") for v in (spread.low, spread.median, spread.high))
    return f"median {median} {unit} ({low} to {high})"


def _share(spread: Spread | None) -> str:
    return "n/a" if spread is None else f"median {100 * spread.median:.1f} %"
