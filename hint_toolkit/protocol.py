"""The rules of evaluation as frozen values. A changed rule is a new name, never a changed value.

`HAMER_V1` is HaMeR's rule (arXiv 2312.05251; `EvaluatorPCK` of github.com/geopavlakos/hamer): a joint is
correct when its distance to the truth is at most threshold x size, the score of a subset is the mean over
the 21 joints of the share of correct hands. `benchmarks/protocol.md` says it in words.
"""

from dataclasses import dataclass
from typing import Final, Literal

Subset = Literal["all", "visible", "occluded"]
SUBSETS: Final[tuple[Subset, ...]] = ("all", "visible", "occluded")

NORMALISERS: Final = {
    "bbox-max": "longer side of the annotated bbox",
    "bbox-34": "longer side of the annotated bbox grown to 3:4 (width:height)",
    "kp-extent-max": "longer side of the tight box around the existing keypoints",
    "kp-extent-34": "longer side of that tight box grown to 3:4 (width:height)",
}
"""What a distance is divided by. `bbox-max` is the default; the reasons stand in benchmarks/protocol.md."""

DEFAULT_NORMALISER: Final = "bbox-max"


@dataclass(frozen=True)
class Protocol:
    """One complete set of rules.

    Attributes:
        name: what is printed with every number.
        thresholds: fractions of the normaliser.
        border: "<=" if a distance equal to the threshold counts as correct.
        pooling: "macro" is the mean over joints of the share over hands; "micro" pools all joints.
        missing: what a joint without prediction counts as.
    """

    name: str
    thresholds: tuple[float, ...]
    border: Literal["<=", "<"]
    pooling: Literal["macro", "micro"]
    missing: Literal["wrong"]


HAMER_V1: Final = Protocol("hamer-v1", (0.05, 0.10, 0.15), "<=", "macro", "wrong")
PROTOCOLS: Final = {HAMER_V1.name: HAMER_V1}


def measure_name(threshold: float, subset: str) -> str:
    """The name of a measure as it is typed and printed: `PCK@0.05[occluded]`, `PCK@0.1[all]`."""
    return f"PCK@{threshold:g}[{subset}]"
