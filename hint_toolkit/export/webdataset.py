"""Plain WebDataset shards: `webdataset/hands-<split>-000000.tar` with a `<key>.jpg` and a `<key>.json` a hand.

No pickle in them: the json holds every column of the hand (`io.hand_json`), null for NaN. A hand without a picture
has its json only. docs/tars.md describes the columns for readers without this toolkit.
"""

from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.tar_shards import Shards, picture_suffix, sample_key, series_name
from hint_toolkit.io.hand_json import hand_json

FOLDER = "webdataset"


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write the shards, one sample a hand.

    Raises:
        InputError: a picture is missing or neither JPEG nor PNG, or a hand holds an infinite number.
    """
    with Shards(target, options.shard_hands) as shards:
        for batch in dataset.batches():
            for hand in batch:
                key, members = sample_key(hand.id), []
                name = ""
                if hand.image:
                    picture = dataset.pictures.data(hand.image)
                    name = f"{key}.{picture_suffix(picture, hand.image)}"
                    members.append((name, picture))
                try:
                    members.append((f"{key}.json", hand_json(hand, image=name).encode()))
                except ValueError as error:
                    raise InputError("cannot be written as JSON", where=hand.id, why=str(error)) from error
                shards.add(f"{FOLDER}/hands-{series_name(hand.split)}-", 1, members)
