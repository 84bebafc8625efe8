import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.sources.folder import find_clips, quick_hash


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_videos_at_any_depth_in_the_order_of_their_names(tmp_path):
    touch(tmp_path, "b.MP4", "a/c.mov", "notes.txt", ".hidden/d.mp4", "a/.e.mp4")
    assert [clip.name for clip in find_clips(tmp_path)] == ["a/c.mov", "b.MP4"]


def test_ids_are_safe_file_names_and_distinct(tmp_path):
    touch(tmp_path, "a b.mp4", "a-b.mp4", "a/b.mp4", "ünï/ç.mp4", "..x.mp4")
    clips = find_clips(tmp_path)
    ids = [clip.video_id for clip in clips]
    assert len(set(ids)) == len(ids)
    assert all((c.isalnum() and c.isascii()) or c in "-_" for i in ids for c in i)


def test_one_file_is_a_source_of_one_clip(tmp_path):
    touch(tmp_path, "my clip.mp4")
    (clip,) = find_clips(tmp_path / "my clip.mp4")
    assert clip.video_id == "my-clip"


def test_no_folder_and_no_video_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no such folder; pass --videos DIR"):
        find_clips(tmp_path / "gone")
    touch(tmp_path, "a.txt")
    with pytest.raises(InputError, match=r"holds no video \(looked for .*\.mp4"):
        find_clips(tmp_path)


def test_quick_hash_sees_both_ends_and_the_size(tmp_path):
    base = bytes(3 << 20)
    contents = [base, b"1" + base[1:], base[:-1] + b"1", base + b"\0"]
    names = []
    for k, content in enumerate(contents):
        (tmp_path / f"{k}").write_bytes(content)
        names.append(quick_hash(tmp_path / f"{k}"))
    assert len(set(names)) == 4
