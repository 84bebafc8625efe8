"""Informative frames against uniform and random ones, on clips whose hands, blur and empty stretches are known.

`python -m tests.unit.flows.test_sample_informative 10` prints the table of docs/sampling.md: larger pictures, a real
detector.
"""

import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from hint_toolkit.flows.measure_rows import measured_of, measured_row, table_of
from hint_toolkit.flows.sample_plan import PlannedClip
from hint_toolkit.flows.sample_thin import candidates_of
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.sampling.choose import informative
from hint_toolkit.sampling.plan import plan_video
from hint_toolkit.sources.base import Clip
from hint_toolkit.synthetic import sequence
from hint_toolkit.video.measures import embedding, pose_embedding, scene_embedding

BUDGET = 8


@dataclass
class Scene:
    """One clip: its pictures' measures, and the truth that the choice does not see."""

    candidates: object
    seen: object
    hand: np.ndarray
    sharp: np.ndarray
    pose: np.ndarray


def pictures(seed, part, width, height):
    """A clip of four stretches: moving hands; nobody; a hand that rests; moving hands, half of them blurred."""
    import cv2

    rng = np.random.default_rng(seed)
    moving = list(sequence(10 * seed, part, width, height))
    yield from moving
    yield from sequence(10 * seed + 1, part, width, height, shift=(3.0, 3.0))
    image, truth = moving[-1]
    for _ in range(part):
        noisy = image + rng.normal(0, 3, image.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8), truth
    for k, (image, truth) in enumerate(sequence(10 * seed + 2, part, width, height)):
        length = max(round(width * 0.03), 2) if k // 3 % 2 else 1
        yield (cv2.blur(image, (length, 1)) if length > 1 else image), truth


class Truth:
    """A detector that knows."""

    name = "truth"

    def __init__(self):
        self.hands = []

    def detect(self, image):
        return [
            Detection(hand.points, np.ones(21), np.zeros(4), hand.side, 1.0, 1.0)
            for hand in self.hands
            if hand.exists.mean() > 0.5
        ]

    def close(self):
        pass


def scene(seed, part, width=160, height=120, detector=None):
    clip = Clip(f"v{seed}", None, "v")
    planned = PlannedClip(clip, "", 4 * part, 0.0, None)
    known = Truth()
    rows, hand, pose = [], [], []
    for k, (image, truth) in enumerate(pictures(seed, part, width, height)):
        known.hands = truth
        there = [one for one in truth if one.exists.mean() > 0.5]
        hand.append(bool(there))
        pose.append(pose_embedding([one.points for one in there], [one.side for one in there]))
        rows.append(measured_row(planned, k, image, detector or known))
    seen = measured_of(table_of(rows), clip.video_id)
    blurred = np.arange(4 * part) >= 3 * part
    blurred &= (np.arange(4 * part) - 3 * part) // 3 % 2 == 1
    return Scene(candidates_of(seen), seen, np.array(hand), ~blurred, np.array(pose))


def scores(made, chosen):
    """Share of frames with a hand, mean rank of sharpness (0..1), and how far hands are from the next chosen pose."""
    chosen = np.asarray(chosen, int)
    n = len(made.hand)
    rank = np.argsort(np.argsort(made.seen.sharpness)) / (n - 1)
    wanted, have = made.pose[made.hand], made.pose[chosen][made.hand[chosen]]
    if not len(have):
        have = np.zeros((1, made.pose.shape[1]))
    away = np.linalg.norm(wanted[:, None] - have, axis=2).min(axis=1).mean()
    return np.array([made.hand[chosen].mean(), made.sharp[chosen].mean(), rank[chosen].mean(), away])


def compare(scenes, draws=20, budget=BUDGET):
    """Mean scores of each way, over clips and seeds; a way that takes fewer frames is given as many as the others."""
    found = {"informative": [scores(made, informative(made.candidates, budget)) for made in scenes]}
    for strategy in ("uniform", "random"):
        found[strategy] = [
            scores(made, [p.frame_index for p in plan_video(str(k), len(made.hand), budget, strategy=strategy, seed=s)])
            for k, made in enumerate(scenes)
            for s in range(draws)
        ]
    return {name: np.mean(values, axis=0) for name, values in found.items()}


def weighted(made, weight):
    """The same clip with another weight of the pose."""
    whole = embedding(scene_embedding(made.seen.likeness), made.seen.pose, weight)
    return replace(made, candidates=replace(made.candidates, embedding=whole))


@pytest.fixture(scope="module")
def scenes():
    return [scene(seed, 16) for seed in (1, 2, 3)]


def test_informative_beats_uniform_and_random_on_hands_sharpness_and_coverage(scenes):
    found = compare(scenes)
    for other in ("uniform", "random"):
        hands, sharp, rank, away = found["informative"] - found[other]
        assert hands > 0.10, found
        assert sharp > 0.05, found
        assert rank > 0.05, found
        assert away < -0.20 * found[other][3], found


def main():
    from hint_toolkit.prelabel.registry import opened

    with opened("mediapipe") as detector:
        scenes = [scene(seed, 24, 480, 360, detector) for seed in range(1, int(sys.argv[1]) + 1)]
    lines = [f"{len(scenes)} clips of {len(scenes[0].hand)} pictures, {BUDGET} frames of each"]
    lines += [f"{'':12}  with hands  not blurred  sharpness rank  distance"]
    for name, values in compare(scenes).items():
        lines += [f"{name:12}  {values[0]:10.2f}  {values[1]:11.2f}  {values[2]:14.2f}  {values[3]:8.3f}"]
    for weight in (0.0, 0.5, 1.0, 2.0, 4.0):
        values = compare([weighted(made, weight) for made in scenes], draws=1)["informative"]
        lines += [f"pose weight {weight}: " + "  ".join(f"{value:.3f}" for value in values)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
