"""From what the clips offer to the plan: choose, drop near-duplicates, cut to the limits, deal the splits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import shorten
from hint_toolkit.flows.measure_rows import Measured
from hint_toolkit.flows.sample_clips import Offer, Outline
from hint_toolkit.flows.sample_options import SampleOptions
from hint_toolkit.flows.sample_plan import Picked, Plan, PlannedClip, Removed, check_names
from hint_toolkit.issues import Issues
from hint_toolkit.sampling.choose import Candidates, by_scene, capped, informative, standing, twins, worth
from hint_toolkit.sampling.dedupe import NEAR, near_duplicates, similarity
from hint_toolkit.sampling.groups import SPLITS, assign, group_of
from hint_toolkit.sampling.plan import MEASURED, stream
from hint_toolkit.video.likeness import is_flat, thumbnails
from hint_toolkit.video.measures import embedding, scene_embedding


@dataclass(frozen=True)
class _Choice:
    """A frame before limits.

    Attributes:
        clip: number of its offer.
        picked: the frame.
        rank: order of choice within the clip; equal where nothing was preferred.
        worth: 0..1; drawn by the seed where nothing was measured.
        group: what splits do not part.
    """

    clip: int
    picked: Picked
    rank: int
    worth: float
    group: str


def finish(outline: Outline, measured: Mapping[str, Measured] | None = None) -> Plan:
    """The plan.

    Args:
        outline: of the clips.
        measured: of every clip that `outline.looks` names.

    Raises:
        InputError: two clips give one name.
    """
    options, measured = outline.options, measured or {}
    issues = Issues(list(outline.issues.found))
    choices: list[_Choice] = []
    removed: dict[int, list[Removed]] = {}
    for number, offer in enumerate(outline.offers):
        seen = measured.get(offer.planned.clip.video_id)
        _report_lost(offer, seen, options, issues)
        choices += _chosen(options, number, offer, seen, removed.setdefault(number, []))
    value = standing([str(one.clip) for one in choices], [one.rank for one in choices], _worths(choices))
    if options.unlike:
        gone = _duplicates(outline, choices, value, measured)
        for i, twin in gone.items():
            one = choices[i]
            removed[one.clip].append(Removed(one.picked.frame_index, choices[twin].picked.id))
        choices = [one for i, one in enumerate(choices) if i not in gone]
    choices = _cut(options, choices)
    planned = _together(outline, choices, removed)
    check_names(planned)
    return Plan(options, _dealt(options, planned), issues)


def _report_lost(offer: Offer, seen: Measured | None, options: SampleOptions, issues: Issues) -> None:
    if seen is not None and seen.lost and options.strategy in MEASURED:
        reason = next(iter(seen.lost.values()))
        text = f"{len(seen.lost)} of {len(offer.candidates)} candidates cannot be decoded: {reason}"
        report = issues.warn if len(seen.frame_index) else issues.error  # without any the clip gives nothing
        report(text, file=offer.planned.clip.name, field=f"frame {shorten(map(str, seen.lost))}")


def _chosen(
    options: SampleOptions, number: int, offer: Offer, seen: Measured | None, removed: list[Removed]
) -> list[_Choice]:
    """The frames of one clip, with what decides when some must go; adds near-duplicates to `removed`."""
    clip = offer.planned.clip
    known = {clip.video_id: clip.group} if clip.group else {}
    group = group_of(offer.planned.source, clip.video_id, known=known)

    def choice(k: int, reason: str, rank: int, value: float, presence: float = float("nan")) -> _Choice:
        picked = Picked(k, reason, offer.frame_id(k), int(offer.images[k]), presence)
        return _Choice(number, picked, rank, value, group)

    if options.strategy not in MEASURED:
        drawn = np.random.default_rng(stream(options.seed, f"cut:{clip.video_id}")).random(len(offer.picks))
        return [choice(p.frame_index, p.reason, 0, float(v)) for p, v in zip(offer.picks, drawn, strict=True)]
    if seen is None or not len(seen.frame_index):
        return []
    candidates = candidates_of(seen)
    choose = informative if options.strategy == "informative" else by_scene
    alike = _Alike(seen.likeness) if options.unlike else None
    order, value = choose(candidates, options.per_video, ranked=True, refuse=alike).tolist(), worth(candidates)
    for i, twin in alike.found.items() if alike else ():
        removed.append(Removed(int(seen.frame_index[i]), offer.frame_id(int(seen.frame_index[twin]))))
    made = [
        choice(
            int(seen.frame_index[i]),
            f"{options.strategy}: choice {rank + 1} of {len(order)}",
            rank,
            float(value[i]),
            float(seen.presence[i]),
        )
        for rank, i in enumerate(order)
    ]
    return sorted(made, key=lambda one: one.picked.frame_index)


class _Alike:
    """Refuses near-duplicates of what is chosen already; every pair is looked at only when it is asked for."""

    def __init__(self, likeness: NDArray[np.uint8]) -> None:
        self.thumbnails, self.flat = thumbnails(likeness), is_flat(likeness)
        self.found: dict[int, int] = {}

    def __call__(self, one: int, chosen: Sequence[int]) -> bool:
        others = np.array([k for k in chosen if not self.flat[k]], np.int64)
        if self.flat[one] or not len(others):
            return False
        value = similarity(np.repeat(self.thumbnails[one : one + 1], len(others), axis=0), self.thumbnails[others])
        if value.max() >= NEAR:
            self.found[one] = int(others[int(np.argmax(value))])
        return one in self.found


def candidates_of(seen: Measured) -> Candidates:
    """What is chosen among: measures, and scene and pose as one embedding; pictures without times are a step apart."""
    timed = not np.isnan(seen.time).any()
    return Candidates(
        frame_index=seen.frame_index,
        time=seen.time if timed else seen.frame_index.astype(np.float64),
        sharpness=seen.sharpness,
        presence=seen.presence,
        occlusion=seen.occlusion,
        embedding=embedding(scene_embedding(seen.likeness), seen.pose),
    )


def _worths(choices: list[_Choice]) -> NDArray[np.float64]:
    return np.array([one.worth for one in choices], np.float64)


def _duplicates(
    outline: Outline, choices: list[_Choice], value: NDArray[np.float64], measured: Mapping[str, Measured]
) -> dict[int, int]:
    """Choice that goes -> choice that stays in its place. What was not measured, the first of two stays."""
    rows, prints = [], []
    for i, one in enumerate(choices):
        seen = measured.get(outline.offers[one.clip].planned.clip.video_id)
        if seen is None:
            continue
        at = int(np.searchsorted(seen.frame_index, one.picked.frame_index))
        if at < len(seen.frame_index) and seen.frame_index[at] == one.picked.frame_index:
            rows.append(i)
            prints.append(seen.likeness[at])
    if not rows:
        return {}
    pairs, _ = near_duplicates(np.stack(prints))
    order = value[rows] if outline.options.strategy in MEASURED else -np.arange(len(rows), dtype=np.float64)
    twin = twins(pairs, order)
    return {rows[i]: rows[int(twin[i])] for i in np.flatnonzero(twin >= 0)}


def _cut(options: SampleOptions, choices: list[_Choice]) -> list[_Choice]:
    """No more than the limits allow of one clip, one group, and in all; every clip gives alike."""
    limits = (
        (options.max_per_video, lambda one: str(one.clip)),
        (options.max_per_group, lambda one: one.group),
        (options.max_frames, lambda one: ""),
    )
    for limit, name in limits:
        if limit and choices:
            value = standing([str(one.clip) for one in choices], [one.rank for one in choices], _worths(choices))
            kept = capped([name(one) for one in choices], value, limit)
            choices = [one for one, stays in zip(choices, kept, strict=True) if stays]
    return choices


def _together(
    outline: Outline, choices: list[_Choice], removed: Mapping[int, list[Removed]]
) -> tuple[PlannedClip, ...]:
    picks: dict[int, list[Picked]] = {}
    for one in choices:
        picks.setdefault(one.clip, []).append(one.picked)
    return tuple(
        replace(
            offer.planned,
            picks=tuple(picks.get(k, ())),
            removed=tuple(sorted(removed.get(k, ()), key=lambda one: one.frame_index)),
        )
        for k, offer in enumerate(outline.offers)
    )


def _dealt(options: SampleOptions, planned: tuple[PlannedClip, ...]) -> tuple[PlannedClip, ...]:
    """Whole groups to splits, by their frames; a clip without frames goes with its group."""
    if not options.splits:
        return planned
    groups = [
        group_of(one.source, one.clip.video_id, known={one.clip.video_id: one.clip.group} if one.clip.group else {})
        for one in planned
    ]
    sizes: Counter[str] = Counter()
    for group, one in zip(groups, planned, strict=True):
        sizes[group] += len(one.picks)
    split = assign(sizes, dict(zip(SPLITS, options.splits, strict=True)), options.seed)
    return tuple(replace(one, split=split[group]) for group, one in zip(groups, planned, strict=True))
