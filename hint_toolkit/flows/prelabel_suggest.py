"""Suggested occlusion flags of a workspace's pre-labels: a table of probabilities, and flags set beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.arrow import to_arrow
from hint_toolkit.io.images import read_image
from hint_toolkit.io.kept import Kept, key_of
from hint_toolkit.io.parquet import write_table
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.models.occlusion.suggest import Suggester
from hint_toolkit.records import Frame, Hands
from hint_toolkit.workspace import Workspace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Suggestions:
    """What is suggested.

    Attributes:
        hands: with the flags that are set beforehand.
        ticks: how many these are; 0 when the head would cost more keys than it saves.
    """

    hands: Hands
    ticks: int


def suggest(
    workspace: Workspace,
    hands: Hands,
    frames: Sequence[Frame],
    digests: Mapping[str, str],
    objects: Mapping[str, Floats],
    suggester: Suggester,
    progress: Callable[[int, int], None] | None = None,
) -> Suggestions:
    """Ask the head about every pre-labelled hand, and write `suggestions.parquet`.

    Args:
        workspace: with the frames' pictures.
        hands: pre-labels of all frames, every frame's together.
        frames: of the workspace.
        digests: frame id -> hash of its pixels; answers are kept under it and the points.
        objects: frame id -> boxes of things, where somebody looked for them.
        suggester: the head.
        progress: called with the frames done and their number.
    """
    probability = np.full((len(hands), N_JOINTS), np.nan)
    rows: dict[str, list[int]] = {}
    for i in np.flatnonzero(hands.state == "prelabel").tolist():
        rows.setdefault(hands.frame_id[i], []).append(i)
    kept = Kept(workspace.kept_folder, f"suggestions {suggester.name}")
    try:
        for done, frame in enumerate(frames, 1):
            mine = rows.get(frame.id, [])
            if mine:
                probability[mine] = _of_frame(
                    workspace, hands.take(np.array(mine)), frame, digests, objects, suggester, kept
                )
            if progress:
                progress(done, len(frames))
    finally:
        kept.close()
    _write(workspace, hands, probability, suggester)
    # A head that costs more keys than it saves only ranks, it sets nothing.
    ticks = suggester.ticks(probability) & hands.exists & bool(suggester.head.saves)
    return Suggestions(hands.replace(occluded=hands.occluded | ticks), int(ticks.sum()))


def _of_frame(
    workspace: Workspace,
    hands: Hands,
    frame: Frame,
    digests: Mapping[str, str],
    objects: Mapping[str, Floats],
    suggester: Suggester,
    kept: Kept,
) -> Floats:
    """(n, 21) probabilities of one frame's hands."""
    things = objects.get(frame.id)
    looked = "looked" if things is not None else ""
    boxes = np.zeros((0, 4)) if things is None else things
    key = key_of(digests[frame.id], hands.points, hands.side.tolist(), boxes, looked)
    if key not in kept:
        kept.keep(key, suggester(read_image(workspace.root / frame.path), hands, objects=things).tolist())
    return np.array(kept[key], dtype=np.float64)


def _write(workspace: Workspace, hands: Hands, probability: Floats, suggester: Suggester) -> None:
    import pyarrow as pa

    asked = ~np.isnan(probability).all(axis=1)
    columns = {"id": to_arrow(hands.id[asked]), "occluded": to_arrow(probability[asked])}
    facts = {
        "suggester": suggester.name,
        "threshold": float(suggester.head.threshold),
        "saves": bool(suggester.head.saves),
    }
    write_table(workspace.suggestions_file, pa.table(columns), facts)
