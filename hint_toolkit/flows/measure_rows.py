"""What one picture measures, as a row, and the rows of a clip as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.flows.sample_plan import PlannedClip
from hint_toolkit.prelabel.base import Detection, Detector
from hint_toolkit.video.likeness import LENGTH, fingerprint
from hint_toolkit.video.measures import N_POSE, looked_at, occlusion_likelihood, pose_embedding, sharpness
from hint_toolkit.video.picture import Image


@dataclass(frozen=True)
class Measured:
    """What was seen in one clip; first axis: its pictures that came out, ascending.

    Attributes:
        frame_index: (N,) decode indices.
        time: (N,) seconds.
        sharpness: (N,) see `video.measures.sharpness`.
        presence: (N,) confidence 0..1 that there is a hand, NaN where nobody looked.
        occlusion: (N,) see `video.measures.occlusion_likelihood`, NaN likewise.
        likeness: (N, 1152) uint8 fingerprints.
        pose: (N, 84) pose embeddings.
        lost: decode index -> why it did not come out.
    """

    frame_index: NDArray[np.int64]
    time: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    presence: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    likeness: NDArray[np.uint8]
    pose: NDArray[np.float64]
    lost: Mapping[int, str]


def measured_row(planned: PlannedClip, k: int, image: Image | str, detector: Detector | None) -> dict[str, Any]:
    """The row of picture k of a clip.

    Args:
        planned: the clip.
        k: decode index.
        image: the picture, or why it did not come out: the row then holds nothing else.
        detector: looks for hands; None leaves presence and occlusion NaN.
    """
    row: dict[str, Any] = {
        "video_id": planned.clip.video_id,
        "frame_index": k,
        "time": planned.time(k),
        "sharpness": np.nan,
        "hand_presence": np.nan,
        "occlusion": np.nan,
        "likeness": b"",
        "pose": [0.0] * N_POSE,
        "lost": image if isinstance(image, str) else "",
    }
    if isinstance(image, str):
        return row
    row |= {"sharpness": sharpness(image), "likeness": fingerprint(image).tobytes()}
    if detector is not None:
        hands = detector.detect(looked_at(image))
        points = [hand.points for hand in hands]
        row |= {
            "hand_presence": max(map(_confidence, hands), default=0.0),
            "occlusion": occlusion_likelihood(points),
            "pose": pose_embedding(points, [hand.side for hand in hands]).tolist(),
        }
    return row


def _confidence(hand: Detection) -> float:
    """That this is a hand: as the detector says, else its confidence in the side, else 1 for having found it."""
    said = [value for value in (hand.presence, hand.side_score) if value == value]
    return float(np.clip(said[0], 0, 1)) if said else 1.0


def schema() -> Any:
    """The Arrow schema of the rows."""
    import pyarrow as pa

    number = pa.float64()
    return pa.schema(
        {
            "video_id": pa.string(),
            "frame_index": pa.int64(),
            "time": number,
            "sharpness": number,
            "hand_presence": number,
            "occlusion": number,
            "likeness": pa.binary(),
            "pose": pa.list_(number, N_POSE),
            "lost": pa.string(),
        }
    )


def table_of(rows: list[dict[str, Any]]) -> Any:
    """Rows as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=schema())


def measured_of(table: Any, video_id: str) -> Measured:
    """The rows of one clip as arrays."""
    import pyarrow.compute as pc

    rows = table.filter(pc.equal(table["video_id"], video_id))
    lost = {k: why for k, why in zip(rows["frame_index"].to_pylist(), rows["lost"].to_pylist(), strict=True) if why}
    rows = rows.filter(pc.equal(rows["lost"], "")).sort_by("frame_index")
    n = len(rows)
    return Measured(
        frame_index=rows["frame_index"].to_numpy(),
        time=rows["time"].to_numpy(),
        sharpness=rows["sharpness"].to_numpy(),
        presence=rows["hand_presence"].to_numpy(),
        occlusion=rows["occlusion"].to_numpy(),
        likeness=np.frombuffer(b"".join(rows["likeness"].to_pylist()), np.uint8).reshape(n, LENGTH),
        pose=np.array(rows["pose"].to_pylist(), np.float64).reshape(n, N_POSE),
        lost=lost,
    )
