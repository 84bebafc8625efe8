"""Each mistake is planted into good predictions of real-looking hands, and must be named; nothing else may be."""

import numpy as np
import pytest

from hint_toolkit.joints import FROM_HINT, TO_HINT
from hint_toolkit.quality.mistakes import Scene
from hint_toolkit.quality.plausible import sniff_alone
from hint_toolkit.quality.sniff import sniff
from hint_toolkit.synthetic.skeleton import POSES, pose_numbers, pose_skeleton, rotation

W, H = 1280, 720


def skeletons(rng, n):
    """(n, 21, 3) joints in centimetres in front of a camera, and their sides."""
    sides = np.array([("left", "right")[k % 2] for k in range(n)])
    joints = []
    for side in sides:
        hand = pose_skeleton(pose_numbers(POSES[rng.integers(len(POSES))], rng)).joints
        hand = hand * [(-1, 1)[side == "right"], 1, 1]
        turn = rotation([0, 0, 1], rng.uniform(0, 2 * np.pi)) @ rotation(rng.normal(size=3), rng.normal(0, 0.5))
        joints.append(hand @ turn.T)
    return np.array(joints), sides


def scene(rng, n=120, noise=0.03, known_size=True):
    """Truth of n hands, two in each image, and predictions with noise in units of the box."""
    joints, sides = skeletons(rng, n)
    flat = joints[:, :, :2] - joints[:, :, :2].mean(axis=1, keepdims=True)
    scale = rng.uniform(4, 14, n)
    middle = rng.uniform([200, 150], [W - 200, H - 150], (n, 2))
    truth = flat * scale[:, None, None] + middle[:, None]
    box = np.concatenate([truth.min(1) - 8, truth.max(1) + 8], axis=1)
    side = (box[:, 2:] - box[:, :2]).max(1)
    points = truth + rng.normal(0, noise, truth.shape) * side[:, None, None]
    partner = np.arange(n) ^ 1
    partner[partner >= n] = -1
    size = np.full((n, 2), [W, H], float) if known_size else np.zeros((n, 2))
    return Scene(points, truth, rng.random((n, 21)) < 0.92, box, sides, size, partner)


def crop(made, factor, to_unit):
    middle = (made.box[:, :2] + made.box[:, 2:]) / 2
    side = factor * (made.box[:, 2:] - made.box[:, :2]).max(1)
    return to_unit((made.points - middle[:, None]) / side[:, None, None])


def corner(made):
    """Of a square crop of twice the box's longer side."""
    middle = (made.box[:, :2] + made.box[:, 2:]) / 2
    return middle - (made.box[:, 2:] - made.box[:, :2]).max(1, keepdims=True)


def mirrored(made, which, about):
    chosen = made.side == which
    points = made.points.copy()
    points[chosen, :, 0] = 2 * about[chosen, None] - points[chosen, :, 0]
    return points


def center_x(made):
    return (made.box[:, 0] + made.box[:, 2]) / 2


def millimetres(made, unit=10.0):
    """Root-relative x and y of a hand of 18 cm."""
    side = (made.box[:, 2:] - made.box[:, :2]).max(1)
    hand = (made.points - made.points[:, :1]) / side[:, None, None] * 18
    return hand * unit


FAULTS = {
    "order:mano": lambda s: s.points[:, list(FROM_HINT["mano"])],
    "order:rhd": lambda s: s.points[:, list(FROM_HINT["rhd"])],
    "order:interhand": lambda s: s.points[:, list(FROM_HINT["interhand"])],
    "order:mano-inverse": lambda s: s.points[:, list(TO_HINT["mano"])],
    "order:reversed-fingers": lambda s: s.points[:, [0, *(4 * f + k for f in (4, 3, 2, 1, 0) for k in (1, 2, 3, 4))]],
    "order:wrist-last": lambda s: s.points[:, [*range(1, 21), 0]],
    "unit:image-fraction": lambda s: s.points / [W, H],
    "unit:crop-pixels": lambda s: crop(s, 2.0, lambda p: (p + 0.5) * 256),
    "unit:crop-fraction": lambda s: crop(s, 1.25, lambda p: p + 0.5),
    "unit:crop-centred": lambda s: crop(s, 2.0, lambda p: p),
    "unit:crop-corner": lambda s: s.points - corner(s)[:, None],
    "unit:millimetres": millimetres,
    "unit:metres": lambda s: millimetres(s, 0.01),
    "unit:resized": lambda s: s.points * 0.5,
    "mirrored:left": lambda s: mirrored(s, "left", center_x(s)),
    "mirrored:right": lambda s: mirrored(s, "right", center_x(s)),
    "mirrored:all": lambda s: (W - 1, 0) - s.points * (1, -1),
    "side:hands-swapped": lambda s: s.points[s.partner],
    "axes:y-up": lambda s: (0, H - 1) + s.points * (1, -1),
    "axes:swapped": lambda s: s.points[:, :, ::-1],
    "shift": lambda s: s.points + np.array([90.0, -40.0]),
}


