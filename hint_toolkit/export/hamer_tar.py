"""HaMeR's training shards: `hamer_tar/<split>/000000.tar` with a `<key>.jpg` and a `<key>.data.pyd` a picture.

`data.pyd` is a pickle of a list with one dict a hand (`io.hamer_record`), which HaMeR's `load_tars_as_webdataset`
reads. It needs a picture in every sample, so hands without one go to shards of their own,
`hamer_tar/<split>/no-picture-000000.tar`, that a training must leave out. A folder a split keeps a training from
seeing the test set.
"""

from collections.abc import Iterator
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.tar_shards import SHARD_HANDS, Shards, picture_suffix, sample_key, series_name
from hint_toolkit.io.hamer_record import person_of
from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.records import Hand

FOLDER = "hamer_tar"


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write the shards. Hands of one picture are one sample when their ids follow each other, as those of a release do.

    Raises:
        InputError: a picture is missing or neither JPEG nor PNG, or a hand has no box; HaMeR would stop at it.
    """
    with Shards(target, options.shard_hands) as shards:
        for hands in _samples(dataset, options.shard_hands or SHARD_HANDS):
            first = hands[0]
            key, members = sample_key(first.id), []
            if first.image:
                picture = dataset.pictures.data(first.image)
                members.append((f"{key}.{picture_suffix(picture, first.image)}", picture))
            members.append((f"{key}.data.pyd", dump_plain([_person(hand, k) for k, hand in enumerate(hands)])))
            kind = "" if first.image else "no-picture-"
            shards.add(f"{FOLDER}/{series_name(first.split)}/{kind}", len(hands), members)
    if without := dataset.summary.hands - dataset.summary.pictures:
        text = f"{without} hands without a picture are in no-picture-*.tar, which HaMeR's loader cannot read"
        dataset.notes.warn(text, file=FOLDER)


def _samples(dataset: Dataset, most: int) -> Iterator[list[Hand]]:
    """Hands that share a picture, at most as many as a shard holds."""
    group: list[Hand] = []
    for batch in dataset.batches():
        for hand in batch:
            if group and (_picture(hand) != _picture(group[0]) or len(group) >= most):
                yield group
                group = []
            group.append(hand)
    if group:
        yield group


def _picture(hand: Hand) -> tuple[str, ...]:
    """The same for hands that may share a sample."""
    return (hand.image, hand.frame_id, hand.split) if hand.image else (hand.id,)


def _person(hand: Hand, number: int) -> dict[str, object]:
    try:
        return person_of(hand, number)
    except ValueError as error:
        raise InputError(str(error), where=hand.id, next_step="correct it, or leave it out") from error
