import json
import shutil

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import stats
from hint_toolkit.flows.release import export
from hint_toolkit.flows.stats import dataset_stats
from hint_toolkit.io.parquet import hands_to_pandas, hands_to_table, write_table
from hint_toolkit.io.stream import open_hands
from hint_toolkit.joints import JOINTS
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace


def describe(hands, tmp_path, path=None):
    write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
    found, _ = dataset_stats(path or tmp_path / "hands.parquet", Workspace(tmp_path / "none"))
    json.dumps(found, allow_nan=False)
    return found


@pytest.fixture
def workspace(tmp_path, make_hands, rng):
    """Twelve hands that began with a pre-label, moved by known distances, and one that did not."""
    made = Workspace(tmp_path / "ws")
    hands = make_hands(13)
    keys = [f"{frame}_h0" for frame in hands.frame_id]
    after = hands.points.copy()
    box = np.tile([100.0, 100.0, 200.0, 180.0], (13, 1))  # 100 px long: a pixel is a hundredth
    before = after.copy()
    before[:12, :, 0] += np.arange(12)[:, None]  # hand k was moved by k px
    before[3, 7] = np.nan
    flipped = np.array(["right", "left"] * 6 + ["right"], object)
    flipped[1:] = hands.side[1:]
    state = np.array(["submitted"] * 13, object)
    prelabels = hands.replace(id=keys, points=before, side=flipped, state=["prelabel"] * 13)
    write_table(made.prelabels_file, hands_to_table(prelabels[:12]), {})
    people = ["ann@lab.org"] * 5 + ["bob@lab.org"] * 8
    seconds = np.arange(13.0)
    seconds[0] = np.nan
    annotations = hands.replace(
        id=keys, box=box, prelabel_id=[*keys[:12], ""], state=state, annotator=people, seconds=seconds
    )
    skipped = annotations[:1].replace(id=["other_h0"], state=["skipped"])
    write_table(made.annotations_file, hands_to_table(Hands.concat([annotations, skipped])), {})
    return made


def test_counts_are_those_of_pandas(make_hands, tmp_path):
    hands = Hands.concat([make_hands(31), make_hands(14, source="newdays", split="TRAIN")])
    found, table = describe(hands, tmp_path), hands_to_pandas(hands)
    assert (found["hands"], found["frames"], found["clips"]) == (45, 45, 6)
    assert found["kind"] == "dataset"
    groups = {(g["split"], g["source"]): g for g in found["groups"]}
    for key, rows in table.groupby(["split", "source"]):
        assert groups[key]["hands"] == len(rows)
        assert groups[key]["right"] == (rows.side == "right").sum()
    for j, row in enumerate(found["joints"]):
        assert row["joint"] == JOINTS[j]
        assert row["exists"] + row["absent"] == 45
        assert row["occluded_share"] == hands.occluded[:, j].sum() / hands.exists[:, j].sum()
        assert row["absent_share"] == (~hands.exists[:, j]).sum() / 45
    assert found["frames_by_hands"] == {"1": 45}
    assert found["prelabels"] is None
    assert sum(found["histograms"]["pixels"]["counts"]) == 45


def test_positions_count_every_existing_joint_once(make_hands, tmp_path):
    hands = make_hands(20)
    points = hands.points.copy()
    points[0, 0] = -50, 10
    hands = hands.replace(points=points)
    found = describe(hands, tmp_path)["positions"]["keypoints"]
    inside = (points >= -0.5).all(axis=2) & (points[..., 0] < 639.5) & (points[..., 1] < 479.5) & hands.exists
    assert np.sum(found["counts"]) == inside.sum()
    assert found["outside"] == hands.exists.sum() - inside.sum() >= 1
    assert found["unknown"] == 0
    x = np.floor((points[inside][:, 0] + 0.5) / 640 * 24).astype(int)
    assert np.sum(found["counts"], axis=0).tolist() == np.bincount(x, minlength=24).tolist()


def test_what_is_there_twice(make_hands, tmp_path, rng):
    hands = make_hands(8)
    points, frames = hands.points.copy(), hands.frame_id.copy()
    points[1], frames[1] = points[0] + 1.0, frames[0]  # labelled twice
    points[3] = points[2]  # copied to another frame
    subset, index, video = hands.subset.copy(), hands.frame_index.copy(), hands.video_id.copy()
    video[4:6], index[4:6], subset[5] = "same", 70, "seq"  # a frame in two folders
    split = hands.split.copy()
    video[6:8], split[7] = "leak", "TRAIN"
    exists = np.ones((8, 21), bool)
    changed = hands.replace(
        points=points, frame_id=frames, video_id=video, frame_index=index, subset=subset, split=split,
        exists=exists, occluded=~exists,
    )  # fmt: skip
    found = describe(changed, tmp_path)["duplicates"]
    assert found["same_hand_twice"] == 1
    assert found["same_hand_twice_first"] == [[hands.id[0], hands.id[1]]]
    assert found["copied_points"] == 1
    assert found["frames_in_several_folders"] == 1
    assert found["clips_in_several_splits"] == 1
    clean = describe(hands, tmp_path)["duplicates"]
    assert [clean[name] for name in clean if name not in ("near", "same_hand_twice_first")] == [0, 0, 0, 0]


