"""Restoring: the right picture for every kind of clip, resumable, proven, and honest about what is missing."""

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hint_toolkit.flows.restore_clip as clip_module
from hint_toolkit.errors import InputError
from hint_toolkit.flows.restore import REPORT, TO_FETCH, RestoreOptions, restore, state_folder
from hint_toolkit.flows.restore_ffmpeg import ffmpeg_build, jpg_encoder, split_jpgs
from hint_toolkit.flows.restore_official import MD5, official, write_list
from hint_toolkit.flows.restore_plan import make_plan, write_uids
from hint_toolkit.flows.restore_verify import verify
from hint_toolkit.io.fingerprints import Fingerprint, read_fingerprints, write_fingerprints
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.io.parquet import read_table
from hint_toolkit.video.ffmpeg import ask_ffmpeg, find_ffmpeg
from hint_toolkit.video.index import index_video
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.video.numbering import image_sources
from hint_toolkit.video.picture import pixel_hash
from hint_toolkit.video.reader import frame_at
from tests.conftest import VIDEO_KINDS, numbered_picture, read_number
from tests.ego4d_release import make_clip, make_release, plain_case, stem_of, uid, write_hand

needs_ffmpeg = pytest.mark.skipif(find_ffmpeg() is None, reason="needs ffmpeg on PATH, or the package imageio-ffmpeg")


def rows_of(release, **options):
    return read_table(state_folder(release, **options) / REPORT)[0].to_pylist()


