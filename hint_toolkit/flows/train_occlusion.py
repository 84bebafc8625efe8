"""Train an occlusion head: seeded, stopped when held-out hands get no better, and killed at any time without loss."""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.evaluate_occlusion import best_threshold, clips_of, key_presses_saved, objects_of
from hint_toolkit.flows.occlusion_examples import Examples, examples, in_picture
from hint_toolkit.flows.occlusion_points import detected_twice
from hint_toolkit.flows.occlusion_scenes import render_scenes
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.npz import npz_names, read_npz
from hint_toolkit.io.release import read_truth
from hint_toolkit.metrics.visibility import average_precision
from hint_toolkit.models.occlusion.cues import Combination, Cues, fit_combination
from hint_toolkit.models.occlusion.features import VERSION, Inputs, View, features, stack, usable
from hint_toolkit.models.occlusion.forward import logits
from hint_toolkit.models.occlusion.network import Learner, import_torch
from hint_toolkit.models.occlusion.weights import Head, write_head
from hint_toolkit.records import Hands
from hint_toolkit.workspace import fingerprint

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]

EPOCHS: Final = 40
BATCH: Final = 32
RATE: Final = 2e-3
PATIENCE: Final = 6
"""Epochs without a better average precision on held-out hands, after which training ends."""
_HELD_OUT_SEED = 77  # of the points of held-out hands: the same in every epoch and run
_TURN, _ZOOM, _SHIFT = 0.45, 0.1, 0.03  # standard deviations: radians, log of scale, hand sizes
_REAL = 0.6  # share of an epoch's hands that show a detector's own points, where there are any


@dataclass(frozen=True)
class TrainReport:
    """How training went.

    Attributes:
        trained: hands that were learned from.
        held_out: hands of other scenes that decided when to stop, calibration and threshold.
        epochs: that were run.
        best_epoch: the one that was kept, from 1.
        average_precision: of the kept network on the held-out hands, after calibration.
        threshold: from which a flag is suggested as set.
        saved: key presses saved a held-out hand at the threshold, with a 95 % interval by scene.
        path: of the written head.
    """

    trained: int
    held_out: int
    epochs: int
    best_epoch: int
    average_precision: float | None
    threshold: float
    saved: tuple[float, float | None, float | None]
    path: Path

    @property
    def saves(self) -> bool:
        """Whether suggestions save key presses beyond doubt: the interval lies above 0."""
        return self.saved[1] is not None and self.saved[1] > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return vars(self) | {"path": str(self.path), "saves": self.saves}

    def text(self) -> str:
        """For people."""
        score = "n/a" if self.average_precision is None else f"{self.average_precision:.3f}"
        low, high = self.saved[1:]
        ends = "" if low is None else f" ({low:+.2f} to {high:+.2f})"
        return (
            f"{self.path}: learned from {self.trained} hands, epoch {self.best_epoch} of {self.epochs} kept; on "
            f"{self.held_out} held-out hands AP {score}, {self.saved[0]:+.2f}{ends} key presses saved a hand at "
            f"threshold {self.threshold:.2f}"
        )


