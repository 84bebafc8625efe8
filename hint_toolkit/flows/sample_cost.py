"""What a plan will cost, before anything is decoded: gigabytes on disk, and minutes on one processor."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import HintError, InputError
from hint_toolkit.flows.sample import plan_from_kept
from hint_toolkit.flows.sample_clips import Outline, outline
from hint_toolkit.flows.sample_options import SampleOptions
from hint_toolkit.flows.sample_plan import Plan, PlannedClip
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.picture_size import picture_facts
from hint_toolkit.issues import Issues
from hint_toolkit.sampling.plan import MEASURED
from hint_toolkit.video.index import open_container
from hint_toolkit.video.spans import plan_spans
from hint_toolkit.workspace import Workspace

BYTES_PER_PIXEL: Final = 0.3
"""Of our JPEGs (quality 95, full colour). Measured 0.08 to 0.25 on four public videos of 1280 x 720 and 1920 x 1080."""
PACKET_SECONDS: Final = 0.002
"""To decode a packet of a million pixels on one processor. Measured 0.0006 to 0.0018 on the same videos (H.264)."""
FRAME_SECONDS: Final = 0.03
"""To hash, measure and encode a picture of a million pixels; measured 0.02."""
DETECT_SECONDS: Final = 0.03
"""To look for hands in one picture of at most 640 pixels; measured 0.015."""


@dataclass(frozen=True)
class Cost:
    """Estimate for one clip.

    Attributes:
        video: name.
        pictures: in the clip.
        frames: that will be written.
        candidates: that will be looked at first.
        bytes: of the frames.
        seconds: of one processor, for both passes.
    """

    video: str
    pictures: int
    frames: int
    candidates: int
    bytes: float
    seconds: float


def costs_of(plan: Plan) -> list[Cost]:
    """Of a plan: what is left to do is to decode and write its frames."""
    made = []
    for planned in plan.clips:
        frames = [pick.frame_index for pick in planned.picks]
        size, seconds = _writing(planned, frames)
        made.append(Cost(planned.clip.name, planned.count, len(frames), 0, size, seconds))
    return made


def costs_of_looks(outline: Outline) -> list[Cost]:
    """Of looking at candidates and then writing at most so many frames as are asked for; the plan is not made yet."""
    options, made = outline.options, []
    for offer in outline.offers:
        candidates = list(offer.candidates)
        frames = min(options.per_video, len(candidates)) if not offer.picks else len(offer.picks)
        step = max(len(candidates) // max(frames, 1), 1)
        size, seconds = _writing(offer.planned, candidates[::step][:frames])
        looking = _decoding(offer.planned, candidates) + len(candidates) * (
            DETECT_SECONDS if options.looks_for_hands else 0.0
        )
        made.append(
            Cost(offer.planned.clip.name, offer.planned.count, frames, len(candidates), size, seconds + looking)
        )
    return made


def _writing(planned: PlannedClip, frames: list[int]) -> tuple[float, float]:
    """(bytes, seconds) for decoding and writing frames."""
    pixels = _pixels(planned)
    if planned.index is None:
        sizes = [planned.clip.pictures[k].stat().st_size for k in frames]
        return float(sum(sizes)), len(frames) * pixels / 1e6 * FRAME_SECONDS
    return len(frames) * pixels * BYTES_PER_PIXEL, _decoding(planned, frames)


def _decoding(planned: PlannedClip, frames: list[int]) -> float:
    """Seconds to decode and measure pictures: every packet from the key frame before each of them."""
    if not frames:
        return 0.0
    packets = 0
    if planned.index is not None:
        spans = plan_spans(planned.index, sorted(frames))
        packets = max(frames) + 1 if spans is None else sum(span.last - span.first + 1 for span in spans)
    return (packets * PACKET_SECONDS + len(frames) * FRAME_SECONDS) * _pixels(planned) / 1e6


def _pixels(planned: PlannedClip) -> int:
    """Pixels of a picture as the file's header says, 0 where it does not."""
    if planned.index is None:
        facts = picture_facts(planned.clip.pictures[0])
        return facts.width * facts.height
    return _video_pixels(planned.clip.path, planned.index.stream)


