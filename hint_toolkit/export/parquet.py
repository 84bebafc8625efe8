"""Parquet: one row a hand in the schema of `records.py`, pictures beside it in `images/`, one a frame."""

from pathlib import Path

from hint_toolkit.export._pictures import place_picture
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import HANDS_FILE, content_hash
from hint_toolkit.records import Hands

PICTURES = "images"


def write(hands: Hands, source: Path, target: Path) -> None:
    """Write `hands.parquet` and `images/<frame id>.jpg`.

    Raises:
        InputError: a picture is missing.
    """
    images = []
    for frame_id, image in zip(hands.frame_id, hands.image, strict=True):
        place = f"{PICTURES}/{frame_id}.jpg"
        place_picture(source / image, target / place)
        images.append(place)
    table = hands_to_table(hands.replace(image=images))
    write_table(target / HANDS_FILE, table, {"content": content_hash(hands), "hands": len(hands)})
