"""Looking at all frames: what is kept is taken, the rest is asked here or in other processes, and rows come of it.

With carrying there are two passes. The first looks at every frame by itself and can be cut up as one likes. The second
goes through each clip in order, finds all of that known, and asks only about hands that the frame before had.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Final

from hint_toolkit.flows.prelabel_crew import Recipe, crew_look
from hint_toolkit.flows.prelabel_look import Job, NeedsDetector, Seen, Sight, look, look_key
from hint_toolkit.flows.prelabel_rows import rows_of
from hint_toolkit.io.kept import Kept
from hint_toolkit.prelabel.base import Detector
from hint_toolkit.records import Frame, Hand

Progress = Callable[[int, int], None]
_BATCH: Final = 8


@dataclass
class Count:
    """What came of a run so far.

    Attributes:
        calls: of the detector.
        used: keys of all looks.
        fresh: keys of those that this run made.
        carried: hands found only because the frame before had them.
        missed: given boxes in which nothing was seen.
        sides: hands whose side is not the one that the box file says.
        rows: frame id -> its rows.
    """

    calls: int = 0
    used: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    carried: int = 0
    missed: int = 0
    sides: int = 0
    rows: dict[str, list[Hand]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """How frames are looked at.

    Attributes:
        frames: all of them.
        detector: open.
        kept: what is known of earlier runs.
        workers: processes; more than one needs `recipe`.
        recipe: how the detector is opened in another process.
        progress: called with the frames done and their number, in each pass.
    """

    frames: Sequence[Frame]
    detector: Detector
    kept: Kept
    workers: int = 1
    recipe: Recipe | None = None
    progress: Progress | None = None

    def look_at(self, sights: Sequence[Sight], *, carry: bool = False) -> Count:
        """Look at every frame; `sights` are in the order of the frames."""
        single = self._passed(self._batches(sights), Count())
        if not carry:
            return single
        # Every number but the calls and what is fresh is counted anew; both passes make one run.
        return self._passed(self._clips(sights), Count(calls=single.calls, fresh=single.fresh))

    def _batches(self, sights: Sequence[Sight]) -> Iterator[Job]:
        for start in range(0, len(sights), _BATCH):
            yield Job(tuple(sights[start : start + _BATCH]), whole=self.detector.finds_boxes)

    def _clips(self, sights: Sequence[Sight]) -> Iterator[Job]:
        """A job a clip, in order of time, because a frame builds on the one before."""
        frames = self.frames
        order = sorted(range(len(frames)), key=lambda i: (frames[i].video_id, frames[i].time, frames[i].id))
        for _, clip in groupby(order, key=lambda i: frames[i].video_id):
            yield Job(tuple(sights[i] for i in clip), carry=True, whole=self.detector.finds_boxes)

    def _passed(self, jobs: Iterable[Job], count: Count) -> Count:
        by_id = {frame.id: frame for frame in self.frames}
        take = partial(self._take, by_id, count)
        ready = (replace(job, known=self.kept) for job in jobs)
        if self.workers > 1 and self.recipe is not None:
            for results in crew_look(self._unknown(ready, take), self.recipe, self.workers):
                take(results)
        else:
            for job in ready:
                take(look(job, self.detector))
        return count

    def _take(self, by_id: dict[str, Frame], count: Count, results: Iterable[Seen]) -> None:
        """Keep what is new of some frames, and make rows of all."""
        for seen in results:
            for key, value in seen.fresh.items():
                self.kept.keep(key, value)
            count.calls += seen.calls
            count.used |= set(seen.used)
            count.fresh |= set(seen.fresh)
            count.carried += seen.carried
            count.missed += len(seen.missed)
            rows, differ = rows_of(by_id[seen.frame_id], seen, self.detector.name)
            count.rows[seen.frame_id] = rows
            count.sides += differ
            if self.progress:
                self.progress(len(count.rows), len(by_id))

    def _unknown(self, jobs: Iterable[Job], take: Callable[[Iterable[Seen]], None]) -> Iterator[Job]:
        """Jobs that a worker must do, with all that is kept of their pictures; the others are taken at once."""
        for job in jobs:
            try:
                known = list(look(job, None))
            except NeedsDetector:
                keys = {key for sight in job.sights for key in self.kept.group(look_key(sight.digest, ()))}
                yield replace(job, known={key: self.kept[key] for key in keys})
            else:
                take(known)
