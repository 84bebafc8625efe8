import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.policy import Policy, names_of, read_take_down
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import Hands


def through(policy, hands):
    return Hands.concat(policy.over(of_hands(hands, 2))())


@pytest.fixture
def hands(make_hands):
    made = make_hands(6).replace(image=[f"{i}.jpg" for i in range(6)])
    return made.replace(redistributable=[True, False, True, True, False, True]).sorted()


def test_pixels_that_may_not_be_passed_on_stay_behind(hands):
    policy = Policy()
    kept = through(policy, hands)
    assert len(kept) == 6
    assert [bool(image) for image in kept.image] == kept.redistributable.tolist()
    assert policy.withheld == 2
    licensed = Policy(licensed=True)
    assert all(through(licensed, hands).image)
    assert licensed.withheld == 0


def test_no_pictures_at_all(hands):
    policy = Policy(pictures=False)
    assert not any(through(policy, hands).image)
    assert policy.withheld == 0  # nothing was withheld: none was asked for


@pytest.mark.parametrize("by", ["id", "stem", "plain", "frame_id", "video_id"])
def test_a_take_down_names_a_hand_a_frame_or_a_video(hands, by):
    stem = hands.id[0].split("/")[1]
    named = {"stem": stem, "plain": stem[:-2]}.get(by) or getattr(hands, by)[0]
    policy = Policy(frozenset({named, "nobody"}))
    left = through(policy, hands)
    gone = hands.video_id == hands.video_id[0] if by == "video_id" else np.arange(6) == 0
    assert left.id.tolist() == hands.id[~gone].tolist()
    assert policy.taken_down == gone.sum()
    assert policy.used == {named}


def test_a_part_of_a_name_takes_nothing_down(hands):
    policy = Policy(frozenset({hands.id[0][:-3], "clip", "TEST_folder_img", ""}))
    assert len(through(policy, hands)) == 6
    assert names_of("a", "", "") == {"a"}


def test_counts_do_not_add_up_over_passes(hands):
    policy = Policy(frozenset({"clip0"}))
    for _ in range(2):
        through(policy, hands)
    assert (policy.taken_down, policy.withheld) == (2, 2)


def test_the_list_has_comments_and_blank_lines(tmp_path):
    path = tmp_path / "down.txt"
    path.write_text("# asked for by the uploader\n\n abc_-123 \nname#2\nxyz # on 2026-01-02\n", "utf-8")
    assert read_take_down(path) == {"abc_-123", "name#2", "xyz"}


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b"\xff\xfe\x00"])
def test_a_list_that_is_none_is_one_line(tmp_path, content):
    path = tmp_path / "down.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="take"):
        read_take_down(path)