def jpgs(release):
    return {p.relative_to(release).as_posix(): p.read_bytes() for p in sorted(release.rglob("*.jpg"))}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Made once; a test that changes it takes a copy."""
    return plain_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def own(case, tmp_path):
    release, ego4d, uids = case
    shutil.copytree(release, tmp_path / release.name)
    shutil.copytree(ego4d, tmp_path / "ego4d")
    return tmp_path / release.name, tmp_path / "ego4d", uids


MP4_KINDS = [name for name, options in VIDEO_KINDS.items() if options.get("name", "clip.mp4").endswith(".mp4")]


@pytest.mark.parametrize("kind", MP4_KINDS)
def test_a_frame_is_the_image_that_ffmpeg_counts(kind, tmp_path):
    """Frame n of a name is image n + 1: what it must show comes from the numbering, and the pixels say it."""
    clip = uid(kind)
    path = make_clip(tmp_path / "ego4d", clip, VIDEO_KINDS[kind])
    index = index_video(path)
    sources = image_sources(index)
    numbers = sorted(random.Random(3).sample(range(len(sources)), 8))
    release = make_release(tmp_path, {"TEST_ego4d_img": {clip: numbers}})
    report = restore(release, tmp_path / "ego4d")
    assert (report.good, report.missing) == (report.hands, [])
    if VIDEO_KINDS[kind].get("turn"):
        return  # the number lies on its side; its pixels are compared in tests/unit/video
    first = next(k for k in range(index.count) if read_number(frame_at(index, k)) is not None)
    offset = read_number(frame_at(index, first)) - first  # pictures that an edit list hides are not counted
    for n in numbers:
        image = read_image(release / "TEST_ego4d_img" / f"{stem_of(clip, n)}.jpg")
        assert read_number(image) == sources[n] + offset


def test_the_kinds_hold_clips_whose_image_number_is_not_the_decode_index(tmp_path):
    differs = []
    for kind in ("h264 late start beside sound", "h264 gaps in time", "h264 with B-frames"):
        index = index_video(make_clip(tmp_path, uid(kind), VIDEO_KINDS[kind]))
        sources = image_sources(index)
        differs.append(len(sources) != index.count or (sources != np.arange(len(sources))).any())
    assert differs == [True, True, False]


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["h264 with B-frames", "h264 edit list beside sound", "h264 late start beside sound"])
def test_quality_ffmpeg_has_the_bytes_of_the_official_way(kind, tmp_path):
    clip = uid(kind)
    path = make_clip(tmp_path / "ego4d", clip, VIDEO_KINDS[kind])
    program = find_ffmpeg()
    (tmp_path / "all").mkdir()
    call = [program, "-nostdin", "-loglevel", "error", "-i", path, "-qscale:v", "1", tmp_path / "all/out_%10d.jpg"]
    subprocess.run(call, check=True)
    index = index_video(path)
    counted = ask_ffmpeg(index)  # this build's own count; ours is ffmpeg 5's
    same = [n for n, k in enumerate(image_sources(index)) if n < len(counted) and counted[n] == k]
    numbers = same[:: max(1, len(same) // 9)]
    release = make_release(tmp_path, {"TEST_ego4d_img": {clip: numbers}})
    report = restore(release, tmp_path / "ego4d", RestoreOptions(quality=0))
    assert report.encoder == f"ffmpeg {ffmpeg_build(program)}"
    assert len(numbers) >= 9
    for n in numbers:
        wanted = (tmp_path / f"all/out_{n + 1:010d}.jpg").read_bytes()
        assert (release / "TEST_ego4d_img" / f"{stem_of(clip, n)}.jpg").read_bytes() == wanted
        assert jpg_encoder(wanted).startswith("Lavc")


@needs_ffmpeg
def test_ffmpeg_is_asked_for_more_frames_than_it_takes_in_a_row(tmp_path):
    clip = uid("long")
    make_clip(tmp_path / "ego4d", clip, n=230)
    release = make_release(tmp_path, {"TRAIN_ego4d_img": {clip: list(range(220))}})
    report = restore(release, tmp_path / "ego4d", RestoreOptions(quality=0))
    assert report.good == report.hands == 275
    assert read_number(read_image(release / "TRAIN_ego4d_img" / f"{stem_of(clip, 219)}.jpg")) == 219


def test_without_ffmpeg_one_line_says_what_to_do(own, monkeypatch):
    monkeypatch.setattr("hint_toolkit.flows.restore_ffmpeg.find_ffmpeg", lambda: None)
    with pytest.raises(InputError, match=r"--quality ffmpeg needs ffmpeg, .*pip install imageio-ffmpeg"):
        restore(own[0], own[1], RestoreOptions(quality=0))


def test_a_row_of_jpgs_is_split_where_each_ends():
    assert split_jpgs(b"") == []
    one = b"\xff\xd8\xff\xfe\x00\x06\xff\xd9xx\xff\xda\x00\x02ab\xff\x00\xff\xd9"  # its comment holds an end marker
    assert split_jpgs(one + one) == [one, one]
    assert split_jpgs(one + one[:-1]) == [one]


def test_the_report_describes_the_picture_of_the_clip(own):
    release, ego4d, uids = own
    restore(release, ego4d)
    rows = rows_of(release)
    assert len(rows) == 21
    assert [r["stem"] for r in rows] == [r["stem"] for r in sorted(rows, key=lambda r: (r["folder"], r["stem"]))]
    row = next(r for r in rows if r["stem"] == stem_of(uids[0], 11))
    image = frame_at(index_video(ego4d / row["clip"]), 11)
    assert (row["image_number"], row["decode_index"], row["width"], row["height"]) == (12, 11, 160, 96)
    assert row["sha256"] == pixel_hash(image)
    assert row["likeness"] == fingerprint(image).tobytes()
    jpg = release / row["folder"] / f"{row['stem']}.jpg"
    assert row["jpg_sha256"] == hashlib.sha256(jpg.read_bytes()).hexdigest()
    late = next(r for r in rows if r["stem"] == stem_of(uids[1], 11))  # nine images show the first picture
    assert (late["image_number"], late["decode_index"]) == (12, 2)


def test_two_hands_of_a_frame_and_two_folders_get_one_decode(own, monkeypatch):
    release, ego4d, uids = own
    asked = []
    real = clip_module.read_images

    def counting(index, numbers, **how):
        asked.extend(numbers)
        return real(index, numbers, **how)

    monkeypatch.setattr(clip_module, "read_images", counting)
    restore(release, ego4d)
    assert len(asked) == 13  # 21 hands
    same = [release / f / f"{stem_of(uids[0], 4, s)}.jpg" for f in ("TEST_ego4d_img", "TRAIN_ego4d_img") for s in "lr"]
    assert len({path.read_bytes() for path in same}) == 1


def test_a_missing_clip_lists_exactly_its_frames(own):
    release, ego4d, uids = own
    gone = uids[1]
    (ego4d / f"v1/clips/{gone}.mp4").unlink()
    report = restore(release, ego4d)
    assert report.missing == [gone]
    lost = {f"{r['folder']}/{r['stem']}" for r in rows_of(release) if r["status"] == "clip missing"}
    assert lost == {f"TEST_ego4d_img/{p.stem}" for p in (release / "TEST_ego4d_img").glob(f"{gone}*.json")}
    assert (report.hands, report.good) == (21, 21 - len(lost))
    assert (state_folder(release) / TO_FETCH).read_text() == f"{gone}\n"
    assert any("1 clips with 6 hands are missing" in str(issue) for issue in report.issues)


def test_a_clip_that_comes_later_is_restored_then_and_the_others_are_left_alone(own, monkeypatch):
    release, ego4d, uids = own
    path = ego4d / f"v1/clips/{uids[2]}.mp4"
    path.rename(ego4d / "away.mp4")
    restore(release, ego4d)
    before = {p: p.stat().st_mtime_ns for p in release.rglob("*.jpg")}
    (ego4d / "away.mp4").rename(path)
    real, done = clip_module.index_video, []
    monkeypatch.setattr(clip_module, "index_video", lambda p: done.append(p.stem) or real(p))
    report = restore(release, ego4d)
    assert report.good == 21
    assert done == [uids[2]]
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_restored_frames_stay_proven_when_their_clip_is_deleted(own):
    release, ego4d, uids = own
    restore(release, ego4d)
    first = rows_of(release)
    for path in ego4d.rglob("*.mp4"):
        path.unlink()
    (ego4d / f"v1/clips/{uid('another')}.mp4").write_bytes(b"x")
    report = restore(release, ego4d)
    assert (report.good, report.missing) == (21, [])
    clean = [{k: v for k, v in row.items() if k != "clip"} for row in rows_of(release)]
    assert clean == [{k: v for k, v in row.items() if k != "clip"} for row in first]
    jpg = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 11)}.jpg"
    jpg.unlink()
    report = restore(release, ego4d)
    assert (report.good, report.missing) == (20, [uids[0]])
    assert sum(bool(row["sha256"]) for row in rows_of(release)) == 20


def test_what_the_clip_does_not_hold_is_out_of_range(tmp_path):
    clip = uid("short")
    make_clip(tmp_path / "ego4d", clip, {"gop": 12})
    release = make_release(tmp_path, {"VAL_ego4d_img": {clip: [39, 41, 5000]}})
    report = restore(release, tmp_path / "ego4d")
    assert report.folders["VAL_ego4d_img"]["index out of range"] == 3  # frame 5000 has two hands
    assert report.good == 1
    assert any("ffmpeg writes images 1 to 4" in str(issue) for issue in report.issues)


def test_a_damaged_clip_gives_what_it_can_and_the_decoders_words(own):
    release, ego4d, uids = own
    path = ego4d / f"v1/clips/{uids[0]}.mp4"
    path.write_bytes(b"no video")
    report = restore(release, ego4d)
    assert report.folders["TEST_ego4d_img"]["damaged"] == 6
    assert report.folders["TEST_ego4d_img"]["restored"] == 12
    assert any("cannot be opened as a video (Invalid data" in str(issue) for issue in report.issues)
    assert any(f"1 clips are damaged: {uids[0]}; fetch them again" in str(issue) for issue in report.issues)
    assert (state_folder(release) / TO_FETCH).read_text() == f"{uids[0]}\n"
    assert not any("Traceback" in str(issue) for issue in report.issues)


def test_a_clip_that_changes_while_it_is_read_leaves_nothing(own, monkeypatch):
    release, ego4d, uids = own
    real = clip_module.read_images

    def growing(index, numbers, **how):
        for k, pair in enumerate(real(index, numbers, **how)):
            if k == 1 and index.path.stem == uids[0]:
                with index.path.open("ab") as handle:
                    handle.write(b"more")
            yield pair

    monkeypatch.setattr(clip_module, "read_images", growing)
    report = restore(release, ego4d)
    assert any("has changed since its frames were counted" in str(issue) for issue in report.issues)
    assert not list(release.rglob(f"{uids[0]}*.jpg"))
    monkeypatch.undo()
    assert restore(release, ego4d).good == 21


def test_a_full_disk_keeps_what_is_finished(own, monkeypatch):
    release, ego4d, uids = own
    real, calls = clip_module.write_bytes, []

    def full(path, data):
        calls.append(path)
        if len(calls) > 12:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data)

    monkeypatch.setattr(clip_module, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        restore(release, ego4d)
    assert len(list(release.rglob("*.jpg"))) == 12
    monkeypatch.undo()
    decoded = []
    index = clip_module.index_video
    monkeypatch.setattr(clip_module, "index_video", lambda p: decoded.append(p.stem) or index(p))
    assert restore(release, ego4d).good == 21
    assert uids[0] not in decoded


def test_another_picture_in_its_place_is_said_and_only_replaced_by_force(own):
    release, ego4d, uids = own
    wrong = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 11)}.jpg"
    torn = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 30)}.jpg"
    other = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 0)}.jpg"
    write_jpg(wrong, numbered_picture(12))
    torn.write_bytes(b"\xff\xd8torn")
    write_jpg(other, frame_at(index_video(ego4d / f"v1/clips/{uids[0]}.mp4"), 0))
    kept = other.read_bytes() + b"\0"  # a copy by another encoder, as far as bytes go
    other.write_bytes(kept)
    report = restore(release, ego4d)
    states = {r["stem"]: (r["status"], r["note"]) for r in rows_of(release) if r["folder"] == "TEST_ego4d_img"}
    assert states[wrong.stem][0] == "differs"
    assert "--force replaces it" in states[wrong.stem][1]
    assert read_number(read_image(wrong)) == 12
    assert states[torn.stem] == ("restored", "")
    assert read_number(read_image(torn)) == 30
    assert states[other.stem][0] == "present"
    assert other.read_bytes() == kept
    assert report.good == 20
    assert restore(release, ego4d, RestoreOptions(force=True)).good == 21
    assert read_number(read_image(wrong)) == 11


def test_verify_does_not_call_fine_what_the_report_calls_wrong(own):
    release, ego4d, _ = own
    restore(release, ego4d, RestoreOptions())
    listed = sorted(release.rglob("*.jpg"))
    listed[0].write_bytes(listed[-1].read_bytes())
    report = restore(release, ego4d, RestoreOptions())
    assert sum(counts["differs"] for counts in report.folders.values()) == 1
    found = verify(release)
    assert found.fine == found.hands - 1
    assert sum(counts["wrong picture"] for counts in found.folders.values()) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_whatever_the_workers_and_a_second_run_changes_nothing(own, workers):
    release, ego4d, _ = own
    restore(release, ego4d, RestoreOptions(workers=workers))
    state = state_folder(release)
    first = {p: p.read_bytes() for f in (release, state) for p in sorted(f.rglob("*")) if p.is_file()}
    digest = hashlib.sha256(b"".join(first.values())).hexdigest()
    restore(release, ego4d, RestoreOptions(workers=3 - workers))
    second = {p: p.read_bytes() for f in (release, state) for p in sorted(f.rglob("*")) if p.is_file()}
    assert hashlib.sha256(b"".join(second.values())).hexdigest() == digest
    assert not [p for p in release.rglob("*") if p.is_file() and p.suffix not in (".jpg", ".json")]


def test_a_changed_jpg_is_written_again(own):
    release, ego4d, uids = own
    restore(release, ego4d)
    path = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 11)}.jpg"
    right = path.read_bytes()
    path.write_bytes(right[:-9])
    restore(release, ego4d)
    assert path.read_bytes() == right


class TestProof:
    def known(self, release, tmp_path, **how):
        write_fingerprints(tmp_path / "known.csv", read_fingerprints(state_folder(release) / REPORT), **how)
        return tmp_path / "known.csv"

    def test_without_a_list_nothing_is_proven(self, own):
        report = restore(own[0], own[1])
        assert report.proofs == {"exact": 0, "near": 0, "differs": 0, "not proven": 21}

    def test_the_same_pixels_are_exact(self, own, tmp_path):
        release, ego4d, _ = own
        restore(release, ego4d)
        list_file = self.known(release, tmp_path, hashes_only=True)
        report = restore(release, ego4d, RestoreOptions(fingerprints=list_file))
        assert report.proofs["exact"] == 21

    def test_another_decoders_rounding_is_near_another_picture_differs(self, own, tmp_path):
        release, ego4d, uids = own
        restore(release, ego4d)
        known = read_fingerprints(state_folder(release) / REPORT)
        image = np.clip(frame_at(index_video(ego4d / f"v1/clips/{uids[0]}.mp4"), 11).astype(int) + 1, 0, 255)
        image = image.astype(np.uint8)
        close, wrong, small = (stem_of(uids[0], n) for n in (11, 30, 7))
        known[close] = Fingerprint(160, 96, pixel_hash(image), fingerprint(image).tobytes())
        other = numbered_picture(900)
        known[wrong] = Fingerprint(160, 96, pixel_hash(other), fingerprint(other).tobytes())
        known[small] = Fingerprint(80, 48, known[small].sha256, known[small].likeness)
        write_fingerprints(tmp_path / "known.csv", known)
        report = restore(release, ego4d, RestoreOptions(fingerprints=tmp_path / "known.csv"))
        proof = {r["stem"]: (r["proof"], r["status"]) for r in rows_of(release)}
        assert proof[close] == ("near", "restored")
        assert proof[wrong] == ("differs", "differs")
        assert proof[small] == ("differs", "differs")
        assert (report.good, report.proofs["exact"]) == (19, 18)
        write_fingerprints(tmp_path / "known.csv", known, hashes_only=True)
        restore(release, ego4d, RestoreOptions(fingerprints=tmp_path / "known.csv"))
        assert {r["stem"]: r["proof"] for r in rows_of(release)}[close] == "not proven"

    def test_lists_come_back_as_they_were_written(self, own, tmp_path):
        release, ego4d, _ = own
        restore(release, ego4d)
        known = read_fingerprints(state_folder(release) / REPORT)
        assert read_fingerprints(self.known(release, tmp_path)) == known
        assert len(known) == 19  # hands in two folders have one name

    def test_damaged_lists_name_the_line(self, tmp_path):
        path = tmp_path / "k.csv"
        path.write_text("stem,width\na,1\n")
        with pytest.raises(InputError, match="has no column height, sha256, likeness"):
            read_fingerprints(path)
        path.write_text(f"stem,width,height,sha256,likeness\na,1,1,{'0' * 64},\nb,x,1,{'0' * 64},\n")
        with pytest.raises(InputError, match=r"k\.csv > line 3: is damaged"):
            read_fingerprints(path)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Names with the counts of the published release: 850 clips, 198 of them in TEST_ego4d_img, 1,712 frames."""
    root = tmp_path_factory.mktemp("full")
    folder = root / "HInt_annotation_partial/TEST_ego4d_img"
    folder.mkdir(parents=True)
    frames = [(uid("test", k % 198), 100 + k) for k in range(1712)]
    for clip, n in frames:
        (folder / f"{stem_of(clip, n, 'r', 'pnr_frame')}.json").touch()
    for clip, n in frames[:2]:
        (folder / f"{stem_of(clip, n, 'l', 'pnr_frame')}.json").touch()
    train = folder.parent / "TRAIN_ego4d_img"
    train.mkdir()
    for k in range(652):
        (train / f"{stem_of(uid('train', k), 5, 'l', 'pre_45')}.json").touch()
    (folder.parent / "TEST_newdays_img").mkdir()
    (folder.parent / "TEST_newdays_img/ND_abc_frame000001_r.json").touch()
    return folder.parent