def _video_pixels(path: Path, stream: int) -> int:
    try:
        with open_container(path) as container:
            context = container.streams[stream].codec_context
            return int((context.width or 0) * (context.height or 0))
    except HintError:
        return 0


@dataclass(frozen=True)
class Preview:
    """What would be done.

    Attributes:
        plan: None when it is not known before pictures have been looked at.
        options: what was asked for.
        costs: one entry a clip.
        issues: what the source lacks and what cannot be read.
    """

    plan: Plan | None
    options: SampleOptions
    costs: list[Cost]
    issues: Issues

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: the plan as far as there is one, and the estimate with its constants."""
        constants = {
            "bytes_per_pixel": BYTES_PER_PIXEL,
            "seconds_per_packet_and_megapixel": PACKET_SECONDS,
            "seconds_per_frame_and_megapixel": FRAME_SECONDS,
            "seconds_per_detection": DETECT_SECONDS,
        }
        held = self.plan.to_dict() if self.plan else {"plan": None}
        return held | {"estimate": [asdict(cost) for cost in self.costs], "constants": constants}

    def rows(self) -> list[tuple[str, int, int, int, float, float]]:
        """Video, pictures, candidates, frames, gigabytes and minutes: one row a clip, and their sums."""
        every = [*self.costs, _sum(self.costs)]
        return [
            (c.video, c.pictures, c.candidates, c.frames, round(c.bytes / 1e9, 3), round(c.seconds / 60, 1))
            for c in every
        ]

    def notes(self) -> str:
        """What the table does not say."""
        candidates = sum(cost.candidates for cost in self.costs)
        lines = [
            f"estimate: {BYTES_PER_PIXEL} bytes a pixel of a frame; on one processor {PACKET_SECONDS * 1e3:g} ms to "
            f"decode a packet and {FRAME_SECONDS * 1e3:g} ms to write a frame, both a million pixels"
        ]
        if self.plan is None:
            lines.append(
                f"{candidates} candidates must be looked at before frames can be chosen; "
                "the frames above are the most that there can be"
            )
        elif self.options.unlike:
            lines.append(f"{self.plan.removed} near-duplicates are left out")
        if self.options.strategy in MEASURED and not self.options.looks_for_hands:
            lines.append("nobody looks for hands: their presence is unknown and counts the same for all frames")
        return "\n".join(lines)


def _sum(costs: list[Cost]) -> Cost:
    return Cost(
        "all",
        sum(c.pictures for c in costs),
        sum(c.frames for c in costs),
        sum(c.candidates for c in costs),
        sum(c.bytes for c in costs),
        sum(c.seconds for c in costs),
    )


def preview(options: SampleOptions, workspace: Workspace) -> Preview:
    """The plan and its cost; nothing is decoded.

    Raises:
        InputError: as `sample.make_plan`.
    """
    offered = outline(options)
    plan = plan_from_kept(offered, workspace)
    if plan is None:
        return Preview(None, options, costs_of_looks(offered), offered.issues)
    return Preview(plan, plan.options, costs_of(plan), plan.issues)


def preview_of(plan: Plan) -> Preview:
    """The cost of a plan that is there."""
    return Preview(plan, plan.options, costs_of(plan), plan.issues)


def save_plan(plan: Plan | None, path: Path) -> None:
    """Write a plan as a file.

    Raises:
        InputError: there is no plan yet.
    """
    if plan is None:
        raise InputError(
            "there is no plan before the candidates have been looked at",
            where=str(path),
            next_step="run again without --dry-run, or with --strategy uniform",
        )
    write_json(path, plan.to_dict())
