"""How fast is scoring, as a ratio to what one would run instead on the same arrays in the same run.

    python benchmarks/speed/score.py [--hands 40434] [--repeats 3]

The data are random hands in the shape of HInt: three sources, clips of about 9 hands, 21 joints. Timed as whole
processes: `hint-eval` from Parquet truth with predictions in json and in Parquet. Timed in this process: `score`,
and the plain way, which is HaMeR's rule written with numpy a threshold at a time and a bootstrap that resamples
clips in a Python loop.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hint_toolkit.flows.score import score
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, read_predictions
from hint_toolkit.io.release import Truth, read_truth
from hint_toolkit.measures import Measure
from hint_toolkit.protocol import HAND_SIGMAS
from hint_toolkit.records import HAND_FIELDS, Hand, Hands

SOURCES = {"newdays": 0.30, "visor": 0.13, "ego4d": 0.57}
THRESHOLDS = (0.05, 0.10, 0.15)
RESAMPLES = 1000


def make_hands(n: int, rng: np.random.Generator) -> Hands:
    """Random hands with HInt's proportions."""
    blank = Hand("x", "x", np.zeros((21, 2)), np.ones(21, bool), np.zeros(21, bool), np.array([0, 0, 1, 1]), "left")
    columns = {name: np.repeat(np.asarray(getattr(blank, name))[None], n, axis=0) for name in HAND_FIELDS}
    source = rng.choice(list(SOURCES), n, p=list(SOURCES.values()))
    points = rng.uniform(200, 800, (n, 1, 2)) + rng.normal(0, 40, (n, 21, 2))
    exists = rng.random((n, 21)) < 0.95
    columns |= {
        "id": np.array([f"TEST_{s}_img/hand{i:06d}_{'lr'[i % 2]}" for i, s in enumerate(source)], object),
        "source": source.astype(object),
        "video_id": np.array([f"{s}-{c}" for s, c in zip(source, _clips(source, rng), strict=True)], object),
        "points": points,
        "exists": exists,
        "occluded": exists & (rng.random((n, 21)) < 0.35),
        "box": np.concatenate([points.min(1) - 10, points.max(1) + 10], axis=1),
        "state": np.array(["submitted"] * n, object),
    }
    return Hands(columns)


