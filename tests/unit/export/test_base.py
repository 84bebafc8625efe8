import os

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, Pictures, safe_name, sized
from hint_toolkit.io.images import encode_jpg, read_image, write_jpg
from hint_toolkit.io.release import content_hash
from hint_toolkit.io.stream import of_hands


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a//b", "a/b/c", "a\nb", "a\x00b", "a\\b", ".", "a/.",
        "~x", "C:\\x", "a\u202eb", "x" * 201, "a/" + "é" * 101, "a\ud800",
    ],
)  # fmt: skip
def test_names_that_leave_the_folder_or_cannot_be_printed(name):
    assert not safe_name(name)


@pytest.mark.parametrize("name", ["a", "TEST_x_img/ND_-_é_frame1_l", "a.b-c_d#1", "_x", "-x", ".hidden"])
def test_names_that_are_fine(name):
    assert safe_name(name)


def test_hostile_ids_stop_the_export_in_one_line(make_hands, tmp_path):
    hands = make_hands(3)
    bad = hands.replace(id=[hands.id[0], "TEST_x_img/a\nb", hands.id[2]])
    with pytest.raises(InputError, match=r"'TEST_x_img/a\\nb': cannot be a file name") as caught:
        list(Dataset(of_hands(bad), Pictures(tmp_path)).batches())
    assert "\n" not in str(caught.value)


def test_twice_and_out_of_order(make_hands, tmp_path):
    hands = make_hands(4).sorted()
    with pytest.raises(InputError, match="more than once"):
        of_hands(hands.take(np.array([0, 1, 1])))
    for order, text in (([0, 1, 1], "more than once"), ([0, 2, 1], "out of order")):
        batches = [hands.take(np.array([k])) for k in order]
        with pytest.raises(InputError, match=text):
            list(Dataset(lambda batches=batches: iter(batches), Pictures(tmp_path)).batches())


def test_the_summary_is_free_after_a_pass_and_right(make_hands, tmp_path):
    hands = make_hands(50)
    passes = []

    def source():
        passes.append(1)
        return of_hands(hands, 7)()

    dataset = Dataset(source, Pictures(tmp_path))
    list(dataset.batches())
    summary = dataset.summary
    assert len(passes) == 1
    assert summary.content == content_hash(hands)
    assert (summary.hands, summary.pictures) == (50, 0)
    assert summary.counts["side"] == {"left": 25, "right": 25}
    assert summary.folders == {("TEST", "folder", "img"): 50}
    np.testing.assert_array_equal(summary.occluded, hands.occluded.sum(axis=0))
    assert Dataset(source, Pictures(tmp_path)).summary.content == summary.content


@pytest.mark.parametrize("image", ["", "../secret.jpg", "/etc/passwd", "a/../../b", "a\\b", "a\nb"])
def test_pictures_outside_are_refused(tmp_path, image):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="leads out of its folder"):
        Pictures(tmp_path / "root").data(image)
    with pytest.raises(InputError, match="leads out of its folder"):
        Pictures(tmp_path / "root").place(image, tmp_path / "out.jpg")


def test_a_picture_is_copied_once_and_encoded_anew_only_where_it_is_changed(tmp_path):
    write_jpg(tmp_path / "a.jpg", np.full((20, 30, 3), 200, np.uint8))
    plain = Pictures(tmp_path)
    for name in ("b", "again"):
        plain.place("a.jpg", tmp_path / f"out/{name}.jpg")
        assert (tmp_path / f"out/{name}.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()
    inodes = [os.stat(tmp_path / name).st_ino for name in ("a.jpg", "out/b.jpg", "out/again.jpg")]
    assert inodes[0] != inodes[1] == inodes[2]  # nobody changes the original through a release
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    (tmp_path / "noise.jpg").write_bytes(encode_jpg(noise, 60))
    assert Pictures(tmp_path, lambda image: image).data("noise.jpg") == plain.data("noise.jpg")
    assert plain.data("a.jpg") == (tmp_path / "a.jpg").read_bytes()
    dark = Pictures(tmp_path, lambda image: image // 2)
    dark.place("a.jpg", tmp_path / "out/c.jpg")
    assert abs(int(read_image(tmp_path / "out/c.jpg").mean()) - 100) <= 1
    assert read_image(tmp_path / "a.jpg").mean() > 190


def test_links_out_of_the_folder_are_refused_and_so_is_what_is_no_picture(tmp_path):
    root, secret = tmp_path / "root", tmp_path / "secret.jpg"
    root.mkdir()
    write_jpg(secret, np.zeros((8, 8, 3), np.uint8))
    (root / "link.jpg").symlink_to(secret)
    (tmp_path / "other").mkdir()
    secret.rename(tmp_path / "other/secret.jpg")
    (root / "folder").symlink_to(tmp_path / "other")
    (root / "text.jpg").write_text("root:x:0:0")
    for image, says in (("link.jpg", "leads out"), ("folder/secret.jpg", "leads out"), ("text.jpg", "is no picture")):
        with pytest.raises(InputError, match=says):
            Pictures(root).data(image)
        with pytest.raises(InputError, match=says):
            Pictures(root).place(image, tmp_path / "out.jpg")
    (root / "inside.jpg").symlink_to(root / "real.jpg")
    write_jpg(root / "real.jpg", np.zeros((8, 8, 3), np.uint8))
    assert Pictures(root).data("inside.jpg") == (root / "real.jpg").read_bytes()


def test_a_size_is_read_before_the_picture_is_taken_away(make_hands, tmp_path):
    write_jpg(tmp_path / "a.jpg", np.zeros((30, 40, 3), np.uint8))
    hands = make_hands(3).sorted().replace(width=[0, 0, 7], height=[0, 0, 9], image=["a.jpg", "", "a.jpg"])
    pictures = Pictures(tmp_path)
    (batch,) = sized(of_hands(hands), pictures)()
    assert batch.width.tolist() == [40, 0, 7]
    assert batch.height.tolist() == [30, 0, 9]


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("frame_id", "a\nb"),
        ("frame_id", "\x1b[2J"),
        ("source", "../x"),
        ("split", "A/B"),
        ("subset", ""),
        ("source", "<img>"),
    ],
)
def test_words_that_become_folders_are_plain(make_hands, tmp_path, column, bad):
    hands = make_hands(1).replace(**{column: [bad]})
    with pytest.raises(InputError, match=f"{column} .*cannot be part of a file name"):
        list(Dataset(of_hands(hands), Pictures(tmp_path)).batches())


def test_a_missing_picture_says_what_to_do(tmp_path):
    for call in (lambda p: p.data("no.jpg"), lambda p: p.place("no.jpg", tmp_path / "x.jpg")):
        with pytest.raises(InputError, match="the picture is missing; fetch it again, or export with --no-pictures"):
            call(Pictures(tmp_path))
