"""HInt's own layout: `HInt_annotation/<SPLIT>_<source>_<subset>/<stem>.jpg` + `.json`, one pair a hand."""

import json
from pathlib import Path

from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.io.release import pair_record

ROOT = "HInt_annotation"


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write one json a hand, and its jpg where the pixels may go along; the id of a hand is its path below the root.

    Raises:
        InputError: a picture is missing.
    """
    for batch in dataset.batches():
        for hand in batch:
            pair = target / ROOT / hand.id
            pair.parent.mkdir(parents=True, exist_ok=True)
            if hand.image:
                dataset.pictures.place(hand.image, pair.with_name(pair.name + ".jpg"))
            pair.with_name(pair.name + ".json").write_text(json.dumps(pair_record(hand), allow_nan=False), "utf-8")
