import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.workspace import Workspace


class Fake:
    """Two hands, right one first, in every picture whose first grey value is even; counts its calls."""

    def __init__(self, name="fake-1", stop_at=None):
        self.name, self.calls, self.stop_at = name, 0, stop_at

    def detect(self, image):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        if int(image[0, 0, 0]) % 2:
            return []

        def hand(x, side):
            points = np.tile([x, 40.0], (21, 1))
            points[20] = [x, 400.0]
            return Detection(points, np.full(21, 0.5), np.array([x - 5, 35, x + 5, 45]), side, 0.9, 0.8)

        return [hand(120.0, "right"), hand(30.0, "left")]

    def close(self):
        pass


@pytest.fixture
def workspace(write_video, tmp_path):
    write_video("in/a.mp4", 80)
    made = Workspace(tmp_path / "ws")
    sample(made, make_plan(SampleOptions(tmp_path / "in", per_video=70, licence="CC0")))
    return made


def test_hands_from_left_to_right_and_an_empty_row_where_none_is(workspace):
    report = prelabel(workspace, Fake())
    hands = workspace.read_prelabels()
    empty = hands.state == "empty"
    assert report.frames == 70
    assert report.empty == empty.sum() > 0
    assert report.hands == (~empty).sum() > 0
    assert set(hands.frame_id) == {frame.id for frame in workspace.read_frames()}
    assert np.isnan(hands.points[empty]).all()
    assert not hands.exists[empty].any()
    found = hands.take(~empty)
    assert found.side[:2].tolist() == ["left", "right"]
    assert [i[-3:] for i in found.id[:2]] == ["_h0", "_h1"]
    assert not found.exists[:, 20].any()
    assert found.exists[:, :20].all()
    assert set(found.licence) == {"CC0"}
    assert set(found.detector) == {"fake-1"}


def test_a_second_run_makes_no_detector_call_and_another_detector_does(workspace):
    prelabel(workspace, Fake())
    before = workspace.prelabels_file.read_bytes()
    again = Fake()
    prelabel(workspace, again)
    assert again.calls == 0
    assert workspace.prelabels_file.read_bytes() == before
    other = Fake("fake-2")
    prelabel(workspace, other)
    assert other.calls == 70


def test_a_killed_run_goes_on_where_it_stopped(workspace):
    with pytest.raises(KeyboardInterrupt):
        prelabel(workspace, Fake(stop_at=50))
    rest = Fake()
    prelabel(workspace, rest)
    assert rest.calls == 70 - 32
    resumed = workspace.prelabels_file.read_bytes()
    workspace.prelabels_file.unlink()
    prelabel(workspace, Fake())
    assert workspace.prelabels_file.read_bytes() == resumed


def test_a_missing_picture_is_named(workspace):
    (workspace.root / workspace.read_frames()[0].path).unlink()
    with pytest.raises(InputError, match=r"a_frame\d+\.jpg: no such picture"):
        prelabel(workspace, Fake())


def test_without_frames_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match="no frames have been sampled.*hint-build sample"):
        prelabel(Workspace(tmp_path), Fake())
