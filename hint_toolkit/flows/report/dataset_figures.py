"""The figures of a dataset's statistics: for the page as SVG, for a paper as PNG.

One colour scale of a single hue, light for little and dark for much: it reads the same to the colour-blind and in
grey. On the hand the numbers stand in the colours.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from hint_toolkit.errors import MissingExtra
from hint_toolkit.flows.report.figures import INK, RC, joint_label, svg_of
from hint_toolkit.joints import BONES, FINGER_COLORS, JOINTS, finger_of

Draw = Callable[[Any], None]
_HAND: Final = (
    (0.0, 0.0),
    *((-0.27, 0.16), (-0.50, 0.38), (-0.68, 0.60), (-0.83, 0.80)),
    *((-0.28, 0.88), (-0.35, 1.24), (-0.39, 1.50), (-0.42, 1.74)),
    *((-0.01, 0.93), (-0.01, 1.33), (-0.01, 1.62), (-0.01, 1.88)),
    *((0.24, 0.86), (0.32, 1.22), (0.37, 1.49), (0.41, 1.73)),
    *((0.47, 0.74), (0.61, 1.02), (0.70, 1.22), (0.79, 1.41)),
)
"""An open right hand seen from its back, in HInt's order, in palm lengths, y up: only a place for each number."""
_BAR: Final = "#0a84d6"
_SECOND: Final = "#e0560b"
_SCALE: Final = "Blues"
_DPI: Final = 160
_ON_HAND: Final = "Share at each of the 21 joints, drawn on a hand; the table has the numbers."


def figures(stats: Mapping[str, Any]) -> dict[str, tuple[tuple[float, float], Draw, str]]:
    """Every figure that the numbers allow: name -> size in inches, what draws it on axes, description for the blind."""
    known: dict[str, tuple[tuple[float, float], Draw, str]] = {
        "occluded": ((4.4, 4.8), _skeleton(stats, "occluded_share", "occluded, % of existing joints"), _ON_HAND),
        "absent": ((4.4, 4.8), _skeleton(stats, "absent_share", "absent, % of hands"), _ON_HAND),
        "joints": ((4.6, 5.2), _joint_bars(stats), "Shares of occluded and of absent joints; the table has them."),
        "occluded_a_hand": ((4.6, 3.2), _occluded_a_hand(stats), "Hands by their number of occluded joints."),
        "hands_a_frame": ((4.6, 3.2), _hands_a_frame(stats), "Frames by their number of hands."),
        "size_pixels": ((4.6, 3.2), _sizes(stats, "pixels"), "Hands by the longer side of their box in pixels."),
    }
    if sum(stats["histograms"]["share"]["counts"]):
        known["size_share"] = ((4.6, 3.2), _sizes(stats, "share"), "Hands by the longer side of box over image.")
    for name, drawn in stats["positions"].items():
        if any(map(any, drawn["counts"])):
            known[name] = ((4.6, 3.9), _position(drawn["counts"], name), f"Where the {name} lie in the image.")
    if stats["prelabels"] and stats["prelabels"]["points"]:
        known["moved"] = ((4.6, 5.2), _moved(stats["prelabels"]), "Shares of moved points; the table has them.")
    return known


def as_svg(size: tuple[float, float], draw: Draw, key: str) -> str:
    """An `<svg>` element in the page's own colours.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    return svg_of(size, draw, key)


def as_png(size: tuple[float, float], draw: Draw) -> bytes:
    """A picture on white, the same bytes for the same numbers and matplotlib.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        figure = Figure(figsize=size, layout="constrained", dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        data = io.BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _skeleton(stats: Mapping[str, Any], what: str, label: str) -> Draw:
    def draw(axes: Any) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import Normalize

        shares = [100 * (row[what] or 0.0) for row in stats["joints"]]
        scale = Normalize(0, max([5.0, *shares]))
        for a, b in BONES:
            line = {"color": FINGER_COLORS[finger_of(b)], "linewidth": 2.2, "alpha": 0.55, "solid_capstyle": "round"}
            axes.plot(*zip(_HAND[a], _HAND[b], strict=True), zorder=1, **line)
        x, y = zip(*_HAND, strict=True)
        drawn = axes.scatter(
            x, y, c=shares, cmap=_SCALE, norm=scale, s=330, edgecolors="#7a8694", linewidths=0.8, zorder=2
        )
        for (px, py), share, row in zip(_HAND, shares, stats["joints"], strict=True):
            dark = sum(colormaps[_SCALE](scale(share))[:3]) < 1.7
            text = "n/a" if row[what] is None else f"{share:.0f}"
            axes.text(px, py, text, ha="center", va="center", fontsize=8, color="white" if dark else "black", zorder=3)
        axes.set(xlim=(-1.05, 1.0), ylim=(-0.22, 2.08), aspect="equal")
        axes.axis("off")
        axes.figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.75, pad=0.02, label=label)

    return draw


