"""What a user asks the sampler for."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.sampling.plan import ALL_STRATEGIES, MEASURED

Progress = Callable[[int, int], None]
ROW_SOURCE: Final = {"youtube": "newdays", "hint": ""}
"""Source in the rows, where it is not the name of the source itself; "" takes it from the clip."""
PLACES: Final = ("videos", "annotations")
"""Options that say where something lies: they are in no plan."""


@dataclass(frozen=True)
class SampleOptions:
    """What decides which frames are sampled, and what is written about them.

    Attributes:
        videos: folder (or one file).
        source: name of the source in every row, e.g. "folder"; "" takes it from the clip.
        per_video: frames from each clip, for the strategies that count: uniform, random, scenes, informative.
        strategy: see `sampling.plan`.
        seed: of the plan.
        split: TRAIN, VAL or TEST, for all clips; `splits` goes before it.
        licence: of the pixels, in the user's words, where the source does not know it.
        kind: which source finds the clips, see `sources.registry`.
        annotations: the source's own annotations, see `sources.base.Request`.
        kinds: kinds of moments to keep; empty keeps all.
        rate: frames a second, for per-second.
        offsets: in pictures from each moment, for around.
        max_per_video: most frames of one clip, 0 for no limit.
        max_per_group: most frames of one group (participant, canonical video), 0 for no limit.
        max_frames: most frames in all, 0 for no limit.
        splits: shares of TRAIN, VAL and TEST by whole groups; empty leaves all to `split`.
        duplicates: whether near-duplicates stay; None: not for informative, otherwise yes.
        redistributable: whether the pixels may be passed on, where the source does not forbid it.
        candidates_per_second: pictures looked at a second, for scenes and informative.
        detector: looks for hands in them; "none" does without.
    """

    videos: Path
    source: str = "folder"
    per_video: int = 12
    strategy: str = "uniform"
    seed: int = 0
    split: str = "TEST"
    licence: str = "unknown"
    kind: str = "folder"
    annotations: Path | None = None
    kinds: tuple[str, ...] = ()
    rate: float = 1.0
    offsets: tuple[int, ...] = (0,)
    max_per_video: int = 0
    max_per_group: int = 0
    max_frames: int = 0
    splits: tuple[float, ...] = ()
    duplicates: bool | None = None
    redistributable: bool = True
    candidates_per_second: float = 2.0
    detector: str = "mediapipe"

    def __post_init__(self) -> None:
        """Check what no caller may choose.

        Raises:
            ValueError: names the option.
        """
        if self.strategy not in ALL_STRATEGIES:
            raise ValueError(f"strategy must be one of {ALL_STRATEGIES}, got {self.strategy!r}")
        if self.splits and (len(self.splits) != 3 or min(self.splits) < 0 or sum(self.splits) <= 0):
            raise ValueError(f"splits must be three shares, not all zero, got {self.splits}")
        if min(self.max_per_video, self.max_per_group, self.max_frames) < 0:
            raise ValueError("limits must not be negative")

    @property
    def unlike(self) -> bool:
        """Whether near-duplicates are removed."""
        return self.strategy == "informative" if self.duplicates is None else not self.duplicates

    @property
    def measured(self) -> bool:
        """Whether pictures must be looked at before frames can be chosen."""
        return self.unlike or self.strategy in MEASURED

    @property
    def looks_for_hands(self) -> bool:
        """Whether the detector runs over the candidates."""
        return self.strategy in MEASURED and self.detector != "none"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON without the places on a disk."""
        listed = asdict(self).items()
        return {k: list(v) if isinstance(v, tuple) else v for k, v in listed if k not in PLACES}