class TestPlan:
    def test_the_counts_of_the_release(self, full, tmp_path):
        plan = make_plan(full, subsets=["TEST_ego4d_img"])
        assert (len(plan.needed), plan.release.frames, plan.release.hands) == (198, 1712, 1714)
        assert plan.folders == {"TEST_ego4d_img": (198, 1712, 1714)}
        plan = make_plan(full)
        assert (len(plan.needed), len(plan.missing)) == (850, 850)
        assert plan.gigabytes == pytest.approx(850 * 739 / 1723)
        write_uids(tmp_path / "clips.txt", plan.missing)
        lines = (tmp_path / "clips.txt").read_text().split("\n")
        assert lines[-1] == ""
        assert len(set(lines[:-1])) == 850
        assert lines[:-1] == sorted(lines[:-1])

    def test_clips_that_are_there_are_not_fetched_and_tell_the_size_of_the_others(self, own):
        release, ego4d, uids = own
        assert make_plan(release, ego4d=ego4d).missing == ()
        (ego4d / f"v1/clips/{uids[2]}.mp4").unlink()
        plan = make_plan(release, ego4d=ego4d)
        assert plan.missing == (uids[2],)
        assert plan.assumption.startswith("at most: 739 GB")

    def test_sizes_are_taken_from_enough_clips(self, tmp_path):
        clips = [uid("size", k) for k in range(7)]
        release = make_release(tmp_path, {"TEST_ego4d_img": {clip: [1] for clip in clips}})
        for clip in clips[:5]:
            path = tmp_path / "ego4d/clips" / f"{clip}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 2_000_000)
        plan = make_plan(release, ego4d=tmp_path / "ego4d")
        assert plan.gigabytes == pytest.approx(0.004)
        assert plan.assumption == "the missing clips are as large as the 5 that are there"

    def test_odd_names_are_errors_and_other_sources_are_not_looked_at(self, tmp_path):
        release = make_release(tmp_path, {"TEST_ego4d_img": {uid("a"): [1]}})
        write_hand(release / "TEST_ego4d_img", "strange_name_r")
        write_hand(release / "TEST_epick_img", "EK_0064_P03_10_frame_0000000249_r")
        plan = make_plan(release)
        assert [str(i) for i in plan.issues.errors] == [
            "1 names are not <clip>_<action>_<frame>_<type>_<l|r>: TEST_ego4d_img/strange_name_r"
        ]
        assert plan.release.hands == 1

    def test_wrong_folders_are_said(self, tmp_path, full):
        with pytest.raises(InputError, match="no such folder"):
            make_plan(tmp_path / "gone")
        with pytest.raises(InputError, match=r"holds no folder of Ego4D \(looked for"):
            make_plan(tmp_path)
        with pytest.raises(InputError, match=r"VAL_ego4d_seq \(there are: TEST_ego4d_img, TRAIN_ego4d_img"):
            make_plan(full, subsets=["VAL_ego4d_seq"])