def with_points(made, points):
    return Scene(points, made.truth, made.exists, made.box, made.side, made.size, made.partner)


@pytest.mark.parametrize("known_size", [True, False])
@pytest.mark.parametrize("cause", FAULTS)
def test_a_planted_mistake_is_named_and_nothing_else(rng, cause, known_size):
    made = scene(rng, known_size=known_size)
    found = sniff(with_points(made, FAULTS[cause](made)))
    assert [diagnosis.cause for diagnosis in found] == [cause]
    assert found[0].share >= 0.9
    assert found[0].after > found[0].before + 0.3
    assert found[0].remedy


def test_the_remedy_names_the_option(rng):
    made = scene(rng)
    found = sniff(with_points(made, FAULTS["order:mano"](made)))[0]
    assert '"joint_order": "mano"' in found.remedy
    assert "mano / ho3d" in found.text
    assert "PCK@0.1" in found.text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order:mano", "unit:crop-centred"),
        ("mirrored:left", "unit:crop-centred"),
        ("order:rhd", "unit:image-fraction"),
    ],
)
def test_two_mistakes_at_once_are_both_named(rng, first, second):
    made = scene(rng)
    wrong = FAULTS[second](with_points(made, FAULTS[first](made)))
    assert {d.cause for d in sniff(with_points(made, wrong))} == {first, second}


def test_a_fault_of_few_hands_is_none_of_the_file(rng):
    made = scene(rng)
    points = made.points.copy()
    points[:30] = FAULTS["order:mano"](made)[:30]
    assert sniff(with_points(made, points)) == []


def test_missing_hands_and_joints_do_not_disturb(rng):
    made = scene(rng)
    points = FAULTS["order:mano"](made)
    points[::3] = np.nan
    points[1::7, 4] = np.nan
    assert [d.cause for d in sniff(with_points(made, points))] == ["order:mano"]
    assert sniff(with_points(made, np.full_like(points, np.nan))) == []


def test_no_alarm_on_a_hundred_sets_of_good_to_noisy_predictions():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        made = scene(rng, n=int(rng.integers(5, 120)), noise=rng.uniform(0, 0.10), known_size=bool(seed % 2))
        assert sniff(made) == [], seed
        assert sniff_alone(made.points) == [], seed


def test_no_alarm_on_predictions_that_are_simply_bad(rng):
    made = scene(rng)
    side = (made.box[:, 2:] - made.box[:, :2]).max(1)[:, None, None]
    lost = made.points + rng.normal(0, 0.6, (len(side), 1, 2)) * side
    middle = (made.box[:, :2] + made.box[:, 2:]) / 2
    random = middle[:, None] + rng.normal(0, 0.3, made.points.shape) * side
    far = made.points + rng.normal(0, 2.0, (len(side), 1, 2)) * side
    for points in (lost, random, far):
        assert sniff(with_points(made, points)) == []
        assert sniff_alone(points) == []


ALONE = [
    *("order:mano", "order:rhd", "order:interhand", "order:reversed-fingers"),
    *("unit:image-fraction", "unit:crop-pixels", "unit:crop-fraction", "unit:crop-centred"),
    *("unit:millimetres", "unit:metres"),
]


@pytest.mark.parametrize("cause", ALONE)
def test_without_truth_what_can_be_seen_is_named(rng, cause):
    made = scene(rng)
    assert [d.cause for d in sniff_alone(FAULTS[cause](made))] == [cause]


def test_too_few_hands_say_nothing(rng):
    made = scene(rng, n=4)
    assert sniff(with_points(made, made.points / 1000)) == []
    assert sniff_alone(made.points / 1000) == []
