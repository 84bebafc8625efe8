"""The rules of evaluation as frozen values. A changed rule is a new name, never a changed value.

`HAMER_V1` is HaMeR's rule (arXiv 2312.05251; `EvaluatorPCK` of github.com/geopavlakos/hamer): a joint is
correct when its distance to the truth is at most threshold x size, the score of a subset is the mean over
the 21 joints of the share of correct hands. `MMPOSE` is `keypoint_pck_accuracy` of github.com/open-mmlab/mmpose,
`COCO_WHOLEBODY` the hand part of github.com/jin-s13/COCO-WholeBody. `benchmarks/protocol.md` says all of it in
words.
"""

from dataclasses import dataclass
from typing import Final, Literal

Subset = Literal["all", "visible", "occluded"]
SUBSETS: Final[tuple[Subset, ...]] = ("all", "visible", "occluded")

Border = Literal["<=", "<"]
Pooling = Literal["macro", "micro"]
MissingRule = Literal["miss", "drop", "error"]
MISSING_RULES: Final[dict[MissingRule, str]] = {
    "miss": "a joint without prediction counts as wrong",
    "drop": "a joint without prediction is left out, which flatters a method that gives up on hard hands",
    "error": "a joint without prediction stops the scoring",
}

NORMALISERS: Final = {
    "bbox-max": "longer side of the annotated bbox",
    "bbox-34": "longer side of the annotated bbox grown to 3:4 (width:height)",
    "kp-extent-max": "longer side of the tight box around the existing keypoints",
    "kp-extent-34": "longer side of that tight box grown to 3:4 (width:height)",
    "npz": "the scale column of HaMeR's evaluation npz",
}
"""What a distance is divided by. `npz` is the default where the truth has it, else `bbox-max`; the reasons stand
in benchmarks/protocol.md."""

DEFAULT_NORMALISER: Final = "bbox-max"

HAND_SIGMAS: Final = (
    *(0.029,),
    *(0.022, 0.035, 0.037, 0.047),
    *(0.026, 0.025, 0.024, 0.035),
    *(0.018, 0.024, 0.022, 0.026),
    *(0.017, 0.021, 0.021, 0.032),
    *(0.020, 0.019, 0.022, 0.031),
)
"""Sigma of each joint in HInt's order: the wrist, then a line a finger. COCO-WholeBody (arXiv 2007.11858), numbers as
its evaluation code has them for either hand (`evaluation/myeval_lefthand.py`, `myeval_righthand.py`)."""

OKS_THRESHOLDS: Final = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


@dataclass(frozen=True)
class Protocol:
    """One complete set of rules.

    Attributes:
        name: what is printed with every number.
        thresholds: of PCK, fractions of the normaliser; empty when the protocol has no PCK.
        border: "<=" if a distance equal to the threshold counts as correct.
        pooling: "macro" is the mean over joints of the share over hands; "micro" pools all joints.
        missing: what a joint without prediction counts as, a key of `MISSING_RULES`.
        measures: names of what is computed beside PCK at the thresholds, see `measures.py`.
        normaliser: the one to take when none is asked for and the truth has no scale of its own.
        oks_sigmas: (21,) of the object keypoint similarity.
        oks_thresholds: similarities over which the average precision is averaged.
        oks_area: times width x height of the annotated bbox is the area of the similarity.
        source: where the rule is written down.
    """

    name: str
    thresholds: tuple[float, ...]
    border: Border = "<="
    pooling: Pooling = "macro"
    missing: MissingRule = "miss"
    measures: tuple[str, ...] = ()
    normaliser: str = DEFAULT_NORMALISER
    oks_sigmas: tuple[float, ...] = HAND_SIGMAS
    oks_thresholds: tuple[float, ...] = OKS_THRESHOLDS
    oks_area: float = 1.0
    source: str = ""


HAMER_V1: Final = Protocol("hamer-v1", (0.05, 0.10, 0.15), source="arXiv 2312.05251, EvaluatorPCK of geopavlakos/hamer")
MMPOSE: Final = Protocol(
    "mmpose", (0.05, 0.2), border="<", source="keypoint_pck_accuracy of open-mmlab/mmpose (1.x), norm_item bbox"
)
COCO_WHOLEBODY: Final = Protocol(
    "coco-wholebody",
    (),
    measures=tuple(f"OKS-AP[{subset}]" for subset in SUBSETS),
    source="arXiv 2007.11858, evaluation/myeval_lefthand.py of jin-s13/COCO-WholeBody",
)
PROTOCOLS: Final = {protocol.name: protocol for protocol in (HAMER_V1, MMPOSE, COCO_WHOLEBODY)}


def measure_name(threshold: float, subset: str) -> str:
    """The name of a measure as it is typed and printed: `PCK@0.05[occluded]`, `PCK@0.1[all]`."""
    return f"PCK@{threshold:g}[{subset}]"


@dataclass(frozen=True)
class Pose3DProtocol:
    """The rules for one dataset of 3D hands. Predictions and truth are matched by position, as the datasets do.

    Attributes:
        name: what is printed with every number.
        images: how many the official test set has.
        joint_order: of truth and predictions, a key of `joints.TO_HINT`.
        axes: of truth and predictions: "opencv" is x right, y down, z forward; "opengl" is x right, y up, z back.
        f_thresholds: of the F-score, metres.
        auc_to: end of the span of thresholds, metres.
        auc_steps: how many thresholds there are from 0 to there.
        scale_translation: whether the joints are also scored after HO-3D's scale-translation alignment.
        source: where the rule is written down.
    """

    name: str
    images: int
    joint_order: str
    axes: Literal["opencv", "opengl"]
    f_thresholds: tuple[float, ...] = (0.005, 0.015)
    auc_to: float = 0.05
    auc_steps: int = 100
    scale_translation: bool = False
    source: str = ""


_HO3D_SOURCE = "eval.py of shreyashampali/ho3d, arXiv 1907.01481"
FREIHAND: Final = Pose3DProtocol(
    "freihand", 3_960, "freihand", "opencv", source="eval.py of lmb-freiburg/freihand, arXiv 1909.04349"
)
HO3D_V2: Final = Pose3DProtocol("ho3d-v2", 11_524, "ho3d", "opengl", scale_translation=True, source=_HO3D_SOURCE)
HO3D_V3: Final = Pose3DProtocol("ho3d-v3", 20_137, "ho3d", "opengl", scale_translation=True, source=_HO3D_SOURCE)
POSE3D_PROTOCOLS: Final = {protocol.name: protocol for protocol in (FREIHAND, HO3D_V2, HO3D_V3)}