def _clips(source: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A clip number a hand: about 9 hands a clip, and a clip is of one source."""
    wanted = {name: max(int((source == name).sum()) // 9, 1) for name in SOURCES}
    return np.array([rng.integers(0, wanted[name]) for name in source])


def plain(hands: Hands, predicted: np.ndarray, seed: int) -> dict[tuple[str, str, float], tuple[float, float, float]]:
    """HaMeR's rule and a clip bootstrap as one would write them in an evening; the same numbers as ours."""
    rng, out = np.random.default_rng(seed), {}
    sizes = np.maximum(hands.box[:, 2] - hands.box[:, 0], hands.box[:, 3] - hands.box[:, 1])
    for source in sorted(set(hands.source)):
        here = hands.source == source
        distance = np.linalg.norm(predicted[here] - hands.points[here], axis=2) / sizes[here, None]
        exists, occluded = hands.exists[here], hands.occluded[here]
        members = [np.flatnonzero(hands.video_id[here] == clip) for clip in np.unique(hands.video_id[here])]
        for subset, mask in (("all", exists), ("visible", exists & ~occluded), ("occluded", exists & occluded)):
            for threshold in THRESHOLDS:
                correct = (distance <= threshold) & mask
                value = (correct.sum(0) / mask.sum(0)).mean()
                drawn = []
                for _ in range(RESAMPLES):
                    rows = np.concatenate([members[c] for c in rng.integers(0, len(members), len(members))])
                    drawn.append((correct[rows].sum(0) / mask[rows].sum(0)).mean())
                out[source, subset, threshold] = (value, *np.percentile(drawn, [2.5, 97.5]))
    return out


def coco_oks(hands: Hands, predicted: np.ndarray) -> float:
    """OKS-AP by pycocotools on the same hands, one an image, with the same sigmas."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    size = hands.box[:, 2:] - hands.box[:, :2]
    truth, results = COCO(), []
    truth.dataset = {
        "images": [{"id": i} for i in range(len(hands))],
        "categories": [{"id": 1, "name": "hand"}],
        "annotations": [
            {
                "id": i + 1,
                "image_id": i,
                "category_id": 1,
                "iscrowd": 0,
                "area": float(size[i].prod()),
                "bbox": [*map(float, hands.box[i, :2]), *map(float, size[i])],
                "num_keypoints": int(hands.exists[i].sum()),
                "keypoints": np.c_[hands.points[i], 2.0 * hands.exists[i]].ravel().tolist(),
            }
            for i in range(len(hands))
        ],
    }
    for i in range(len(hands)):
        flat = np.c_[predicted[i], np.ones(21)].ravel().tolist()
        results.append({"image_id": i, "category_id": 1, "keypoints": flat, "score": 1.0})
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(results), "keypoints")
        run.params.kpt_oks_sigmas = np.array(HAND_SIGMAS)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


def clock(work: Callable[[], object], repeats: int) -> float:
    """Smallest wall time of several runs, seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def process(arguments: list[str], repeats: int) -> tuple[float, float]:
    """Smallest wall time in seconds and largest memory in MB of a whole process."""

    def run() -> None:
        subprocess.run([sys.executable, "-m", "hint_toolkit.cli.evaluate", *arguments], check=True, capture_output=True)

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    seconds = clock(run, repeats)
    return seconds, max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def main() -> None:
    """Make the data, time everything, print one table and one json line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hands", type=int, default=40434)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    hands = make_hands(options.hands, rng)
    predicted = hands.points + rng.normal(0, 12, hands.points.shape)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_table(place / "truth.parquet", hands_to_table(hands), {})
        records = [
            {"id": i, "keypoints": k} for i, k in zip(hands.id.tolist(), predicted.round(3).tolist(), strict=True)
        ]
        (place / "preds.json").write_text(json.dumps({"header": {"method": "random"}, "predictions": records}))
        write_table(place / "preds.parquet", hands_to_table(hands.replace(points=predicted.round(3))), {})
        common = ["--gt", str(place / "truth.parquet"), "--out", str(place / "out"), "--no-report", "--json"]
        rows = {}
        for name in ("preds.json", "preds.parquet"):
            seconds, memory = process(["score", "--pred", str(place / name), *common], options.repeats)
            rows[f"hint-eval, {name}"] = (seconds, memory)
        truth: Truth = read_truth(place / "truth.parquet")
        predictions: Predictions = read_predictions(place / "preds.json")
        rows["score() in memory"] = (clock(lambda: score(truth, predictions), options.repeats), 0.0)
        oks = [Measure("OKS-AP")]
        rows["score(), OKS-AP only"] = (clock(lambda: score(truth, predictions, measures=oks), 1), 0.0)
        if importlib.util.find_spec("pycocotools"):
            rows["pycocotools, OKS-AP"] = (clock(lambda: coco_oks(hands, predictions.points), 1), 0.0)
        rows["plain numpy and loop"] = (clock(lambda: plain(hands, predictions.points, 0), 1), 0.0)
    base = rows["plain numpy and loop"][0]
    print(f"{options.hands} hands, {len(SOURCES)} sources, {len(THRESHOLDS)} thresholds, {RESAMPLES} resamples")  # noqa: T201
    for name, (seconds, memory) in rows.items():
        shown = f"{memory:6.0f} MB" if memory else " " * 9
        print(f"{name:28s} {seconds:8.2f} s  {shown}  {base / seconds:6.1f} x as fast as the plain way")  # noqa: T201


if __name__ == "__main__":
    main()
