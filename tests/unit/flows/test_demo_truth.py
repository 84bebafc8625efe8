import numpy as np

from hint_toolkit.flows.demo_truth import truth_of_release, truth_of_tasks
from hint_toolkit.records import Frame, Hand, Hands
from hint_toolkit.synthetic import HandTruth


def true_hand(x, side="left"):
    return HandTruth(
        side=side,
        points=np.tile([x, 50.0], (21, 1)),
        exists=np.ones(21, bool),
        occluded=np.zeros(21, bool),
        box=np.array([x - 20, 30, x + 20, 70]),
    )


def guess(key, x=None):
    empty = x is None
    return Hand(
        id=key,
        frame_id=key[:-3],
        points=np.full((21, 2), np.nan),
        exists=np.zeros(21, bool),
        occluded=np.zeros(21, bool),
        box=np.full(4, np.nan) if empty else np.array([x - 18, 32, x + 22, 72]),
        side="right",
        state="empty" if empty else "prelabel",
    )


def frame(name, index):
    return Frame(name, "synthetic", "c", "c.mp4", index, 0.0, 640, 480, "", f"{name}.jpg", "", "TEST", "MIT")


FRAMES = [frame("f0", 0), frame("f1", 1), frame("f2", 2)]
CLIPS = {"c.mp4": [[true_hand(100), true_hand(400, "right")], [true_hand(200)], []]}


def test_boxes_decide_which_truth_a_pre_label_gets():
    prelabels = Hands.of([guess("f0_h0", 400), guess("f0_h1", 99), guess("f1_h0"), guess("f2_h0", 300)])
    rows, lost = truth_of_tasks(FRAMES, prelabels, CLIPS)
    assert lost == 0
    assert rows.id.tolist() == ["f0_h0", "f0_h1", "f1_h0"]
    assert rows.points[:, 0, 0].tolist() == [400, 100, 200]
    assert rows.side.tolist() == ["right", "left", "left"]
    assert set(rows.annotator) == {"generator"}


def test_hands_that_no_pre_label_stands_for_are_counted():
    _, lost = truth_of_tasks(FRAMES, Hands.of([guess("f0_h0", 100), guess("f1_h0", 600), guess("f2_h0")]), CLIPS)
    assert lost == 2


def test_truth_takes_the_released_id_even_when_the_side_was_corrected():
    tasks, _ = truth_of_tasks(FRAMES, Hands.of([guess("f0_h0", 100), guess("f1_h0", 200), guess("f2_h0")]), CLIPS)
    released = tasks.replace(id=["TEST_synthetic_img/f0_h0_r", "TEST_synthetic_img/f1_h0_l"], image=["a.jpg", "b.jpg"])
    stray = released[:1].replace(id=["TEST_synthetic_img/f9_h0_l"])
    truth = truth_of_release(tasks, Hands.concat([stray, released]))
    assert truth.id.tolist() == released.id.tolist()
    assert truth.side.tolist() == ["left", "left"]
    assert truth.image.tolist() == ["a.jpg", "b.jpg"]