def test_batches_make_no_difference(make_hands, tmp_path, monkeypatch):
    """Also when the two labels of one hand stand in different batches."""
    hands = make_hands(20)
    points, frames = hands.points.copy(), hands.frame_id.copy()
    points[17], frames[17] = points[0] + 1.0, frames[0]
    hands = hands.replace(points=points, frame_id=frames, exists=np.ones((20, 21), bool))
    whole = describe(hands, tmp_path)
    assert whole["duplicates"]["same_hand_twice"] == 1
    monkeypatch.setattr(stats, "open_hands", lambda path: open_hands(path, 3))
    assert describe(hands, tmp_path) == whole


def test_how_far_people_moved_the_pre_labels(workspace):
    found, issues = dataset_stats(None, workspace)
    moved, exists = found["prelabels"], workspace.read_annotations().exists[:12].copy()
    exists[3, 7] = False  # the detector gave no point there
    assert not list(issues)
    assert (moved["hands"], moved["hands_without"], moved["side_changed"]) == (12, 1, 1)
    assert moved["points"] == exists.sum()
    assert moved["moved"] == exists[1:].sum() / exists.sum()
    wanted = [exists[k + 1 :].sum() / exists.sum() for k in (2, 5, 10, 20)]  # more than 2, 5, 10, 20 px of 100
    assert moved["farther"] == pytest.approx(wanted)
    assert moved["joints"][7]["points"] == exists[:, 7].sum()
    assert moved["joints"][7]["moved"] == exists[1:, 7].sum() / exists[:, 7].sum()


def test_a_workspace_counts_states_and_names_nobody(workspace):
    found, _ = dataset_stats(None, workspace)
    assert (found["kind"], found["hands"], found["states"]) == ("annotations", 13, {"skipped": 1, "submitted": 13})
    assert found["annotators"] == [
        {"annotator": "annotator-01", "hands": 5, "median_seconds": 2.5},
        {"annotator": "annotator-02", "hands": 8, "median_seconds": 8.5},
    ]
    assert "lab.org" not in json.dumps(found)


def test_a_release_of_a_workspace_has_its_content_and_pre_labels(workspace, tmp_path):
    release = export(workspace, formats=["parquet"])
    annotations, _ = dataset_stats(None, workspace)
    by_path, _ = dataset_stats(release.path, workspace)
    assert by_path["kind"] == "release"
    assert by_path["content"] == annotations["content"] == release.content
    assert by_path["prelabels"] == annotations["prelabels"]
    # Somebody else's dataset whose ids are ours by chance: its pre-labels are not ours.
    elsewhere = shutil.copytree(release.path, tmp_path / "elsewhere")
    assert dataset_stats(elsewhere, workspace)[0]["prelabels"] is None
    assert dataset_stats(release.path, Workspace(tmp_path / "another"))[0]["prelabels"] is None
    for named in (workspace.root, workspace.annotations_file):
        assert dataset_stats(named, Workspace(tmp_path / "another"))[0] == annotations
    workspace.annotations_file.unlink()
    assert dataset_stats(None, workspace)[0]["content"] == release.content


def test_hint_folders_are_read_as_well(make_hands, tmp_path):
    release = make_hands(9)
    whole = describe(release, tmp_path)
    from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
    from hint_toolkit.export.registry import open_format
    from hint_toolkit.io.stream import of_hands

    open_format("hint")(Dataset(of_hands(release), Pictures(tmp_path)), tmp_path / "out", ExportOptions())
    found = describe(release, tmp_path, tmp_path / "out")
    assert found["content"] == whole["content"]
    assert found["joints"] == whole["joints"]


def test_twice_the_same_and_hands_of_which_nothing_is_known(make_hands, tmp_path):
    none = np.zeros((2, 21), bool)
    nothing = make_hands(2).replace(
        points=np.full((2, 21, 2), np.nan), exists=none, occluded=none, box=np.full((2, 4), np.nan),
        width=[0, 0], height=[0, 0], seconds=[np.nan] * 2, video_id=[""] * 2, annotator=[""] * 2,
    )  # fmt: skip
    found = describe(nothing, tmp_path)
    assert found == describe(nothing, tmp_path)
    assert found["occluded_share"] is None
    assert found["size"] == {"pixels": None, "share": None}
    assert found["joints"][0]["occluded_share"] is None
    assert found["annotators"] == [{"annotator": "", "hands": 2, "median_seconds": None}]
    assert found["duplicates"]["copied_points"] == 0


def test_nothing_there_is_said(tmp_path, make_hands):
    with pytest.raises(InputError, match="neither annotations nor a release"):
        dataset_stats(None, Workspace(tmp_path))
    with pytest.raises(InputError, match="no hand to describe"):
        describe(make_hands(0), tmp_path)
