"""Tracks from files: grouping, dropouts, flips, lag against dense and sparse truth, and HInt's 2 Hz."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.motion import ACCELERATION, JITTER, score_motion
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.records import Hand, Hands

SHAPE = np.random.default_rng(1).normal(0, 40, (21, 2))
SIZE = float((SHAPE.max(0) - SHAPE.min(0)).max())


def hand(frame, period=90.0):
    phase = 2 * np.pi * frame / period
    return 300 + SHAPE + 30 * np.array([np.sin(phase), 0.5 * np.cos(2 * phase)])


def record(frame, points, side="right", video="clip", **more):
    points = None if points is None else np.asarray(points).tolist()
    return {"id": f"{video}_frame{frame:08d}_h0_{side[0]}", "keypoints": points, "side": side, **more}


def write(path, records):
    path.write_text(json.dumps({"header": {"method": "m"}, "predictions": records}))
    return path


def write_truth(path, frames, video="clip", side="right"):
    rows = [
        Hand(
            id=f"TEST_folder_img/{video}_frame{f:08d}_h0_{side[0]}",
            frame_id=f"{video}_frame{f:08d}",
            points=hand(f),
            exists=np.ones(21, bool),
            occluded=np.zeros(21, bool),
            box=np.array([200.0, 200, 400, 400]),
            side=side,
            source="folder",
            video_id=video,
            frame_index=int(f),
            state="submitted",
        )
        for f in frames
    ]
    write_table(path, hands_to_table(Hands.of(rows)), {})
    return path


def measures(results):
    return {row["measure"]: row["value"] for row in results["rows"]}


def test_noise_of_known_size_in_parts_of_the_hand(tmp_path, rng):
    sigma = 2.0
    noisy = [record(f, hand(f, 240) + rng.normal(0, sigma, (21, 2))) for f in range(400)]
    results = score_motion(write(tmp_path / "p.json", noisy), 30)
    got, size = measures(results), results["tracks"][0]["size"]
    assert size == pytest.approx(SIZE, rel=0.03)
    assert got[JITTER] == pytest.approx(sigma / size, rel=0.05)
    assert got[ACCELERATION] == pytest.approx(np.sqrt(6) * sigma / size, rel=0.05)
    assert got["acceleration a second"] == pytest.approx(got[ACCELERATION] * 900, rel=1e-12)
    assert len(results["per_joint"]) == 21
    assert results["incomplete"] is None
    json.dumps(results, allow_nan=False)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_delay_is_lag_and_leaves_jitter_as_it_is(tmp_path, rng, sparse):
    truth = write_truth(tmp_path / "t.parquet", range(60, 240, 15) if sparse else range(300))
    noise = rng.normal(0, 1, (300, 21, 2))
    found = {}
    for delay in (0, 4):
        records = [record(f, hand(f - delay) + noise[f]) for f in range(300)]
        found[delay] = score_motion(write(tmp_path / f"{delay}.json", records), 30, truth)
        assert measures(found[delay])["lag"] == pytest.approx(delay, abs=0.1)
        assert measures(found[delay])["lag in time"] == pytest.approx(delay / 30 * 1000, abs=4)
    assert measures(found[4])[JITTER] == pytest.approx(measures(found[0])[JITTER], rel=0.02)
    assert found[4]["counts"]["truth_hands_used"] == (12 if sparse else 300)


def test_dropouts_and_flips_are_counted_exactly(tmp_path):
    left_out = {20, 21, 22, 40}
    not_found = {30, 31}
    records = [
        record(f, None if f in not_found else hand(f), "left" if 50 <= f < 53 else "right", track="a")
        for f in range(80)
        if f not in left_out
    ]
    for k, r in enumerate(records):
        r["id"] = f"r{k}"
        r |= {"video_id": "v", "frame_index": [f for f in range(80) if f not in left_out][k]}
    # Before the hand comes and after it went, not finding it is no dropout.
    records += [{"id": f"n{f}", "keypoints": None, "video_id": "v", "frame_index": f, "track": "a"} for f in (80, 99)]
    results = score_motion(write(tmp_path / "p.json", records), 30)
    (row,) = results["tracks"]
    assert (row["dropout_frames"], row["dropouts"], row["longest_dropout"]) == (6, 3, 3)
    assert row["frames"] == 74
    assert row["share_of_frames"] == 74 / 80
    assert row["side_flips"] == 2
    assert (row["video"], row["track"]) == ("v", "a")


def test_two_hands_a_frame_are_two_tracks_by_side(tmp_path):
    records = [record(f, hand(f) + shift, side) for f in range(30) for side, shift in (("left", 0), ("right", 500))]
    results = score_motion(write(tmp_path / "p.json", records), 30)
    assert [(row["track"], row["frames"], row["side_flips"]) for row in results["tracks"]] == [
        ("left", 30, None),
        ("right", 30, None),
    ]
    assert measures(results)[JITTER] < 0.05


def test_two_hands_of_one_side_need_a_track(tmp_path):
    records = [record(f, hand(f)) | {"id": f"clip_frame{f:08d}_h{k}_r"} for f in range(12) for k in (0, 1)]
    with pytest.raises(InputError, match='24 records share a hand and a frame.*"track"'):
        score_motion(write(tmp_path / "p.json", records), 30)
    for k, r in enumerate(records):
        r["track"] = k % 2
    assert score_motion(write(tmp_path / "p.json", records), 30)["counts"]["tracks"] == 2


def test_the_lag_of_each_hand_is_measured_against_its_own_side(tmp_path):
    records = [record(f, hand(f - 3), "right") for f in range(120)]
    records += [record(f, hand(f + 40) + 500, "left") for f in range(120)]
    truth = write_truth(tmp_path / "t.parquet", range(120), side="right")
    left, right = score_motion(write(tmp_path / "p.json", records), 30, truth)["tracks"]
    assert right["lag_frames"] == pytest.approx(3, abs=0.05)
    assert (left["lag_frames"], left["lag_why_not"]) == (None, "no truth for this track")


def test_hints_seq_folders_are_2_hz_and_no_jitter_is_given(tmp_path):
    uid = "0a1b2c3d-0000-1111-2222-333344445555"
    names = ("pre_45", "pre_30", "pre_15", "pnr_frame", "post_frame")
    records = [
        {"id": f"TEST_ego4d_seq/{uid}_{uid}_{100 + 15 * k}_{name}_r", "keypoints": hand(15 * k).tolist()}
        for k, name in enumerate(names)
    ]
    results = score_motion(write(tmp_path / "p.json", records), 30)
    assert set(measures(results).values()) == {None}
    assert (
        "needs dense predictions: the frames are usually 15 apart (2 Hz at 30 frames a second)"
        in (results["incomplete"])
    )
    (row,) = results["tracks"]
    assert (row["video"], row["step"], row["dropout_frames"], row["side_flips"]) == (uid, 15, None, 0)
    json.dumps(results, allow_nan=False)


@pytest.mark.parametrize("n", [1, 2, 10])
def test_short_tracks_are_never_nan(tmp_path, n):
    truth = write_truth(tmp_path / "t.parquet", range(n))
    results = score_motion(write(tmp_path / "p.json", [record(f, hand(f)) for f in range(n)]), 30, truth)
    assert measures(results)[JITTER] is None
    assert "no track has 11 frames in a row" in results["incomplete"]
    json.dumps(results, allow_nan=False)


def test_still_empty_and_pointlike_tracks_are_never_nan(tmp_path):
    still = score_motion(write(tmp_path / "s.json", [record(f, SHAPE) for f in range(20)]), 30)
    assert measures(still)[JITTER] == pytest.approx(0, abs=1e-12)
    nobody = score_motion(write(tmp_path / "n.json", [record(f, None) for f in range(20)]), 30)
    assert measures(nobody)[JITTER] is None
    assert nobody["incomplete"]
    pointlike = score_motion(write(tmp_path / "d.json", [record(f, np.full((21, 2), 7.0)) for f in range(20)]), 30)
    assert measures(pointlike)[JITTER] is None
    for results in (still, nobody, pointlike):
        json.dumps(results, allow_nan=False)


def test_frames_far_apart_cost_no_memory(tmp_path):
    records = [record(f, hand(f)) for f in [*range(15), *range(99_000_000, 99_000_015)]]
    results = score_motion(write(tmp_path / "p.json", records), 30)
    assert results["tracks"][0]["longest_dropout"] == 99_000_000 - 15
    assert measures(results)[JITTER] is not None


@pytest.mark.parametrize("frame", [None, "7", 1.5, -1, True])
def test_records_that_name_no_frame_are_refused(tmp_path, frame):
    records = [{"id": "x", "keypoints": SHAPE.tolist(), "video_id": "v", "frame_index": frame}]
    with pytest.raises(InputError, match=r"1 records name no frame: x.*write video_id and frame_index"):
        score_motion(write(tmp_path / "p.json", records), 30)