class TestVerify:
    def test_all_is_fine_after_a_restoration(self, own, tmp_path):
        release, ego4d, _ = own
        restore(release, ego4d)
        found = verify(release, ego4d=ego4d, sheet=tmp_path / "sheet.jpg")
        assert (found.hands, found.fine, found.vouched, found.decoded) == (21, 21, 21, (13, 13))
        assert found.outside == []
        sheet = read_image(tmp_path / "sheet.jpg")
        assert sheet.shape == (4 * 324 - 4, 6 * 324 - 4, 3)
        assert (np.abs(sheet.astype(int) - 128).max(axis=2) > 100).mean() > 0.02  # hands are drawn on it

    def test_each_kind_of_trouble_has_its_name(self, own):
        release, ego4d, uids = own
        restore(release, ego4d)
        folder = release / "TEST_ego4d_img"
        gone, torn, changed, wrong = (folder / f"{stem_of(uids[0], n)}.jpg" for n in (0, 4, 11, 30))
        gone.unlink()
        torn.write_bytes(b"\xff\xd8no")
        write_jpg(changed, numbered_picture(11))
        found = verify(release)
        assert found.folders["TEST_ego4d_img"] == {
            "fine": 15, "absent": 1, "unreadable": 1, "changed": 1, "other size": 0, "wrong picture": 0
        }  # fmt: skip
        write_jpg(changed, frame_at(index_video(ego4d / f"v1/clips/{uids[0]}.mp4"), 11))
        shutil.rmtree(state_folder(release))  # nothing vouches any more: the clip itself is asked
        write_jpg(wrong, numbered_picture(31))
        found = verify(release, ego4d=ego4d)
        assert found.folders["TEST_ego4d_img"]["wrong picture"] == 1
        assert found.vouched == 0
        assert any("there is no report" in str(issue) for issue in found.issues)

    def test_keypoints_outside_of_their_picture_are_named(self, own):
        release, ego4d, uids = own
        restore(release, ego4d)
        path = release / "TEST_ego4d_img" / f"{stem_of(uids[0], 11)}.json"
        record = json.loads(path.read_text())
        record[0]["keypoints"][3] = [170.0, 20.0]
        record[0]["keypoints"][4], record[0]["existence"][4] = [900.0, 20.0], 0
        path.write_text(json.dumps(record))
        found = verify(release)
        assert found.outside == [f"TEST_ego4d_img/{path.stem}"]
        record[0]["keypoints"][3] = [159.5, 95.9]
        path.write_text(json.dumps(record))
        assert verify(release).outside == []

    def test_a_sample_is_decoded_again(self, own):
        release, ego4d, _ = own
        restore(release, ego4d)
        assert verify(release, ego4d=ego4d, sample=5).decoded == (5, 5)


