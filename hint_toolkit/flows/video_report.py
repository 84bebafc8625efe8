"""What a person should know of a video's predictions: frames, tracks, gaps, and what was left out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hint_toolkit.errors import shorten
from hint_toolkit.flows.video_hands import Linked
from hint_toolkit.flows.video_looks import Looks
from hint_toolkit.video.index import VideoIndex


@dataclass(frozen=True)
class VideoReport:
    """How far it came.

    Attributes:
        method: the model's name.
        frames: that the file promises.
        fps: frames a second.
        damaged: frame -> reason.
        hands: rows written.
        frames_with: how many hands -> in how many frames that could be decoded.
        tracks: number, side, first and last frame, frames with the hand, frames without in between, most in a row,
            frames that said the other side.
        short: tracks left out because they are too short, and their hands.
        duplicates: hands that were another one seen again.
        looked_again: hands that the model was shown again as the other side.
        model_calls: frames put to the model in this run.
        box_calls: frames put to the detector of boxes in this run.
        smoothing: "none" or the filter.
        boxes: where the model was told to look.
        unknown: pictures of the box file that are no frame of this video.
        out: where the rows are.
        overlay: where the overlay is, None: none.
    """

    method: str
    frames: int
    fps: float
    damaged: dict[int, str]
    hands: int
    frames_with: dict[int, int]
    tracks: list[dict[str, Any]]
    short: tuple[int, int]
    duplicates: int
    looked_again: int
    model_calls: int
    box_calls: int
    smoothing: str
    boxes: str
    unknown: list[str]
    out: Path
    overlay: Path | None = None

    @property
    def longest_gap(self) -> int:
        """Most frames in a row that a track bridges."""
        return max((track["longest_gap"] for track in self.tracks), default=0)

    @property
    def incomplete(self) -> str:
        """One line about frames that could not be decoded; "" where there are none."""
        if not self.damaged:
            return ""
        reasons = sorted(set(self.damaged.values()))
        named = shorten([str(k) for k in self.damaged])
        return f"{len(self.damaged)} of {self.frames} frames cannot be decoded: {named} ({shorten(reasons, 2)})"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        value = asdict(self) | {"longest_gap": self.longest_gap, "out": str(self.out)}
        value["overlay"] = None if self.overlay is None else str(self.overlay)
        value["damaged"] = {str(k): why for k, why in self.damaged.items()}
        value["frames_with"] = {str(count): frames for count, frames in sorted(self.frames_with.items())}
        value["short"] = {"tracks": self.short[0], "hands": self.short[1]}
        return value


def frames_a_second(index: VideoIndex) -> float:
    """On average over the whole video."""
    return (index.count - 1) / index.duration if index.count > 1 and index.duration > 0 else index.rate


def report_of(
    looks: Looks,
    linked: Linked,
    again: int,
    header: dict[str, Any],
    out: Path,
    overlay: Path | None,
    unknown: list[str] | None,
) -> VideoReport:
    """The report of a run.

    Args:
        looks: done.
        linked: of them.
        again: hands that the model was shown again as the other side.
        header: of the file.
        out: the file.
        overlay: the clip with hands, None: none.
        unknown: pictures of the box file that are no frame of the video.
    """
    tracks = [
        {
            "track": number,
            "side": track.side,
            "first": track.first,
            "last": track.last,
            "frames": track.frames,
            "missing": track.gaps,
            "longest_gap": track.longest_gap,
            "other_side": track.overruled,
        }
        for number, track in linked.tracks.items()
    ]
    return VideoReport(
        method=looks.lookers.model.name,
        frames=looks.index.count,
        fps=frames_a_second(looks.index),
        damaged=linked.damaged,
        hands=linked.hands,
        frames_with=linked.frames_with,
        tracks=tracks,
        short=(linked.short, linked.short_hands),
        duplicates=linked.duplicates,
        looked_again=again,
        model_calls=looks.model_calls,
        box_calls=looks.finder_calls,
        smoothing=header["smoothing"],
        boxes=header["input_crop"],
        unknown=unknown or [],
        out=out,
        overlay=overlay,
    )
