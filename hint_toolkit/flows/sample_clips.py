"""Clips from a source, and what each offers: frames that need no look at pictures, or candidates to be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import HintError, InputError, MissingExtra
from hint_toolkit.flows.measure import Look
from hint_toolkit.flows.sample_options import SampleOptions
from hint_toolkit.flows.sample_plan import PlannedClip, open_clip
from hint_toolkit.issues import Issues
from hint_toolkit.sampling.plan import MEASURED, Pick, plan_around, plan_per_second, plan_video
from hint_toolkit.sources.base import Clip, Moment, Request
from hint_toolkit.sources.registry import open_source
from hint_toolkit.video.numbering import image_sources


@dataclass(frozen=True)
class Offer:
    """What one clip offers.

    Attributes:
        planned: the clip, with nothing picked yet.
        picks: frames that were chosen without a look; empty when the strategy looks first.
        candidates: decode indices to look at, ascending.
        names: frame ids that the source gives, by decode index.
        images: (count,) image number of each picture, -1 where there is none or nobody can tell.
    """

    planned: PlannedClip
    picks: tuple[Pick, ...]
    candidates: tuple[int, ...]
    names: Mapping[int, str]
    images: NDArray[np.int64]

    def frame_id(self, k: int) -> str:
        """The source's own name for picture k, else one of the clip's scheme."""
        return self.names.get(k) or self.planned.clip.frame_id(k, int(self.images[k]))


@dataclass(frozen=True)
class Outline:
    """All clips and what they offer; nothing has been decoded."""

    options: SampleOptions
    offers: tuple[Offer, ...]
    issues: Issues = field(default_factory=Issues)

    @property
    def looks(self) -> list[Look]:
        """What must be measured before frames can be chosen; empty when nothing must."""
        return [Look(offer.planned, offer.candidates) for offer in self.offers if offer.candidates]


def outline(options: SampleOptions) -> Outline:
    """Ask the source, read every video's packets, and choose what needs no look at pictures.

    Raises:
        InputError: no clip there, none that can be read, or none with a moment where moments are asked for.
    """
    found = open_source(options.kind)(Request(options.videos, options.annotations, options.kinds))
    issues = Issues(list(found.issues.found))
    offers = []
    for clip in found.clips:
        try:
            offers.append(_offer(options, clip, issues))
        except MissingExtra:
            raise
        except HintError as error:
            issues.error(f"{error.what} ({error.why})" if error.why else error.what, file=clip.name)
    if not offers:
        issues.raise_errors("pass --videos DIR with at least one video that ffmpeg can open")
        raise InputError("the source has no clip here", where=str(options.videos))
    if not any(offer.picks or offer.candidates for offer in offers):
        issues.raise_errors()
        raise InputError(
            f"{options.strategy} finds no frame in {len(offers)} clips",
            where=str(options.videos),
            next_step="pass --annotations FILE, or other --kinds" if options.strategy == "around" else "",
        )
    return Outline(options, tuple(offers), issues)


def _offer(options: SampleOptions, clip: Clip, issues: Issues) -> Offer:
    opened = open_clip(clip)
    planned = replace(opened, source=options.source or clip.source or options.kind, split=options.split)
    sources = _image_sources(planned)
    images = np.full(planned.count, -1, np.int64)
    if sources is not None and planned.index is not None:
        shown, first = np.unique(sources, return_index=True)
        images[shown] = first + 1
    moments = _located(planned, sources, issues)
    names: dict[int, str] = {}
    for k, moment in moments:
        if moment.frame_id:
            names.setdefault(k, moment.frame_id)
        if moment.numbering == "image" and names.get(k) == moment.frame_id:
            images[k] = moment.number
    picks = () if options.strategy in MEASURED else tuple(_picks(options, planned, moments, issues))
    candidates: tuple[int, ...] = ()
    if options.strategy in MEASURED:
        candidates = _candidates(planned, options.candidates_per_second)
    elif options.unlike:
        candidates = tuple(pick.frame_index for pick in picks)
    return Offer(planned, picks, candidates, names, images)


def _image_sources(planned: PlannedClip) -> NDArray[np.int64] | None:
    """Which picture each image shows; None where the file does not tell. In a folder image n is the n-th picture."""
    if planned.index is None:
        return np.arange(planned.count)
    try:
        return image_sources(planned.index)
    except InputError:
        return None


def _located(planned: PlannedClip, sources: NDArray[np.int64] | None, issues: Issues) -> list[tuple[int, Moment]]:
    """Moments with their decode indices, in the order of those; what cannot be placed is reported."""
    placed, outside, unknown = [], 0, 0
    for moment in planned.clip.moments:
        if moment.numbering == "decode":
            k, size = moment.number, planned.count
        elif sources is None:
            unknown += 1
            continue
        else:
            k, size = moment.number - 1, len(sources)
        if not 0 <= k < size:
            outside += 1
            continue
        placed.append((int(sources[k]) if moment.numbering == "image" and sources is not None else k, moment))
    total = len(planned.clip.moments)
    if outside:
        issues.error(f"{outside} of {total} moments lie outside its {planned.count} pictures", file=planned.clip.name)
    if unknown:
        text = f"{unknown} of {total} moments are given by ffmpeg's image numbers, which the file does not tell"
        issues.error(text, file=planned.clip.name)
    return sorted(placed, key=lambda one: (one[0], one[1].kind, one[1].frame_id))


def _picks(
    options: SampleOptions, planned: PlannedClip, moments: list[tuple[int, Moment]], issues: Issues
) -> list[Pick]:
    clip, count = planned.clip, planned.count
    if options.strategy == "around":
        picks = plan_around([(k, moment.kind) for k, moment in moments], count, options.offsets)
        _say_what_is_less(options, clip, count, moments, issues)
        return picks
    if options.strategy == "per-second":
        if planned.index is None:
            raise InputError("pictures have no times", next_step="choose another --strategy")
        return plan_per_second([planned.index.time(k) for k in range(count)], options.rate)
    return plan_video(clip.video_id, count, options.per_video, strategy=options.strategy, seed=options.seed)


def _say_what_is_less(
    options: SampleOptions, clip: Clip, count: int, moments: list[tuple[int, Moment]], issues: Issues
) -> None:
    """Warn of moments that share a picture, and of offsets that lead out of the clip."""
    shared = len(moments) - len({k for k, _ in moments})
    if shared:
        issues.warn(
            f"{shared} moments share a picture with another; it is taken once, by its first name", file=clip.name
        )
    out = sum(not 0 <= k + offset < count for k in {k for k, _ in moments} for offset in options.offsets)
    if out:
        issues.warn(f"{out} offsets from moments lead out of its {count} pictures", file=clip.name)


def _candidates(planned: PlannedClip, rate: float) -> tuple[int, ...]:
    """Pictures to look at: a grid in time for a video, all of a folder."""
    if planned.index is None:
        return tuple(range(planned.count))
    times = [planned.index.time(k) for k in range(planned.count)]
    return tuple(pick.frame_index for pick in plan_per_second(times, rate))
