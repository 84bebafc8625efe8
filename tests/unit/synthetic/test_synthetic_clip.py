"""Clips: smooth motion, exact frame count, faithful pixels, nothing half-written."""

import av
import numpy as np
import pytest

from hint_toolkit.synthetic import Look, render, sequence, write_clip
from hint_toolkit.synthetic.clip import write_frames
from hint_toolkit.synthetic.motion import moments
from hint_toolkit.synthetic.options import Staging
from hint_toolkit.synthetic.scene import make_scene

WIDTH, HEIGHT = 160, 120


def decode(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def small_scene(seed=0, look=Look(object="none"), **staging):  # noqa: B008 - Look is frozen
    return make_scene(np.random.default_rng(seed), WIDTH, HEIGHT, look, Staging(**staging))


def test_sequence_starts_with_the_hand_of_render_and_moves_it():
    frames = list(sequence(4, 5, WIDTH, HEIGHT))
    _, (still,) = render(4, WIDTH, HEIGHT)
    assert len(frames) == 5
    assert np.allclose(frames[0][1][0].points, still.points)
    assert np.abs(frames[-1][1][0].points - still.points).max() > 3


def test_sequence_of_the_same_seed_is_the_same():
    for (image, (hand,)), (again, (hand_again,)) in zip(sequence(4, 3, 64, 48), sequence(4, 3, 64, 48), strict=True):
        assert np.array_equal(image, again)
        assert np.array_equal(hand.points, hand_again.points)


def test_background_sways_with_the_head():
    look = Look(noise=0, object="none")
    first, *_, last = (image for image, _ in sequence(1, 24, WIDTH, HEIGHT, look, shift=(3.0, 0.0)))
    assert not np.array_equal(first, last)


@pytest.mark.parametrize("seed", range(5))
def test_motion_is_smooth(seed):
    """No jump, and no kink: neighbouring steps differ by little of the whole way."""
    scene = small_scene(seed)
    path = np.stack([m.scene.hands[0].joints for m in moments(scene, np.random.default_rng(seed), 96)])
    steps = np.diff(path, axis=0)
    longest = np.linalg.norm(steps, axis=-1).max()
    kink = np.linalg.norm(np.diff(steps, axis=0), axis=-1).max()
    assert 0.05 < longest < 2.5  # centimetres a frame
    assert kink < 0.6


def test_a_single_frame_and_two_hands_keep_their_order():
    ((_, hands),) = sequence(2, 1, 64, 48, n_hands=2)
    assert [hand.side for hand in hands] == ["right", "left"]


def test_held_thing_moves_with_its_hand():
    scene = small_scene(3, Look(object="can"))
    seen = []
    for moment in moments(scene, np.random.default_rng(0), 30):
        hand, thing = moment.scene.bodies
        seen.append(hand.to_rest(thing.origin[:, None].astype(np.float32))[:, 0])
    assert np.allclose(seen, seen[0], atol=1e-3)
    assert not np.allclose(moment.scene.bodies[1].origin, scene.bodies[1].origin, atol=0.5)


def test_sequence_needs_a_frame():
    with pytest.raises(ValueError, match="n_frames is 0: want 1 or more"):
        sequence(0, 0, WIDTH, HEIGHT)


def test_mp4_decodes_to_exactly_the_frames_it_was_made_of(tmp_path):
    path = tmp_path / "clip.mp4"
    truths = write_clip(path, 7, 9, width=WIDTH, height=HEIGHT, fps=25, side="left", pose="open")
    frames = decode(path)
    assert len(frames) == len(truths) == 9
    drawn = list(sequence(7, 9, WIDTH, HEIGHT, side="left", pose="open"))
    for frame, (image, (hand,)), (truth,) in zip(frames, drawn, truths, strict=True):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        assert np.abs(frame.astype(int) - image).mean() < 4  # half the colour, all the light is kept
        assert np.array_equal(hand.points, truth.points)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 25
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.name == "h264"
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]


def test_without_x264_the_clip_is_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    path = tmp_path / "clip.mp4"
    write_clip(path, 7, 4, width=WIDTH, height=HEIGHT)
    frames = decode(path)
    assert len(frames) == 4
    first, *_ = (image for image, _ in sequence(7, 4, WIDTH, HEIGHT))
    assert np.abs(frames[0].astype(int) - first).mean() < 4


def test_a_clip_that_is_given_up_leaves_nothing_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    frames = write_frames(path, 1, 5, width=64, height=48)
    next(frames)
    assert len(list(tmp_path.iterdir())) == 2
    frames.close()
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]
    assert path.read_bytes() == b"old"


def test_odd_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="65x48: want even numbers"):
        write_clip(tmp_path / "clip.mp4", 1, 2, width=65, height=48)
    assert not list(tmp_path.iterdir())