def zipped_as_the_script_does(release, target):
    """Read off HInt's own script: modes and times set, os.walk sorted, zipfile with Deflate."""
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED) as out:
        for root, _, files in sorted(os.walk(release)):
            for name in sorted(files):
                path = Path(root, name)
                path.chmod(0o644)
                stamp = int(time.mktime(time.strptime("24 Apr 2024 10:10:10", "%d %b %Y %H:%M:%S")))
                os.utime(path, (stamp, stamp))
                out.write(path, os.path.join("HInt_annotation", os.path.relpath(path, release)))
    return hashlib.md5(target.read_bytes()).hexdigest()


def test_the_official_md5_without_a_zip_and_without_touching_a_file(own, tmp_path):
    release, ego4d, _ = own
    restore(release, ego4d)
    write_hand(release / "TEST_newdays_img", "ND_a_frame000001_r")
    (release / "TEST_newdays_img/empty_r.jpg").touch()
    (release / "TEST_ego4d_img/.DS_Store").write_bytes(b"x")
    times = {p: (p.stat().st_mtime_ns, p.stat().st_mode) for p in release.rglob("*")}
    found = official(release)
    assert {p: (p.stat().st_mtime_ns, p.stat().st_mode) for p in release.rglob("*")} == times
    assert found.md5 == zipped_as_the_script_does(release, tmp_path / "a.zip")
    assert found.foreign == ["TEST_ego4d_img/.DS_Store"]
    assert len(found.wrong_encoder) == 21
    assert found.counts["TRAIN_ego4d_img"] == (6, 23304)
    assert not found.equal
    assert any("were not written by ffmpeg 5.1" in reason for reason in found.reasons())


