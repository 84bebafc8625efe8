"""Parquet: one row a hand in the schema of `records.py`, pictures beside it in `images/`, one a frame."""

from pathlib import Path

from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import HANDS_FILE
from hint_toolkit.records import Hands

PICTURES = "images"


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write `hands.parquet` and `images/<frame id>.jpg`.

    Raises:
        InputError: a picture is missing.
    """
    parts = []
    for batch in dataset.batches():
        images = []
        for frame_id, image in zip(batch.frame_id, batch.image, strict=True):
            place = f"{PICTURES}/{frame_id}.jpg" if image else ""
            if image:
                dataset.pictures.place(image, target / place)
            images.append(place)
        parts.append(batch.replace(image=images))
    hands = Hands.concat(parts)
    facts = {"content": dataset.summary.content, "hands": len(hands)}
    write_table(target / HANDS_FILE, hands_to_table(hands), facts)