def train(
    out: Path,
    datasets: Sequence[tuple[Path, Sequence[Path]]],
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    note: str = "",
    progress: Progress | None = None,
) -> TrainReport:
    """Train on datasets and write the head.

    Hands of the split TRAIN are learned from, those of VAL held out (without any, every fifth clip); those of TEST are
    never looked at. A run that was killed goes on after its last full epoch, if everything it was called with is the
    same; the result is then the same, too.

    Args:
        out: npz file to write.
        datasets: with pictures, all that `read_truth` reads; each with detectors' answers, the first of which is what
            is learned from.
        seed: of weights, order and noise.
        epochs: at most.
        note: what the hands are, for whoever reads the file.
        progress: called with epochs done and wanted.

    Raises:
        InputError: nothing to learn from.
        MissingExtra: torch or OpenCV is not installed.
    """
    parts, digests = [], []
    for path, predictions in datasets:
        truth = read_truth(path)
        parts.append(examples(truth, predictions, objects=objects_of(path)))
        digests += [truth.version, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in predictions)]
    learned = [part.take(np.flatnonzero(_role(part.hands) == "TRAIN")) for part in parts]
    held = [part.take(np.flatnonzero(_role(part.hands) == "VAL")) for part in parts]
    run = Run([e for e in learned if len(e.hands)], [e for e in held if len(e.hands)], seed, epochs)
    key = fingerprint([VERSION, seed, epochs, digests, BATCH, RATE])
    head, report = run.finish(out.with_name(f".{out.stem}.checkpoint.npz"), key, out, progress)
    about: dict[str, Any] = {"data": digests, "note": note, "seed": seed, "held_out": _facts(report)}
    write_head(out, Head(head.parameters, head.combination, head.prior, head.threshold, head.saves, about))
    out.with_name(f".{out.stem}.checkpoint.npz").unlink(missing_ok=True)
    return report


def train_with_scenes(
    out: Path,
    datasets: Sequence[Path],
    predictions: Sequence[Path] = (),
    *,
    scenes: int,
    detector: str = "",
    seed: int = 0,
    epochs: int = EPOCHS,
    rendered: Progress | None = None,
    learned: Progress | None = None,
) -> TrainReport:
    """`train` on labelled datasets and on synthetic scenes, which are kept in the folder `<out>-scenes`.

    Args:
        out: npz file to write.
        datasets: labelled, with pictures; may be none.
        predictions: detectors' answers for them.
        scenes: how many to render; may be 0.
        detector: whose points to learn from on the scenes, beside simulated ones; "" for simulated ones only.
        seed: of scenes and training.
        epochs: at most.
        rendered: progress of rendering.
        learned: progress of training.

    Raises:
        InputError: neither datasets nor scenes, or a file is wrong.
        MissingExtra: a library is not installed.
    """
    import_torch()  # before minutes of rendering, not after
    pairs: list[tuple[Path, Sequence[Path]]] = [(path, predictions) for path in datasets]
    if scenes:
        folder = render_scenes(out.with_name(f"{out.stem}-scenes"), scenes, seed, progress=rendered)
        answers = detected_twice(folder, detector, folder, f"{scenes}-{seed}") if detector else []
        pairs.append((folder, answers))
    if not pairs:
        raise InputError("nothing to learn from", next_step="pass --gt DATASET or --scenes N")
    words = [f"{len(datasets)} labelled datasets"] * bool(datasets) + [f"{scenes} synthetic scenes"] * bool(scenes)
    note = " and ".join(words) if datasets else "synthetic hands only"
    return train(out, pairs, seed=seed, epochs=epochs, note=note, progress=learned)


def _facts(report: TrainReport) -> dict[str, Any]:
    names = ("trained", "held_out", "best_epoch", "average_precision", "saved")
    return {name: getattr(report, name) for name in names}


def _role(hands: Hands) -> NDArray[np.object_]:
    """(N,) "TRAIN", "VAL" or "TEST"; where no hand is of VAL, every fifth clip of TRAIN by the hash of its name."""
    role = hands.split.copy()
    if not (role == "VAL").any():
        clips = [
            str(group or video or frame)
            for group, video, frame in zip(hands.group, hands.video_id, hands.frame_id, strict=True)
        ]
        fifth = np.array([zlib.crc32(clip.encode()) % 5 == 0 for clip in clips], bool)
        role[fifth & (role == "TRAIN")] = "VAL"
    return role


