"""The table of an ablation: ours beside the paper's, with a caption that claims nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.flows.train_measure import THRESHOLDS

PAPER: Final[Mapping[tuple[str, str], float]] = {
    ("ResNet-50", "small"): 16.9,
    ("ResNet-50", "4x"): 31.3,
    ("ViT-H", "small"): 25.9,
    ("ViT-H", "4x"): 48.0,
}
"""PCK@0.05 in percent, HInt New Days, all joints: Table 5 of the paper."""
CAPTION: Final = (
    "PCK of small networks trained for {steps} steps on the project's own synthetic hands (view: {views}) and measured "
    "on {val} others, with a stand-in hand model; {seeds}. The first row answers the mean of all {most} hands every "
    "time: what is not above it has learned nothing. These numbers say nothing about HInt, real hands or the paper's "
    "claim: they show the experiment's form. The paper's column is its own: 2.7 million real pictures, HInt New Days, "
    "all joints."
)
NO_NETWORK, MEAN_HAND = "no network", "the mean hand"
_LIMITS: Final = tuple(f"{limit:.2f}" for limit in THRESHOLDS)


@dataclass(frozen=True)
class Row:
    """One line of the table; shares of 0..1.

    Attributes:
        capacity: name of the backbone.
        backbone: what it is.
        data: name of the amount.
        hands: that were learned from.
        pck: of each seed, threshold -> PCK.
        paper: the paper's number in percent, None where nothing corresponds.
    """

    capacity: str
    backbone: str
    data: str
    hands: int
    pck: tuple[Mapping[str, float], ...]
    paper: float | None


@dataclass(frozen=True)
class AblationReport:
    """The table.

    Attributes:
        rows: of it.
        caption: what it is, and is not.
        table: the file it stands in.
    """

    rows: tuple[Row, ...]
    caption: str
    table: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rows": [asdict(row) for row in self.rows], "caption": self.caption, "table": str(self.table)}

    def text(self) -> str:
        """Markdown, which people can read as well."""
        ours = [f"ours @{limit} [%]" for limit in _LIMITS]
        header = ["backbone", "data", "hands", *ours, "paper @0.05 [%], New Days"]
        lines = [header, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
        shown = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
        rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
        return "\n".join([shown[0], rule, *shown[1:], "", self.caption])


def _cells(row: Row) -> list[str]:
    paper = "-" if row.paper is None else f"{row.paper:.1f}"
    name = f"{row.capacity} ({row.backbone})"
    return [name, row.data, str(row.hands), *(_shown([pck[limit] for pck in row.pck]) for limit in _LIMITS), paper]


def _shown(shares: Sequence[float]) -> str:
    """Percent of all seeds."""
    spread = f" ({100 * min(shares):.1f} to {100 * max(shares):.1f})" if len(shares) > 1 else ""
    return f"{100 * sum(shares) / len(shares):.1f}{spread}"
