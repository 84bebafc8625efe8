"""The report's figures as SVG text, the same bytes for the same numbers.

They are drawn without pyplot, so the caller's backend and open figures stay as they are. Text and axes take the
page's own colour (`currentColor`), so that one figure serves a light and a dark page.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hint_toolkit.errors import MissingExtra
from hint_toolkit.joints import FINGER_COLORS, JOINTS, finger_of
from hint_toolkit.protocol import HAMER_V1, SUBSETS

INK: Final = "#010203"
"""Stands for the page's text colour until the SVG is written; no other element has it."""

_STYLES: Final = {
    "all": {"color": "#0a84d6", "linestyle": "-", "marker": "o"},
    "visible": {"color": "#1a9850", "linestyle": "--", "marker": "D"},
    "occluded": {"color": "#e0560b", "linestyle": ":", "marker": "s"},
}
"""Told apart by dash and marker too; every colour has contrast 3:1 or more on white and on the dark page."""

RC: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def pck_curve(curves: Sequence[Mapping[str, Any]], marks: Sequence[float] = HAMER_V1.thresholds, key: str = "c") -> str:
    """PCK of one source against the threshold: a line a subset, dotted verticals at the protocol's thresholds.

    Args:
        curves: records with `subset`, `thresholds` and `values` (0..1, None where nothing is scored).
        marks: where the verticals stand.
        key: unlike that of any other figure on the page.

    Returns:
        an `<svg>` element.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def draw(axes: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        right = max([t for curve in curves for t in curve["thresholds"]] or [0.2])
        for mark in (m for m in marks if m <= right):
            axes.axvline(mark, color=INK, linestyle=":", linewidth=0.8, alpha=0.5)
        for curve in sorted(curves, key=lambda c: _place(c["subset"])):
            style = _STYLES.get(curve["subset"], _STYLES["all"])
            values = [float("nan") if v is None else 100 * v for v in curve["values"]]
            line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 1.8}
            axes.plot(curve["thresholds"], values, label=curve["subset"], **line)
        axes.set(xlim=(0, right), ylim=(0, 100), xlabel="threshold (fraction of the normaliser)", ylabel="PCK (%)")
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)
        if curves:
            axes.legend(loc="lower right", frameon=False)

    return svg_of((4.6, 3.2), draw, key)


def per_joint(rows: Sequence[Mapping[str, Any]], key: str = "j") -> str:
    """Share of correct hands of every joint of one source at one threshold: a mark a subset.

    Args:
        rows: records with `joint` (name), `subset` and `value` (0..1, None where nothing is scored).
        key: unlike that of any other figure on the page.

    Returns:
        an `<svg>` element.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def draw(axes: Any) -> None:
        lines = range(len(JOINTS))
        for y in lines:
            axes.axhline(y, color=INK, alpha=0.10, linewidth=0.8, zorder=0)
        for subset in SUBSETS:
            style = _STYLES[subset]
            value = {row["joint"]: row["value"] for row in rows if row["subset"] == subset}
            dots = [(100 * value[name], y) for y, name in enumerate(JOINTS) if value.get(name) is not None]
            if dots:
                # Hollow, so that marks on the same place can be told apart.
                axes.plot(*zip(*dots, strict=True), style["marker"], label=subset, ms=6, mfc="none", mec=style["color"])
        axes.set(xlim=(-2, 102), ylim=(len(JOINTS) - 0.5, -0.5), xlabel="correct (%)")
        axes.set_yticks(list(lines), [joint_label(name) for name in JOINTS], fontsize=9)
        axes.tick_params(axis="y", length=7, width=7)
        # A patch of the finger's colour beside the name, not coloured text: yellow cannot be read on white.
        for y, tick in enumerate(axes.yaxis.get_major_ticks()):
            tick.tick1line.set_markeredgecolor(FINGER_COLORS[finger_of(y)])
        axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3, frameon=False, columnspacing=1.2)

    return svg_of((4.6, 5.2), draw, key)


def joint_label(name: str) -> str:
    """A joint's name for people: `middle_finger2` is "middle 2"."""
    return re.sub(r"(?:_finger)?(\d)$", r" \1", name)


def _place(subset: str) -> int:
    order: Sequence[str] = SUBSETS
    return order.index(subset) if subset in order else len(order)


def svg_of(inches: tuple[float, float], draw: Any, key: str) -> str:
    """Draw on fresh axes and return the bare element.

    The user's matplotlibrc must not reach the file, nor ours reach the user: defaults inside a context.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC | {"svg.hashsalt": key})
        figure = Figure(figsize=inches, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True)
    return _inline(text.getvalue(), key)


def _inline(text: str, key: str) -> str:
    """The `<svg>` element for a page: scalable, in the page's colour, its ids unlike those of other figures."""
    element = text[text.index("<svg") :]
    # It holds the date and matplotlib's version, which would make the same numbers give other bytes.
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' (width|height)="[\d.]+pt"', "", element, count=2)
    element = re.sub(r'\bid="', f'id="{key}-', element)
    element = re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", element)
    return element.replace(INK, "currentColor").strip()