class Run:
    """One training run over prepared examples."""

    def __init__(self, learned: list[Examples], held: list[Examples], seed: int, epochs: int) -> None:
        """Take hands to learn from and hands held out.

        Raises:
            InputError: one of the two is empty, or no hand has an occluded joint.
        """
        if not learned or not held:
            raise InputError(
                "no hands of the split TRAIN, or none can be held out", next_step="pass a dataset with a TRAIN split"
            )
        self.learned, self.held, self.seed, self.epochs = learned, held, seed, epochs
        counted = np.concatenate([e.counted for e in learned])
        occluded = np.concatenate([e.hands.occluded for e in learned])
        if not occluded.any():
            raise InputError("no joint is occluded in these hands: there is nothing to learn")
        share = float(occluded.sum() / counted.sum())
        self.positive = float(np.clip(np.sqrt((1 - share) / share), 0.5, 4))
        self.prior = (occluded.sum(axis=0) + share) / (counted.sum(axis=0) + 1)
        self.points = [e.points(_HELD_OUT_SEED) for e in held]
        self.seen = [
            e.counted & in_picture(e.hands, p) & usable(p)[:, None] for e, p in zip(held, self.points, strict=True)
        ]
        self.inputs = [_plain(e, p) for e, p in zip(held, self.points, strict=True)]

    def finish(self, checkpoint: Path, key: str, out: Path, progress: Progress | None) -> tuple[Head, TrainReport]:
        """Run what is left to run, calibrate, and choose the threshold."""
        learner = Learner(self.seed)
        done, best_epoch, best_score, best = self._restore(learner, checkpoint, key)
        while done < self.epochs and done - best_epoch < PATIENCE:
            self._epoch(learner, done)
            done += 1
            parameters = _rounded(learner.parameters())
            score = self._score(parameters)
            if score > best_score or not best:
                best_epoch, best_score, best = done, score, parameters
            self._save(learner, checkpoint, key, done, best_epoch, best_score, best)
            if progress:
                progress(done, self.epochs)
        return self._head(best, done, best_epoch, out)

    def _epoch(self, learner: Learner, number: int) -> None:
        """One pass over all hands in a new order, with new points and views."""
        rng = np.random.default_rng([self.seed, 1000 + number])
        drawn = [(part, e.points_for(rng, _REAL)) for part, e in enumerate(self.learned)]
        rows = [(part, i) for part, points in drawn for i in np.flatnonzero(usable(points))]
        order = rng.permutation(len(rows))
        steps = -(-len(rows) // BATCH)
        for k in range(steps):
            parts, occluded, counted = [], [], []
            for place in order[k * BATCH : (k + 1) * BATCH]:
                part, i = rows[place]
                e, points = self.learned[part], drawn[part][1]
                parts.append(_varied(e, i, points[i], rng))
                occluded.append(e.hands.occluded[i])
                counted.append(e.counted[i] & np.isfinite(points[i]).all(axis=1))
            done = (number + k / steps) / self.epochs
            rate = RATE * min(1.0, (number * steps + k + 1) / 40) * (0.5 + 0.5 * float(np.cos(np.pi * done)))
            learner.step(stack(parts), np.array(occluded), np.array(counted), rate, self.positive)

    def _logits(self, parameters: dict[str, NDArray[np.float32]]) -> Floats:
        return np.concatenate([_in_steps(parameters, rows, inputs) for rows, inputs in self.inputs])

    def _score(self, parameters: dict[str, NDArray[np.float32]]) -> float:
        seen = np.concatenate(self.seen)
        occluded = np.concatenate([e.hands.occluded for e in self.held])
        return average_precision(occluded[seen], self._logits(parameters)[seen]) or 0.0

    def _head(self, best: dict[str, Any], done: int, best_epoch: int, out: Path) -> tuple[Head, TrainReport]:
        logit, seen = self._logits(best), np.concatenate(self.seen)
        occluded = np.concatenate([e.hands.occluded for e in self.held])
        cues = _joined([e.cues(p) for e, p in zip(self.held, self.points, strict=True)])
        combination: Combination = fit_combination(logit, cues, occluded, seen)
        probability = combination.probability(logit, cues)
        threshold = best_threshold(occluded[seen], probability[seen])
        scenes = np.concatenate([clips_of(e) for e in self.held])
        saved = key_presses_saved(occluded & seen, (probability >= threshold) & seen, scenes)
        score = average_precision(occluded[seen], probability[seen])
        trained = sum(len(e.hands) for e in self.learned)
        report = TrainReport(trained, len(logit), done, best_epoch, score, threshold, saved, out)
        return Head(best, combination, self.prior, threshold, report.saves, {}), report

    def _save(
        self, learner: Learner, path: Path, key: str, done: int, best_epoch: int, score: float, best: Any
    ) -> None:
        """A checkpoint after a full epoch: arrays only, whole or not at all."""
        arrays: dict[str, Any] = learner.state() | {f"best/{name}": value for name, value in best.items()}
        facts: dict[str, Any] = {"key": np.array(key), "done": np.array([done, best_epoch]), "score": np.array(score)}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, **facts)

    def _restore(self, learner: Learner, path: Path, key: str) -> tuple[int, int, float, dict[str, Any]]:
        """Epochs done, best epoch, its score and weights; of another run's checkpoint nothing is used."""
        if not path.is_file():
            return 0, 0, -1.0, {}
        arrays = read_npz(path, npz_names(path))
        if str(arrays.get("key", "")) != key:
            return 0, 0, -1.0, {}
        learner.restore(arrays)
        best = {name.removeprefix("best/"): value for name, value in arrays.items() if name.startswith("best/")}
        done, best_epoch = (int(n) for n in arrays["done"])
        return done, best_epoch, float(arrays["score"]), best


