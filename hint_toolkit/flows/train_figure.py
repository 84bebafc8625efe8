"""The curves of a training: what every loss paid, and PCK."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hint_toolkit.errors import MissingExtra
from hint_toolkit.io.atomic import replacing
from hint_toolkit.models.hamer.losses import WEIGHTS


def write_figure(path: Path, logged: Sequence[dict[str, Any]]) -> None:
    """Draw the lines of a log: weighted losses on a logarithmic scale, PCK beside them.

    Args:
        path: PNG to write.
        logged: lines of `log.jsonl`.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    lines = [line for line in logged if "total" in line]
    for name, weight in {"total": 1.0, **WEIGHTS}.items():
        at = [(line["step"], weight * line[name]) for line in lines if name in line and line[name] > 0]
        if at:
            left.plot(*zip(*at, strict=True), label=name.replace("_", " "), linewidth=2 if name == "total" else 1)
    left.set(xlabel="step", ylabel="weighted loss of a batch", yscale="log", title="losses")
    if lines:
        left.legend(fontsize=8)
    measured = [line for line in logged if "pck" in line]
    for limit in measured[-1]["pck"] if measured else ():
        at = [(line["step"], line["pck"][limit]) for line in measured if limit in line["pck"]]
        right.plot(*zip(*at, strict=True), marker="o", markersize=3, label=f"@{limit}")
    right.set(xlabel="step", ylabel="PCK, mean of joints", ylim=(0, 1.02), title="PCK on the measured hands")
    if measured:
        right.legend(fontsize=8, loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})
