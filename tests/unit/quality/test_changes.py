"""What differs between two versions; hand-worked cases, and the names of HInt's first revision."""

import struct
import time
from hashlib import sha256

import numpy as np
import pytest

from hint_toolkit.io.release import content_hash, hand_digests
from hint_toolkit.quality.changes import changes_between, content_points, moves, provenance_counts
from hint_toolkit.records import Hands


def edited(hands, **columns):
    """A copy with some cells exchanged: `points={(row, joint): value}`."""
    whole = {}
    for name, cells in columns.items():
        whole[name] = getattr(hands, name).copy()
        for place, value in cells.items():
            whole[name][place] = value
    return hands.replace(**whole)


def test_the_same_hands_in_another_order_do_not_differ(make_hands, rng):
    hands = make_hands(20)
    changes = changes_between(hands, hands.take(rng.permutation(20)))
    assert changes.none
    assert changes.counts() == {"removed": 0, "added": 0, "renamed": 0, "changed": 0, "same": 20}
    assert changes.provenance == {}
    assert moves(changes) == []
    assert changes.folders() == []


@pytest.mark.parametrize("empty_side", [0, 1])
def test_nothing_against_something(make_hands, empty_side):
    pair = [make_hands(3), make_hands(3)[:0]]
    changes = changes_between(*(pair if empty_side else pair[::-1]))
    counts = changes.counts()
    assert (counts["removed"], counts["added"]) == ((3, 0) if empty_side else (0, 3))
    both = changes_between(pair[1], pair[1])
    assert both.none
    assert moves(both) == []


def test_removed_added_changed_and_by_folder(make_hands):
    hands = Hands.concat([make_hands(6), make_hands(3, source="newdays", split="TRAIN")])
    new = edited(hands.take(np.arange(1, 9)), points={(2, 5): (1.0, 2.0)})
    changes = changes_between(hands.take(np.arange(8)), new)
    assert changes.old.id[changes.removed].tolist() == [hands.id[0]]
    assert changes.new.id[changes.added].tolist() == [hands.id[8]]
    assert changes.old.id[changes.changed[:, 0]].tolist() == [hands.id[3]]
    assert changes.folders() == [
        {"folder": "TEST_folder_img", "removed": 1, "added": 0, "renamed": 0, "changed": 1},
        {"folder": "TRAIN_newdays_img", "removed": 0, "added": 1, "renamed": 0, "changed": 0},
    ]


def test_moves_are_sorted_by_pixels_and_told_in_shares_of_the_old_box(make_hands):
    hands = edited(make_hands(3), box={0: (0, 0, 50, 20), 1: (0, 0, 10, 200), 2: (5, 5, 5, 5)})
    hands = edited(hands, points={(0, 1): (10, 10), (1, 0): (7, 7), (2, 0): (1, 1), (0, 3): (np.nan, np.nan)})
    new = edited(hands, points={(0, 1): (13, 14), (1, 0): (7, 17), (2, 0): (2, 1), (0, 3): (9, 9)})
    new = edited(new, box={0: (0, 0, 500, 20)})
    assert moves(changes_between(hands, new)) == [
        {"id": hands.id[1], "joint": "wrist", "from": [7, 7], "to": [7, 17], "px": 10, "percent": 5},
        {"id": hands.id[0], "joint": "thumb1", "from": [10, 10], "to": [13, 14], "px": 5, "percent": 10},
        {"id": hands.id[2], "joint": "wrist", "from": [1, 1], "to": [2, 1], "px": 1, "percent": None},
        {"id": hands.id[0], "joint": "thumb3", "from": [None, None], "to": [9, 9], "px": None, "percent": None},
    ]


def test_flags_box_and_side_are_told_apart(make_hands):
    hands = edited(make_hands(4), exists={(0, 3): True, (0, 4): True, (1, 5): False, (2, 6): True, (3, 7): True},
                   occluded={(0, 3): True, (0, 4): True, (1, 5): False, (2, 6): False, (3, 7): False})  # fmt: skip
    new = edited(
        hands,
        exists={(0, 3): False, (0, 4): False, (1, 5): True},
        occluded={(0, 3): False, (0, 4): False, (2, 6): True},
    )
    new = edited(new, side={3: "left"}, box={3: (1, 2, 3, 4)})
    assert changes_between(hands, new).fields() == {
        "joints_moved": 0,
        "hands_moved": 0,
        "joints_now_existing": 1,
        "joints_now_absent": 2,
        "joints_now_occluded": 1,
        "joints_no_more_occluded": 2,
        "boxes": 1,
        "sides": 1,
    }


def test_a_hand_in_another_split_or_of_another_side_is_renamed(make_hands):
    hands = make_hands(4)
    ids = hands.id.copy()
    ids[0] = ids[0].replace("TEST_", "TRAIN_")
    ids[1] = ids[1][:-1] + "l"
    ids[2] = ids[2].replace("TEST_", "VAL_")
    new = edited(hands, side={1: "left"}, points={(2, 0): (1, 1)}).replace(id=ids)
    changes = changes_between(hands, new)
    pairs = [(changes.old.id[i], changes.new.id[j]) for i, j in changes.renamed.tolist()]
    assert pairs == [(hands.id[0], ids[0]), (hands.id[1], ids[1])]
    # The third moved and changed: nothing says that it is the same hand.
    assert changes.old.id[changes.removed].tolist() == [hands.id[2]]
    assert changes.new.id[changes.added].tolist() == [ids[2]]