def _rounded(parameters: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """As the file will hold them: what is measured is what is written."""
    return {name: value.astype(np.float16).astype(np.float32) for name, value in parameters.items()}


def _plain(e: Examples, points: Floats) -> tuple[NDArray[Any], Inputs | None]:
    """Which hands are usable, and their inputs as inference makes them."""
    good = usable(points)
    parts = [features(e.patches[i], e.in_patch(i, points[i]), e.hands.side[i]) for i in np.flatnonzero(good)]
    return good, stack(parts) if parts else None


def _in_steps(parameters: dict[str, Any], good: NDArray[Any], inputs: Inputs | None) -> Floats:
    """(N, 21) log odds, NaN for hands that are not usable."""
    result = np.full((len(good), 21), np.nan)
    if inputs is None:
        return result
    rows = np.flatnonzero(good)
    for start in range(0, len(rows), BATCH):
        piece = slice(start, start + BATCH)
        cut = Inputs(inputs.picture[piece], inputs.geometry[piece], inputs.places[piece], inputs.shares[piece])
        result[rows[piece]] = logits(parameters, cut)
    return result


def _varied(e: Examples, i: int, points: Floats, rng: np.random.Generator) -> Inputs:
    """One hand's inputs with the crop turned, scaled, moved, and the light changed."""
    turn, zoom, x, y = rng.normal(0, [_TURN, _ZOOM, _SHIFT, _SHIFT])
    view = View(float(turn), float(np.exp(zoom)), (float(x), float(y)))
    inputs = features(e.patches[i], e.in_patch(i, points), e.hands.side[i], view)
    gain, offset = rng.uniform(0.8, 1.2, 3), rng.normal(0, 0.2, 3)
    inputs.picture[0, :3] = inputs.picture[0, :3] * gain[:, None, None] + offset[:, None, None]
    return inputs


def _joined(cues: list[Cues]) -> Cues:
    """The signs of several datasets after one another, NaN where one lacks a sign that another has."""
    joined: dict[str, Any] = {}
    for name in ("disagreement", "hand", "object"):
        values = [getattr(c, name) for c in cues]
        if any(v is not None for v in values):
            shapes = [c.hand.shape for c in cues if c.hand is not None]
            filled = [np.full(s, np.nan) if v is None else v for v, s in zip(values, shapes, strict=True)]
            joined[name] = np.concatenate([np.asarray(v, np.float64) for v in filled])
    return Cues(**joined)
