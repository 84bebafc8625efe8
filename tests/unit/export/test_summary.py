import numpy as np
import pandas as pd
import pytest

from hint_toolkit.export.summary import Spread, Tally, box_sizes
from hint_toolkit.io.parquet import hands_to_pandas
from hint_toolkit.io.release import content_hash
from hint_toolkit.records import Hands


def tallied(hands, size):
    tally = Tally()
    for start in range(0, len(hands), size):
        tally.add(hands[start : start + size])
    return tally.summary()


@pytest.fixture
def mixed(make_hands, rng):
    hands = Hands.concat([make_hands(30), make_hands(17, source="newdays", split="TRAIN", clips=2)])
    frames = hands.frame_id.copy()
    frames[1] = frames[0]
    seconds = hands.seconds.copy()
    seconds[:40] = rng.uniform(5, 60, 40)
    seconds[40:] = np.nan
    video = hands.video_id.copy()
    video[[3, 4]] = ""
    box = hands.box.copy()
    box[5] = np.nan
    box[6, 2] = box[6, 0]
    width = hands.width.copy()
    width[7], height = 0, hands.height.copy()
    height[7] = 0
    image = [f"{i}.jpg" if i % 3 else "" for i in range(47)]
    licence = ["CC-BY-4.0" if i % 2 else "" for i in range(47)]
    free = np.arange(47) % 5 > 0
    return hands.replace(
        frame_id=frames, seconds=seconds, video_id=video, box=box, width=width, height=height, image=image,
        licence=licence, redistributable=free,
    )  # fmt: skip


def test_counts_are_those_of_pandas(mixed):
    found, table = tallied(mixed, 7), hands_to_pandas(mixed)
    assert found.hands == 47
    assert found.frames == table.groupby(["source", "frame_id"]).ngroups == 46
    clip = table.video_id.where(table.video_id != "", table.frame_id)
    assert found.clips == pd.DataFrame({"s": table.source, "c": clip}).drop_duplicates().shape[0]
    per_clip = clip.groupby([table.source, clip]).size()
    assert found.hands_a_clip.median == per_clip.median()
    assert (found.hands_a_clip.low, found.hands_a_clip.high) == (per_clip.min(), per_clip.max())
    assert (found.hands_a_frame.n, found.hands_a_frame.high) == (46, 2)
    assert (found.seconds.n, found.seconds.median) == (40, table.seconds.median())
    assert found.pictures == (table.image != "").sum()


def test_groups_are_those_of_pandas(mixed):
    found, table = tallied(mixed, 7), hands_to_pandas(mixed)
    table["occluded_n"] = [sum(row) for row in table.occluded]
    table["exists_n"] = [sum(row) for row in table.exists]
    groups = table.groupby(["split", "source", "subset"])
    assert list(found.groups) == list(groups.groups)
    for key, rows in groups:
        group = found.groups[key]
        assert group.hands == found.folders[key] == len(rows)
        assert group.left == (rows.side == "left").sum()
        assert group.frames == rows.frame_id.nunique()
        assert (group.existing, group.occluded) == (rows.exists_n.sum(), rows.occluded_n.sum())
        assert group.pictures == (rows.image != "").sum()
    assert found.occluded_a_hand.tolist() == np.bincount(table.occluded_n, minlength=22).tolist()


def test_rights_keep_licence_and_permission_apart(mixed):
    found, table = tallied(mixed, 7), hands_to_pandas(mixed)
    rows = table.groupby(["source", "licence", "redistributable"]).image.agg(["size", lambda x: (x != "").sum()])
    assert [(r.source, r.licence, r.redistributable) for r in found.rights] == list(rows.index)
    assert [(r.hands, r.pictures) for r in found.rights] == [tuple(row) for row in rows.to_numpy().tolist()]


def test_sizes_leave_out_boxes_without_area_and_images_of_unknown_size(mixed):
    found = tallied(mixed, 100)
    sizes = box_sizes(mixed.box)
    assert np.isnan(sizes[[5, 6]]).all()
    assert sizes[0] == max(mixed.box[0, 2] - mixed.box[0, 0], mixed.box[0, 3] - mixed.box[0, 1])
    assert (found.size.n, found.share.n) == (45, 44)
    assert found.size.median == np.nanmedian(sizes)
    assert found.share.high == np.nanmax(np.delete(sizes, 7)) / 640


def test_batches_make_no_difference_and_the_manifest_stays(mixed):
    whole, parts = tallied(mixed, 100), tallied(mixed, 3)
    for name in ("groups", "rights", "size", "share", "hands_a_clip", "frames", "clips", "counts"):
        assert getattr(whole, name) == getattr(parts, name), name
    assert whole.content == content_hash(mixed)
    assert whole.manifest()["hands_with_picture"] == whole.pictures


def test_a_summary_may_be_taken_before_the_end_and_of_nothing(mixed):
    tally = Tally()
    assert (tally.summary().hands, tally.summary().size, tally.summary().groups) == (0, None, {})
    tally.add(mixed[:10])
    assert tally.summary().frames == 9
    tally.add(mixed[10:])
    assert tally.summary().groups == tallied(mixed, 100).groups


def test_equal_frame_names_of_two_sources_are_two_frames(make_hands):
    hands = Hands.concat([make_hands(4), make_hands(4, source="other")])
    assert tallied(hands, 100).frames == 8
    assert tallied(hands, 100).clips == 6


def test_spread():
    assert Spread.of(np.array([np.nan, 3.0, 1.0, np.inf])) == Spread(2, 1.0, 1.1, 2.0, pytest.approx(2.9), 3.0)
    assert Spread.of(np.zeros(0)) is None