def test_two_hands_that_fit_equally_well_are_not_renamed(make_hands):
    hand = make_hands(1)
    stem = hand.id[0].rsplit("/", 1)[-1]
    twins = Hands.concat([hand, hand]).replace(id=[f"TEST_a_img/{stem}", f"TEST_b_img/{stem}"])
    changes = changes_between(twins, hand.replace(id=[f"TEST_c_img/{stem}"]))
    assert changes.counts() == {"removed": 2, "added": 1, "renamed": 0, "changed": 0, "same": 0}


def test_hands_of_another_frame_with_the_same_points_are_not_renamed(make_hands):
    hand = make_hands(1)
    assert len(changes_between(hand, hand.replace(id=["TEST_folder_img/another_l"])).renamed) == 0


def test_provenance_is_counted_apart_from_content(make_hands):
    hands = make_hands(5).replace(time=[np.nan] * 5)
    new = edited(hands, licence={0: "MIT", 1: "MIT"}, split={2: "TRAIN"}, annotator={3: "bob"}, time={4: 1.0})
    new = edited(new, score={(4, 2): 0.5})
    changes = changes_between(hands, new)
    assert changes.none
    counted = provenance_counts(changes)
    assert counted["licence"] == {"hands": 2, "values": [{"from": "", "to": "MIT", "hands": 2}]}
    assert counted["split"] == {"hands": 1, "values": [{"from": "TEST", "to": "TRAIN", "hands": 1}]}
    assert counted["annotator"]["hands"] == 1
    assert counted["time"] == {"hands": 1}
    assert counted["score"] == {"hands": 1}
    assert set(counted) == {"licence", "split", "annotator", "time", "score"}


def test_the_first_revision_of_hint_is_28_removals(make_hands):
    """17, 4, 1 and 6 pairs went from HInt's four TEST folders between its first and second version of annotations."""
    removed = {"TEST_ego4d_img": 17, "TEST_ego4d_seq": 4, "TEST_epick_img": 1, "TEST_newdays_img": 6}
    names = [f"{folder}/clip_{i}_{'lr'[i % 2]}" for folder in removed for i in range(40)]
    first = make_hands(len(names)).replace(id=names)
    gone = [name for folder, n in removed.items() for name in [x for x in names if x.startswith(folder)][3 : 3 + n]]
    second = first.take(np.array([name not in gone for name in names]))
    changes = changes_between(first, second)
    assert changes.counts() == {"removed": 28, "added": 0, "renamed": 0, "changed": 0, "same": 132}
    assert changes.old.id[changes.removed].tolist() == sorted(gone)
    assert {one["folder"]: one["removed"] for one in changes.folders()} == removed


def one_digest(hand):
    """The digest as docs/versions.md writes it down, number by number, in little-endian bytes."""
    points = [(np.nan, np.nan) if not e and tuple(p) == (0, 0) else p for p, e in zip(hand.points, hand.exists)]  # noqa: B905
    numbers = [*hand.box, *(x for point in points for x in point)]
    data = b"".join(bytes.fromhex("000000000000f87f") if x != x else struct.pack("<d", x + 0.0) for x in numbers)
    data += bytes([*map(int, hand.exists), *map(int, hand.occluded)])
    return sha256(f"{hand.id}\0{hand.side}\0".encode() + data)


def test_the_version_is_what_the_page_says_on_every_machine(make_hands):
    hands = edited(
        make_hands(30), points={(0, 0): (-0.0, 5), (1, 4): (0, 0), (2, 3): np.nan, (3, 5): (np.nan, 1), (4, 0): 0}
    )
    hands = edited(hands, exists={(1, 4): False, (2, 3): False}, occluded={(1, 4): False, (2, 3): False})
    digests = [one_digest(hand) for hand in hands]
    assert hand_digests(hands) == [one.digest() for one in digests]
    assert content_hash(hands) == sha256(b"".join(sorted(one.digest() for one in digests))).hexdigest()
    other = hands.replace(points=hands.points.astype(">f8"), box=hands.box.astype(">f8"))
    assert content_hash(other) == content_hash(hands)


def test_points_of_absent_joints_at_the_corner_are_no_points(make_hands):
    hands = edited(make_hands(1), points={(0, 0): (0, 0), (0, 1): (0, 0)}, exists={(0, 1): False}, occluded={(0, 1): 0})
    points = content_points(hands)
    assert points[0, 0].tolist() == [0, 0]
    assert np.isnan(points[0, 1]).all()
    assert changes_between(hands, edited(hands, points={(0, 1): np.nan})).none


def test_hint_sized_versions_compare_in_seconds(make_hands):
    few = make_hands(500)
    parts = [few.replace(id=[f"{name[:-2]}{k:03d}{name[-2:]}" for name in few.id]) for k in range(81)]
    hands = Hands.concat(parts).take(np.arange(40_434))
    begun = time.perf_counter()
    changes = changes_between(hands, hands)
    assert changes.counts()["same"] == 40_434
    assert time.perf_counter() - begun < 20  # about 2 s on one core