def test_a_list_by_somebody_else_names_the_files_that_differ(own, tmp_path, monkeypatch):
    release, ego4d, _ = own
    restore(release, ego4d)
    assert write_list(tmp_path / "right.txt", release) == 42
    found = official(release, known=tmp_path / "right.txt")
    assert found.differing == []
    some = sorted(release.rglob("*.json"))[0]
    some.write_text(some.read_text() + " ")
    found = official(release, known=tmp_path / "right.txt")
    assert found.differing == [some.relative_to(release).as_posix()]
    (tmp_path / "right.txt").write_text("what\n")
    with pytest.raises(InputError, match=r"line 1: is no line of sha256sum"):
        official(release, known=tmp_path / "right.txt")
    monkeypatch.setattr("hint_toolkit.flows.restore_official.MD5", found.md5)
    assert official(release).reasons() == []
    assert MD5 == "4c47fc4e3657274713db7aaf3a890037"


def test_one_folder_of_a_release_can_be_restored(own):
    release, ego4d, _ = own
    report = restore(release / "TRAIN_ego4d_img", ego4d)
    assert (report.hands, report.good, list(report.folders)) == (3, 3, ["TRAIN_ego4d_img"])
    assert not list((release / "TEST_ego4d_img").glob("*.jpg"))
    assert jpgs(release)
    assert restore(release, ego4d).good == 21


def test_leftovers_of_a_killed_run_go_away(own):
    release, ego4d, uids = own
    left = release / "TEST_ego4d_img" / f".{stem_of(uids[0], 11)}.123.partial.jpg"
    left.write_bytes(b"half")
    restore(release, ego4d)
    assert not left.exists()
