"""What a dataset holds, in the numbers that its section of a paper needs.

Hands are read batch by batch; about 400 bytes a hand are kept, most of them its points, so that the same hand
labelled twice can be found however far apart the two rows are.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.export.people import pseudonyms
from hint_toolkit.export.summary import Spread, Summary, Tally, box_sizes
from hint_toolkit.flows.release import final_rows, released
from hint_toolkit.io.release import latest_release
from hint_toolkit.io.stream import of_hands, open_hands
from hint_toolkit.issues import Issues
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.dataset import (
    ENOUGH,
    NEAR,
    Heat,
    copies,
    heat,
    histogram,
    in_image,
    in_several,
    moved_farther,
    moves,
    same_hand_twice,
)
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace

SCHEMA: Final = "hint-stats/1"
BINS: Final = 24
PIXEL_EDGES: Final = tuple(float(2 ** (k / 2)) for k in range(4, 26))
"""4 to about 5800 px, two bins an octave."""
SHARE_EDGES: Final = tuple(k / 20 for k in range(21))
LIMITS: Final = (0.02, 0.05, 0.1, 0.2)
"""Of the longer side of the box: how far a pre-label was moved."""
STILL: Final = 0.5
"""Pixels: what moved less was left where it was; Label Studio keeps percentages, which round."""
_NO_PLACE: Final = np.int64(-1)


@dataclass(frozen=True)
class Input:
    """What is described.

    Attributes:
        kind: "annotations" of a workspace, "release" or "dataset".
        format: which format it was read from.
        batches: the hands.
        states: of a workspace's rows: state -> rows; empty otherwise.
        prelabels: what people started from; None where it is not at hand.
        issues: of the reader.
    """

    kind: str
    format: str
    batches: Callable[[], Iterator[Hands]]
    states: dict[str, int] = field(default_factory=dict)
    prelabels: Hands | None = None
    issues: Issues = field(default_factory=Issues)


def dataset_stats(path: Path | None, workspace: Workspace) -> tuple[dict[str, Any], Issues]:
    """Describe a dataset.

    Args:
        path: any dataset that is read here, or a workspace; None takes the annotations of `workspace`, else its
            latest release.
        workspace: also where the pre-labels of its own releases are.

    Returns:
        plain JSON (docs/stats.md; what is not known or not defined is None), and what the reader noticed.

    Raises:
        InputError: nothing there, or it is damaged.
    """
    given = _input(path, workspace)
    tally, seen = Tally(), _Seen(given.prelabels)
    for batch in given.batches():
        tally.add(batch)
        seen.add(batch)
    summary = tally.summary()
    if not summary.hands:
        raise InputError("there is no hand to describe", where=str(path or workspace.root))
    value = {
        "schema": SCHEMA,
        "toolkit": __version__,
        "kind": given.kind,
        "format": given.format,
        "states": given.states,
        **_counts(summary),
        **seen.result(),
    }
    return value, given.issues


def _input(path: Path | None, workspace: Workspace) -> Input:
    if path is not None and path.name == workspace.annotations_file.name and path.is_file():
        path = path.parent
    if path is not None and (path / workspace.annotations_file.name).is_file():
        return _of_workspace(Workspace(path))
    if path is None and workspace.annotations_file.is_file():
        return _of_workspace(workspace)
    if path is None:
        path = latest_release(workspace.releases_folder)
        if path is None:
            raise InputError(
                "neither annotations nor a release", where=str(workspace.root), next_step="name a dataset: PATH"
            )
    source = open_hands(path)
    # Ids of another dataset must not meet our pre-labels by chance.
    ours = path.resolve().is_relative_to(workspace.root.resolve())
    before = workspace.read_prelabels() if ours and workspace.prelabels_file.is_file() else None
    kind = "release" if (path / "release.json").is_file() else "dataset"
    return Input(kind, source.format, source.batches, {}, before, Issues(list(source.issues)))


def _of_workspace(workspace: Workspace) -> Input:
    rows, issues = workspace.read_annotations(), Issues()
    states, n = np.unique(rows.state.astype(str), return_counts=True)
    before = workspace.read_prelabels() if workspace.prelabels_file.is_file() else None
    counts = dict(zip(states.tolist(), n.tolist(), strict=True))
    return Input("annotations", "workspace", of_hands(released(final_rows(rows, issues))), counts, before, issues)


def _counts(summary: Summary) -> dict[str, Any]:
    """What the export counts as well."""
    groups = [
        {"split": split, "source": source, "subset": subset, **asdict(g), "right": g.hands - g.left}
        | {"occluded_share": _share(g.occluded, g.existing)}
        for (split, source, subset), g in summary.groups.items()
    ]
    joints = [
        {
            "joint": name,
            "exists": existing,
            "absent": summary.hands - existing,
            "occluded": occluded,
            "absent_share": _share(summary.hands - existing, summary.hands),
            "occluded_share": _share(occluded, existing),
        }
        for name, existing, occluded in zip(JOINTS, summary.existing.tolist(), summary.occluded.tolist(), strict=True)
    ]
    return {
        "content": summary.content,
        "hands": summary.hands,
        "frames": summary.frames,
        "clips": summary.clips,
        "hands_with_picture": summary.pictures,
        "occluded_share": _share(int(summary.occluded.sum()), int(summary.existing.sum())),
        "absent_share": _share(21 * summary.hands - int(summary.existing.sum()), 21 * summary.hands),
        "groups": groups,
        "hands_a_frame": _spread(summary.hands_a_frame),
        "hands_a_clip": _spread(summary.hands_a_clip),
        "joints": joints,
        "occluded_a_hand": summary.occluded_a_hand.tolist(),
        "size": {"pixels": _spread(summary.size), "share": _spread(summary.share)},
        "seconds": _spread(summary.seconds),
        "detectors": {name: n for name, n in summary.counts["detector"].items() if name},
        "licences": [asdict(r) for r in summary.rights],
    }


@dataclass
class _Seen:
    """What needs the hands themselves, collected batch by batch."""

    prelabels: Hands | None
    ids: list[str] = field(default_factory=list)
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    annotators: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    heats: dict[str, Heat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Where each pre-label stands."""
        known = self.prelabels.id.tolist() if self.prelabels is not None else []
        self._row = {hand_id: i for i, hand_id in enumerate(known)}

    def add(self, hands: Hands) -> None:
        self.ids += hands.id.tolist()
        sizes = box_sizes(hands.box)
        points = np.where(hands.exists[..., None], hands.points, np.nan)
        self._keep("points", points.astype(np.float32))
        self._keep("exists", hands.exists)
        self._keep("size", sizes)
        longer = np.maximum(hands.width, hands.height)
        self._keep("share", np.where(longer > 0, sizes / np.maximum(longer, 1), np.nan))
        self._keep("frame", _keys(zip(hands.source, hands.frame_id, strict=True)))
        self._keep("split", _keys(hands.split))
        self._keep("folder", _keys(zip(hands.split, hands.source, hands.subset, strict=True)))
        clip = _keys(zip(hands.source, hands.video_id, strict=True))
        self._keep("clip", np.where(hands.video_id == "", _NO_PLACE, clip))
        placed = (hands.video_id != "") & (hands.frame_index >= 0)
        place = _keys(zip(hands.source, hands.video_id, hands.frame_index.tolist(), strict=True))
        self._keep("place", np.where(placed, place, _NO_PLACE))
        enough = hands.exists.sum(axis=1) >= ENOUGH
        whole = _keys(row.tobytes() for row in points)
        self._keep("copy", whole[enough])
        self._heat("centres", hands, ((hands.box[:, :2] + hands.box[:, 2:]) / 2)[:, None, :])
        self._heat("keypoints", hands, points)
        for name in set(hands.annotator.tolist()):
            self.annotators.setdefault(name, []).append(hands.seconds[hands.annotator == name])
        if self.prelabels is not None:
            self._compare(hands, self.prelabels, sizes)

    def _keep(self, name: str, values: NDArray[Any]) -> None:
        self.parts.setdefault(name, []).append(values)

    def _heat(self, name: str, hands: Hands, points: NDArray[np.float64]) -> None:
        drawn = heat(in_image(points, hands.width, hands.height), BINS)
        if name == "keypoints":
            drawn = drawn._replace(unknown=drawn.unknown - int((~hands.exists).sum()))
        if old := self.heats.get(name):
            drawn = Heat(old.counts + drawn.counts, old.outside + drawn.outside, old.unknown + drawn.unknown)
        self.heats[name] = drawn

    def _compare(self, hands: Hands, prelabels: Hands, sizes: NDArray[np.float64]) -> None:
        row = np.array([self._row.get(name, -1) for name in hands.prelabel_id], np.int64)
        self._keep("begun", row >= 0)
        known = row >= 0
        pixels = moves(prelabels.points[row[known]], hands.points[known], hands.exists[known])
        self._keep("moved", pixels)
        self._keep("moved_share", pixels / sizes[known, None])
        self._keep("turned", prelabels.side[row[known]] != hands.side[known])

    def result(self) -> dict[str, Any]:
        column = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        per_frame = np.bincount(np.unique(column["frame"], return_counts=True)[1])
        return {
            "frames_by_hands": {str(n): int(frames) for n, frames in enumerate(per_frame) if frames},
            "histograms": {
                "pixels": _bins(column["size"], PIXEL_EDGES),
                "share": _bins(column["share"], SHARE_EDGES),
            },
            "positions": {
                name: {**drawn._asdict(), "counts": drawn.counts.tolist()} for name, drawn in self.heats.items()
            },
            "duplicates": self._duplicates(column),
            "prelabels": _prelabels(column) if "begun" in column else None,
            "annotators": self._people(),
        }

    def _duplicates(self, column: dict[str, NDArray[Any]]) -> dict[str, Any]:
        pictures = np.unique(column["frame"], return_inverse=True)[1].astype(np.int64)
        pairs = same_hand_twice(pictures, column["points"], column["exists"], column["size"])
        return {
            "same_hand_twice": len(pairs),
            "same_hand_twice_first": [[self.ids[a], self.ids[b]] for a, b in pairs[:5]],
            "near": NEAR,
            "copied_points": copies(column["copy"]),
            "frames_in_several_folders": in_several(column["place"], column["folder"]),
            "clips_in_several_splits": in_several(column["clip"], column["split"]),
        }

    def _people(self) -> list[dict[str, Any]]:
        """Without their names: the page is made to be shown."""
        shown = pseudonyms(self.annotators)
        rows = []
        for name, seconds in sorted(self.annotators.items()):
            spent = np.concatenate(seconds)
            middle = Spread.of(spent)
            rows.append(
                {"annotator": shown[name], "hands": len(spent), "median_seconds": middle.median if middle else None}
            )
        return rows


