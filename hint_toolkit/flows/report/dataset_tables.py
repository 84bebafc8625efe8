"""A dataset's statistics as tables, for the terminal and the page alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hint_toolkit.errors import one_line
from hint_toolkit.export.people import SIMULATED
from hint_toolkit.flows.report.figures import joint_label

NOTHING: Final = "n/a"


@dataclass(frozen=True)
class Block:
    """One table. Cells are text, or whole numbers.

    Attributes:
        title: what it tells.
        head: names of the columns.
        rows: none where there is nothing to tell.
        notes: sentences below.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]
    notes: tuple[str, ...] = ()


def warning(stats: Mapping[str, Any]) -> str:
    """What must be said first of labels that are no person's; "" where there is nothing of the kind."""
    drawn = sum(row["hands"] for row in stats["annotators"] if row["annotator"] == SIMULATED)
    if not drawn:
        return ""
    return f"{drawn:,} of {stats['hands']:,} hands were labelled by a scripted annotator, not by people."


def facts(stats: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The first lines: what was counted, and how much."""
    states = ", ".join(f"{n} {state}" for state, n in stats["states"].items())
    pairs = [
        ("read from", f"{stats['kind']}, {stats['format']}" + (f" ({states})" if states else "")),
        ("content", stats["content"][:12]),
        ("hands", f"{stats['hands']:,} in {stats['frames']:,} frames of {stats['clips']:,} clips"),
        ("pictures", f"{stats['hands_with_picture']:,} hands have one"),
        ("occluded", f"{percent(stats['occluded_share'])} % of existing joints"),
        ("absent", f"{percent(stats['absent_share'])} % of all joints"),
        ("hands a frame", spread(stats["hands_a_frame"])),
        ("hands a clip", spread(stats["hands_a_clip"])),
        ("box", f"longer side in px: {spread(stats['size']['pixels'])}"),
        ("box in image", f"longer side in % of the image's: {spread(stats['size']['share'], 100)}"),
        ("seconds a hand", spread(stats["seconds"])),
        ("detectors", ", ".join(f"{one_line(n)} ({k:,} hands)" for n, k in stats["detectors"].items()) or NOTHING),
    ]
    return pairs


def blocks(stats: Mapping[str, Any]) -> list[Block]:
    """All tables."""
    return [
        _groups(stats),
        _joints(stats),
        _duplicates(stats["duplicates"]),
        _prelabels(stats["prelabels"]),
        _annotators(stats["annotators"]),
        _licences(stats["licences"]),
    ]


def _groups(stats: Mapping[str, Any]) -> Block:
    names = ("hands", "left", "right", "frames", "clips")
    rows: list[tuple[str | int, ...]] = [
        (
            *(one_line(g["source"]) or NOTHING, g["split"], g["subset"]),
            *(g[name] for name in names),
            percent(g["occluded_share"]),
            g["pictures"],
        )
        for g in stats["groups"]
    ]
    head = ("source", "split", "subset", *names, "occluded %", "pictures")
    return Block("Hands by source, split and subset", head, tuple(rows))


def _joints(stats: Mapping[str, Any]) -> Block:
    rows = tuple(
        (
            joint_label(row["joint"]),
            *(row[name] for name in ("exists", "absent", "occluded")),
            *(percent(row[name]) for name in ("absent_share", "occluded_share")),
        )
        for row in stats["joints"]
    )
    head = ("joint", "exists", "absent", "occluded", "absent %", "occluded %")
    return Block("Joints", head, rows, ("absent: of all hands; occluded: of the hands in which the joint exists",))


def _duplicates(found: Mapping[str, Any]) -> Block:
    rows = (
        ("pairs of labels on one hand of one picture", found["same_hand_twice"]),
        ("hands with exactly the points of another", found["copied_points"]),
        ("frames in several folders (split, source, subset)", found["frames_in_several_folders"]),
        ("clips in several splits", found["clips_in_several_splits"]),
    )
    notes = [f"one hand: joints on average within {100 * found['near']:g} % of the box's longer side"]
    notes += [f"on one hand: {one_line(a)} and {one_line(b)}" for a, b in found["same_hand_twice_first"]]
    return Block("What is there twice", ("what", "how many"), rows, tuple(notes))


def _prelabels(found: Mapping[str, Any] | None) -> Block:
    title = "How far pre-labels were moved"
    if not found or not found["points"]:
        return Block(title, (), (), ("the pre-labels are not at hand, or no hand began with one",))
    head = ("joint", "points", f"over {found['still']:g} px %", *(f"over {limit:g} %" for limit in found["limits"]))
    rows: list[tuple[str | int, ...]] = [
        (name, row["points"], percent(row["moved"]), *map(percent, row["farther"]))
        for name, row in [("all", found), *((joint_label(r["joint"]), r) for r in found["joints"])]
    ]
    median = NOTHING if found["median"] is None else f"{found['median']:.3f}"
    notes = (
        "share of points moved farther than that, in pixels or in longer sides of the box",
        f"{found['hands']:,} hands began with a pre-label, {found['hands_without']:,} did not; "
        f"{found['side_changed']:,} changed side; median move {median} of the box",
    )
    return Block(title, head, tuple(rows), notes)


def _annotators(rows: Sequence[Mapping[str, Any]]) -> Block:
    listed = tuple((row["annotator"] or "not recorded", row["hands"], _number(row["median_seconds"])) for row in rows)
    return Block("Annotators", ("annotator", "hands", "median s a hand"), listed)


def _licences(rows: Sequence[Mapping[str, Any]]) -> Block:
    listed = tuple(
        (
            *(one_line(row["source"]) or NOTHING, one_line(row["licence"]) or "not stated"),
            "yes" if row["redistributable"] else "no",
            *(row["hands"], row["pictures"]),
        )
        for row in rows
    )
    return Block("Licences of the pixels", ("source", "licence", "may be passed on", "hands", "pictures"), listed)


def percent(share: float | None) -> str:
    """A share in %, one decimal."""
    return NOTHING if share is None else f"{100 * share:.1f}"


def spread(found: Mapping[str, Any] | None, factor: float = 1) -> str:
    """`median 187.2 (121.5 to 326.4)`."""
    if found is None:
        return NOTHING
    low, median, high = (_number(factor * found[name]) for name in ("low", "median", "high"))
    return f"median {median} ({low} to {high})"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.1f}".removesuffix(".0")
