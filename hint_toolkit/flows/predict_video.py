"""A model's predictions for every frame of a video: looked at once, joined to tracks, smoothed if wanted, drawn.

Three passes. The first looks at the pictures and keeps what it sees (`video_looks`); the second joins numbers to
tracks and writes rows (`video_hands`), the third, if wanted, draws the clip (`video_overlay`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.predict import header_of
from hint_toolkit.flows.predict_file import PredictOptions
from hint_toolkit.flows.predict_run import solid_of
from hint_toolkit.flows.video_hands import VideoHand, hands_of, link, overruled
from hint_toolkit.flows.video_looks import Lookers, Looks, frame_time
from hint_toolkit.flows.video_overlay import check_overlay, write_overlay
from hint_toolkit.flows.video_report import VideoReport, frames_a_second, report_of
from hint_toolkit.io.boxes import KnownBoxes, read_boxes
from hint_toolkit.io.hint_names import SIDE_LETTER
from hint_toolkit.io.prediction_parts import PredictionParts
from hint_toolkit.io.prediction_rows import PredictionRow
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.sources._download import cache_folder
from hint_toolkit.tracking.one_euro import OneEuroRules
from hint_toolkit.tracking.tracks import TrackRules
from hint_toolkit.video.index import VideoIndex, index_video
from hint_toolkit.video.reader import frame_at

Progress = Callable[[int, int], None]
Bars = Callable[[str], Progress | None]
OWN: Final = "model"
"""`PredictOptions.boxes`: the model finds hands by itself."""
AUTO: Final = "auto"
"""Likewise: by itself if it can, else a detector does."""


@dataclass(frozen=True)
class VideoOptions:
    """What becomes of what the model sees.

    Attributes:
        box_every: boxes are looked for in every so many frames; between them the model's own hands are followed.
        rules: of tracking.
        smooth: parameters of the One-Euro filter; None: points are written as the model gives them.
        render_meshes: draw meshes into the overlay, not joints.
        threads: of the decoder.
    """

    box_every: int = 1
    rules: TrackRules = field(default_factory=TrackRules)
    smooth: OneEuroRules | None = None
    render_meshes: bool = False
    threads: int = 1


def predict_video(
    video: Path, out: Path, options: PredictOptions, clip: VideoOptions | None = None, *, bars: Bars | None = None
) -> VideoReport:
    """Predict every frame of a video.

    Args:
        video: any file that PyAV opens.
        out: .json or .parquet; records carry video_id, frame_index, time and track.
        options: the model, and where it looks: `boxes` is "model" (it finds hands by itself), "detector", "auto" (by
            itself if it can) or a file whose pictures are called `<video's stem>_frame<decode index>`; `overlay` is an
            .mp4; `cache` is where all answers are kept. `way`, `limit` and `meshes` are not for videos.
        clip: what becomes of what the model sees.
        bars: gives the callback of each pass, by its name.

    Raises:
        InputError: unreadable video or boxes, options that are not for videos, a model that lacks boxes, sides or a
            mesh.
        MissingExtra: PyAV, OpenCV or scipy is not installed.
    """
    clip = clip or VideoOptions()
    _check_options(options, clip)
    index = index_video(video)
    boxes, unknown, about = None, list[str](), dict[str, Any]()
    if options.boxes not in (OWN, AUTO, "detector"):
        known = read_boxes(Path(options.boxes))
        boxes, unknown = video_boxes(known, index)
        about["boxes"] = {"source": "file", "kind": known.kind, "sha256": known.sha256, "enlarge": options.enlarge}
    with ExitStack() as stack:
        model = stack.enter_context(opened(options.model.name, **options.model.options))
        finder = None
        if options.boxes == "detector" or (options.boxes == AUTO and not model.finds_boxes):
            finder = stack.enter_context(opened(options.box_detector.name, **options.box_detector.options))
        lookers = Lookers(
            model=model,
            finder=finder,
            boxes=boxes,
            box_every=clip.box_every,
            enlarge=options.enlarge,
            solid=bool(options.with_) or clip.render_meshes,
            vertices=clip.render_meshes or "vertices" in options.with_,
            workers=options.workers,
        )
        given = sorted(options.model.options.items())
        about["options"] = {name: value.name if isinstance(value, Path) else value for name, value in given}
        return predict_frames(index, out, lookers, options, clip, about=about, unknown=unknown, bars=bars)


def predict_frames(
    index: VideoIndex,
    out: Path,
    lookers: Lookers,
    options: PredictOptions,
    clip: VideoOptions,
    *,
    about: dict[str, Any] | None = None,
    unknown: list[str] | None = None,
    bars: Bars | None = None,
) -> VideoReport:
    """`predict_video` by detectors that are open.

    Args:
        index: of the video.
        out: as there.
        lookers: who looks.
        options: of these `with_`, `overlay` and `cache` count.
        clip: as there.
        about: more of the header.
        unknown: for the report.
        bars: as there.
    """
    bar: Bars = bars or (lambda _: None)
    faces = _faces(lookers, clip)
    header = _header(index, lookers, clip) | (about or {}) | {"with": sorted(options.with_), "toolkit": __version__}
    parts = PredictionParts(out, header, _key(index, lookers, header), options.with_)
    looks: Looks | None = None
    try:
        looks = Looks(index, lookers, options.cache or cache_folder() / "video", threads=clip.threads)
        looks.look(bar("predict"))
        linked = link(looks, clip.rules)
        again = overruled(looks, linked) if getattr(lookers.model, "needs_side", False) else {}
        if again:
            looks.look_again(again, bar("predict anew"))
            linked = link(looks, clip.rules)
        for k, hands in hands_of(looks, linked, clip.smooth):
            parts.add(row for row in _rows(index, k, hands, options.with_) if row.id not in parts.done)
        parts.finish()
        if options.overlay is not None:
            frames = hands_of(looks, linked, clip.smooth)
            write_overlay(options.overlay, index, frames, faces=faces, threads=clip.threads, progress=bar("overlay"))
    finally:
        parts.close()
        if looks is not None:
            looks.close()
    return report_of(looks, linked, sum(len(hands) for hands in again.values()), header, out, options.overlay, unknown)


def _check_options(options: PredictOptions, clip: VideoOptions) -> None:
    """What cannot work is refused before hours pass."""
    for given, name in ((options.way != "box", "--way"), (options.limit, "--limit"), (options.meshes, "--meshes")):
        if given:
            raise InputError(f"{name} is not for videos", next_step="leave it away")
    if options.boxes == "gt":
        raise InputError("a video has no boxes of its own", next_step="pass --boxes detector, or a file of boxes")
    if options.overlay is not None:
        check_overlay(options.overlay)
    if clip.render_meshes and options.overlay is None:
        raise InputError("meshes are drawn into an overlay", next_step="add --overlay out.mp4")


def video_boxes(boxes: KnownBoxes, index: VideoIndex) -> tuple[dict[int, tuple[Prompt, ...]], list[str]]:
    """Boxes of a file, by frame: its pictures are called `<video's stem>_frame<decode index>`.

    Returns:
        frame -> boxes, and names in the file that are no frame of this video.

    Raises:
        InputError: none of them is.
    """
    pattern = re.compile(re.escape(index.path.stem) + r"_frame(\d{1,10})")
    frames: dict[int, tuple[Prompt, ...]] = {}
    unknown = []
    scale: NDArray[np.float64] = np.ones(4)
    if boxes.size is not None:
        height, width = frame_at(index, 0).shape[:2]
        scale = np.array([width / boxes.size[0], height / boxes.size[1]] * 2)
    for name, hands in boxes.hands.items():
        found = pattern.fullmatch(name)
        if found is None or int(found[1]) >= index.count:
            unknown.append(name)
            continue
        frames[int(found[1])] = tuple(
            Prompt((one.box + 0.5) * scale - 0.5, one.side, one.score, boxes.kind, one.id) for one in hands
        )
    if not frames:
        raise InputError(
            "names no frame of this video",
            where=str(boxes.path),
            why=f"it has {shorten(unknown, 2)}; the video has {index.count} frames",
            next_step=f"call its pictures {index.path.stem}_frame00000000 and so on",
        )
    return frames, unknown


def _faces(lookers: Lookers, clip: VideoOptions) -> Any:
    """Triangles of the mesh that is to be drawn; None where none is."""
    if not clip.render_meshes:
        return None
    faces = getattr(lookers.model, "faces", None)
    if faces is None:
        raise InputError(f"{lookers.model.name} gives no mesh", next_step="leave --render-meshes away, or use hamer")
    return faces


def _header(index: VideoIndex, lookers: Lookers, clip: VideoOptions) -> dict[str, Any]:
    """What a reader of the file should know."""
    said = _said_of_boxes(lookers)
    source = "file" if lookers.boxes is not None else "detector" if lookers.finder else OWN
    boxes = {"source": source, "every": lookers.box_every, "enlarge": lookers.enlarge}
    return header_of(lookers.model, said) | {
        "video": {"name": index.path.name, "frames": index.count, "fps": round(frames_a_second(index), 6)},
        "boxes": boxes | ({"detector": lookers.finder.name} if lookers.finder else {}),
        "tracking": asdict(clip.rules),
        "side": "of the track, by most of its frames",
        "smoothing": str(clip.smooth or "none"),
    }


def _said_of_boxes(lookers: Lookers) -> str:
    """What the model was shown, in words."""
    every = "" if lookers.box_every == 1 else f" in every {lookers.box_every} frames, between them where hands were"
    grown = "" if lookers.enlarge == 1 else f", enlarged {lookers.enlarge:g} times"
    if lookers.boxes is not None:
        return f"the file's bbox{grown} and side, by the detector's own crop"
    if lookers.finder is not None:
        return f"the detected bbox{grown} and side{every}, by the detector's own crop"
    return f"whole frames{every}"


def _key(index: VideoIndex, lookers: Lookers, header: dict[str, Any]) -> str:
    """All that rows depend on."""
    boxes = [(k, [(*p.box, p.side, p.id) for p in found]) for k, found in (lookers.boxes or {}).items()]
    mark = index.mark.digest if index.mark else str(index.path)
    return repr((mark, sorted(header.items()), boxes))


def _rows(index: VideoIndex, k: int, hands: list[VideoHand], with_: tuple[str, ...]) -> Iterator[PredictionRow]:
    stem = index.path.stem
    for place, hand in enumerate(hands):
        found = hand.found
        letter = SIDE_LETTER.get(hand.side, "")
        yield PredictionRow(
            id=f"{stem}_frame{k:08d}_h{place}" + (f"_{letter}" if letter else ""),
            points=found.points,
            score=found.score,
            visibility=1 - found.occlusion,
            side=hand.side,
            presence=found.presence,
            box=hand.given,
            extra={"video_id": stem, "frame_index": k, "time": round(frame_time(index, k), 6), "track": hand.track},
            solid=solid_of(found.pose3d) if with_ and found.pose3d is not None else {},
        )