def _prelabels(column: dict[str, NDArray[Any]]) -> dict[str, Any]:
    pixels, share, begun = column["moved"], column["moved_share"], column["begun"]
    still, far = moved_farther(pixels, np.array([STILL])), moved_farther(share, np.array(LIMITS))
    joints = [
        {"joint": name} | _moved(still.farther[:, j], still.known[j], far.farther[:, j], far.known[j])
        for j, name in enumerate(JOINTS)
    ]
    middle = Spread.of(share)
    return {
        "hands": int(begun.sum()),
        "hands_without": int((~begun).sum()),
        "side_changed": int(column["turned"].sum()),
        "still": STILL,
        "limits": list(LIMITS),
        "median": middle.median if middle else None,
        **_moved(still.farther.sum(axis=1), still.known.sum(), far.farther.sum(axis=1), far.known.sum()),
        "joints": joints,
    }


def _moved(still: NDArray[np.int64], known: Any, far: NDArray[np.int64], sized: Any) -> dict[str, Any]:
    return {
        "points": int(known),
        "moved": _share(int(still[0]), int(known)),
        "farther": [_share(int(n), int(sized)) for n in far],
    }


def _keys(things: Any) -> NDArray[np.int64]:
    """A number, 0 or more, for every thing, equal for equal ones; it differs between runs, what is counted does not."""
    return np.fromiter(map(hash, things), np.int64) & np.int64(0x7FFF_FFFF_FFFF_FFFF)


def _bins(values: NDArray[np.float64], edges: tuple[float, ...]) -> dict[str, Any]:
    drawn = histogram(values, np.array(edges))
    return {"edges": list(edges), **drawn._asdict(), "counts": drawn.counts.tolist()}


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _spread(spread: Spread | None) -> dict[str, Any] | None:
    return asdict(spread) if spread else None