def _joint_bars(stats: Mapping[str, Any]) -> Draw:
    occluded = ("occluded, of existing", [row["occluded_share"] for row in stats["joints"]], _BAR)
    absent = ("absent, of all", [row["absent_share"] for row in stats["joints"]], _SECOND)
    return _bars_by_joint([occluded, absent], "joints (%)")


def _moved(prelabels: Mapping[str, Any]) -> Draw:
    place = prelabels["limits"].index(0.05)
    moved = (f"over {prelabels['still']:g} px", [row["moved"] for row in prelabels["joints"]], _BAR)
    far = ("over 5 % of the hand", [row["farther"][place] for row in prelabels["joints"]], _SECOND)
    return _bars_by_joint([moved, far], "points moved (%)")


def _bars_by_joint(rows: Sequence[tuple[str, Sequence[float | None], str]], label: str) -> Draw:
    """Two bars a joint; told apart by filling, too."""

    def draw(axes: Any) -> None:
        for k, (name, shares, color) in enumerate(rows):
            place = [y + (k - 0.5) * 0.38 for y in range(len(JOINTS))]
            width = [100 * (share or 0.0) for share in shares]
            axes.barh(place, width, 0.36, label=name, fc=color if k == 0 else "none", ec=color, linewidth=1.2)
        axes.set(ylim=(len(JOINTS) - 0.5, -0.5), xlabel=label)
        axes.set_xlim(0, min(100.0, axes.get_xlim()[1]))
        axes.set_yticks(range(len(JOINTS)), [joint_label(name) for name in JOINTS], fontsize=9)
        axes.tick_params(axis="y", length=7, width=7)
        for y, tick in enumerate(axes.yaxis.get_major_ticks()):
            tick.tick1line.set_markeredgecolor(FINGER_COLORS[finger_of(y)])
        axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2, frameon=False, columnspacing=1.2)

    return draw


def _bars(places: Sequence[float], counts: Sequence[int], width: Any, xlabel: str, ylabel: str) -> Draw:
    def draw(axes: Any) -> None:
        from matplotlib.ticker import MaxNLocator, StrMethodFormatter

        axes.bar(places, counts, width, color=_BAR, align="center" if isinstance(width, float) else "edge")
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)
        axes.set_axisbelow(True)

    return draw


def _occluded_a_hand(stats: Mapping[str, Any]) -> Draw:
    counts = stats["occluded_a_hand"]
    return _bars(range(len(counts)), counts, 0.8, "occluded joints of the hand", "hands")


def _hands_a_frame(stats: Mapping[str, Any]) -> Draw:
    found = {int(n): frames for n, frames in stats["frames_by_hands"].items()}
    most = 8
    counts = [found.get(n, 0) for n in range(1, most)] + [sum(f for n, f in found.items() if n >= most)]
    labels = [*map(str, range(1, most)), f"{most}+"]
    last = max(k for k, n in enumerate(counts) if n) + 1
    inner = _bars(range(last), counts[:last], 0.7, "hands in the frame", "frames")

    def draw(axes: Any) -> None:
        inner(axes)
        axes.set_xticks(range(last), labels[:last])
        axes.set_xlim(-0.7, max(last, 3) - 0.3)

    return draw


def _sizes(stats: Mapping[str, Any], unit: str) -> Draw:
    drawn = stats["histograms"][unit]
    edges, counts = list(drawn["edges"]), list(drawn["counts"])
    label = {"pixels": "longer side of the box (px)", "share": "longer side of the box (% of the image's)"}[unit]
    factor = 1 if unit == "pixels" else 100
    left = [factor * e for e in edges[:-1]]
    inner = _bars(left, counts, [0.94 * factor * (b - a) for a, b in pairwise(edges)], label, "hands")

    def draw(axes: Any) -> None:
        inner(axes)
        if unit == "pixels" and any(counts):
            from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

            used = [k for k, n in enumerate(counts) if n]
            axes.set_xscale("log", base=2)
            axes.set_xlim(edges[max(used[0] - 1, 0)], edges[min(used[-1] + 2, len(counts))])
            axes.xaxis.set_major_locator(FixedLocator(edges[::2]))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))

    return draw


def _position(counts: Sequence[Sequence[int]], name: str) -> Draw:
    def draw(axes: Any) -> None:
        total = sum(map(sum, counts))
        share = [[100 * n / total for n in row] for row in counts]
        drawn = axes.imshow(share, cmap=_SCALE, extent=(0, 1, 1, 0), aspect=0.75, interpolation="nearest", vmin=0)
        axes.set(xlabel="of the image's width", ylabel="of the image's height", title=name, xticks=(0, 0.5, 1))
        axes.set_yticks((0, 0.5, 1))
        axes.figure.colorbar(drawn, ax=axes, shrink=0.8, label="% a cell")

    return draw
