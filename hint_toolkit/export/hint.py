"""HInt's own layout: `HInt_annotation/<SPLIT>_<source>_<subset>/<stem>.jpg` + `.json`, one pair a hand."""

import json
from pathlib import Path

from hint_toolkit.export._pictures import place_picture
from hint_toolkit.io.atomic import write_text
from hint_toolkit.io.release import pair_record
from hint_toolkit.records import Hands

ROOT = "HInt_annotation"


def write(hands: Hands, source: Path, target: Path) -> None:
    """Write one jpg and one json a hand; the id of a hand is its path below `HInt_annotation/`.

    Raises:
        InputError: a picture is missing.
    """
    for hand in hands:
        pair = target / ROOT / hand.id
        place_picture(source / hand.image, pair.with_name(pair.name + ".jpg"))
        write_text(pair.with_name(pair.name + ".json"), json.dumps(pair_record(hand), allow_nan=False))
