"""Figures of people's labels: how far they agree a joint, and how far they moved what they were shown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.atomic import replacing
from hint_toolkit.joints import FINGER_COLORS, JOINTS, finger_of

_SUFFIXES: Final = (".png", ".svg", ".pdf")
_BINS: Final = ("#e9eef2", "#bcd7e8", "#7fb6d6", "#3f8fbf", "#e08a3c", "#c0392b")


def agreement_figure(result: Mapping[str, Any], path: Path) -> None:
    """Distance and occlusion alpha of every joint with their intervals, fingers in their colours.

    Args:
        result: of `flows.agreement`.
        path: file to write; its suffix says which kind.

    Raises:
        InputError: another suffix.
        MissingExtra: matplotlib is not installed.
    """
    rows = [row for row in result["rows"] if row["who"] == "everybody" and row["joint"]]
    measures = {
        "distance / hand size": "distance, % of hand size",
        "occlusion alpha": "Krippendorff's alpha, occlusion",
    }

    def draw(figure: Any) -> None:
        axes = figure.subplots(2, 1, sharex=True)
        for place, (name, label) in zip(axes, measures.items(), strict=True):
            found = {row["joint"]: row for row in rows if row["measure"] == name}
            scale = 100.0 if name.startswith("distance") else 1.0
            for k, joint in enumerate(JOINTS):
                _mark(place, k, found.get(joint), scale)
            place.set_ylabel(label)
            place.grid(axis="y", alpha=0.25)
        axes[0].set_ylim(bottom=0)
        axes[1].set_ylim(top=1.02)
        axes[1].set_xticks(range(len(JOINTS)), [_short(joint) for joint in JOINTS], rotation=60, ha="right")
        people = len(result["people"])
        axes[0].set_title(f"{people} people, {result['hands']} hands; bars: 95 % over clips", loc="left", fontsize=10)

    _save(path, (8.0, 6.0), draw)


def anchoring_figure(result: Mapping[str, Any], path: Path) -> None:
    """How far every person moved the points: one bar a person and subset, stacked by distance.

    Raises:
        InputError: another suffix than png, svg or pdf.
        MissingExtra: matplotlib is not installed.
    """
    rows = [row for row in result["moves"] if row["joint"] is None and row["joints"]]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for y, row in enumerate(rows):
            left = 0.0
            for (name, share), color in zip(row["shares"].items(), _BINS, strict=True):
                axes.barh(y, 100 * share, left=100 * left, color=color, label=name if y == 0 else None, height=0.8)
                left += share
        named = set(result["named"])
        labels = [f"{row['who']}{' (!)' if row['who'] in named else ''}, {row['subset']}" for row in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel="% of points that were shown, by how far they were moved (of the hand's size)")
        axes.legend(ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=8)

    _save(path, (9.0, 1.6 + 0.26 * len(rows)), draw)


def _mark(axes: Any, k: int, row: Mapping[str, Any] | None, scale: float) -> None:
    """One joint's value and interval; nothing where it is not defined."""
    if row is None or row["value"] is None:
        return
    rgb = FINGER_COLORS[finger_of(k)]
    axes.plot([k], [scale * row["value"]], "o", color=rgb, markersize=6, markeredgecolor="#333333", markeredgewidth=0.5)
    if row["interval"]:
        axes.vlines(k, scale * row["interval"][0], scale * row["interval"][1], color=rgb, linewidth=2)


def _short(joint: str) -> str:
    return joint.replace("_finger", " ")


def _save(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> None:
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"{path.suffix or 'no suffix'} is no figure", where=str(path), next_step="use .png, .svg or .pdf"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    figure = Figure(figsize=size, layout="constrained", dpi=130)
    draw(figure)
    facts: dict[str, Any] = {"Date": None} if path.suffix.lower() == ".svg" else {}
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix.lower()[1:], metadata=facts or None)
