"""Train HaMeR, or a smaller network in its place: seeded, logged, measured, and killed at any time without loss."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.train_config import STAND_IN, Data, TrainConfig
from hint_toolkit.flows.train_files import LOG_FILE, REPORT_FILE, STATE_FILE, read_state, start_log, write_state
from hint_toolkit.flows.train_measure import Held
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.mano_file import read_mano
from hint_toolkit.io.npz import read_npz
from hint_toolkit.models._torchvision import import_timm, import_torch
from hint_toolkit.models.hamer.backbones import VIT, own_size
from hint_toolkit.models.hamer.config import HamerConfig
from hint_toolkit.models.hamer.model import usable_device
from hint_toolkit.models.hamer.network import build_hamer
from hint_toolkit.models.training.batches import Source, batches
from hint_toolkit.models.training.examples import Examples, filtered
from hint_toolkit.models.training.mix import Mix
from hint_toolkit.models.training.official import CHECKPOINT, write_official
from hint_toolkit.models.training.read import read_examples
from hint_toolkit.models.training.start import Start, start_by_chance, start_from
from hint_toolkit.models.training.step import MOCAP_RATIO, Trainer, seeded_discriminator
from hint_toolkit.models.vit import backbone_size

Progress = Callable[[int, int], None]
_MEASURED_AT_ONCE: Final = 8
"""Held-out crops at least, however few a step learns from."""


@dataclass(frozen=True)
class TrainReport:
    """How a training went.

    Attributes:
        steps: that were run in all.
        resumed_from: step that this call went on from, 0 if it began.
        hands: that were learned from, of every dataset.
        measured: hands that PCK was measured on.
        pck: threshold -> share, mean of the joints' shares; empty without measured hands.
        losses: of the last logged step.
        checkpoint: in the official layout.
        stand_in: the hand model was the free one.
    """

    steps: int
    resumed_from: int
    hands: tuple[int, ...]
    measured: int
    pck: dict[str, float]
    losses: dict[str, float]
    checkpoint: Path
    stand_in: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return vars(self) | {"hands": list(self.hands), "checkpoint": str(self.checkpoint)}

    def text(self) -> str:
        """For people."""
        shown = ", ".join(f"@{limit} {share:.3f}" for limit, share in self.pck.items())
        score = f"; PCK on {self.measured} hands: {shown}" if shown else ""
        again = f", gone on from step {self.resumed_from}" if self.resumed_from else ""
        note = "; with the stand-in hand model, not MANO" if self.stand_in else ""
        hands = " + ".join(map(str, self.hands))
        return f"{self.checkpoint}: {self.steps} steps on {hands} hands{again}{score}{note}"


def train(config: TrainConfig, out: Path, *, force: bool = False, progress: Progress | None = None) -> TrainReport:
    """Train, and write `_DATA/hamer_ckpts/..` (the official layout), `log.jsonl`, `losses.png` and `report.json`.

    A run that was killed goes on after its last saved step when it is called in the same way, and its weights are then
    those of a run that was not (on a CPU with the same number of threads; a GPU's sums have no fixed order).

    Args:
        config: what is learned, and how.
        out: folder of the run.
        force: forget what is there.
        progress: called with steps done and wanted.

    Raises:
        MissingExtra: torch, timm or smplx is not installed.
        InputError: a setting or a file is wrong, or the folder holds another run.
    """
    config.check()
    import_timm()
    if force and (out / STATE_FILE).is_file():
        shutil.rmtree(out)
    run = _Run(config, out)
    return run.finish(progress)


class _Run:
    """One training, from its settings to its files."""

    def __init__(self, config: TrainConfig, out: Path) -> None:
        torch = import_torch()
        self.config, self.out = config, out
        device = self.device = usable_device(config.device)
        arrays = _hand_model(config.mano)
        mocap = read_mocap(config.mocap) if config.mocap else None
        start = _start(config)
        self.datasets = [training_examples(config, data) for data in config.data]
        self.held = held_of(config)
        self.mix = Mix([len(e) for e in self.datasets], [data.weight for data in config.data], config.seed)
        self.network_config = HamerConfig(config.network.focal, backbone=start.config.backbone,
                                          head_depth=start.config.head_depth)  # fmt: skip
        network = build_hamer(
            start.state, arrays, config=start.config, focal=config.network.focal, drop_path=config.network.dropped
        )
        self.mocap = mocap
        judge = seeded_discriminator(config.seed, start.discriminator) if mocap else None
        precision: Any = config.precision
        self.trainer = Trainer(
            network, config.optimiser, steps=config.steps, device=device, precision=precision, discriminator=judge
        )
        torch.manual_seed(config.seed)

    def finish(self, progress: Progress | None) -> TrainReport:
        """The steps that are left, and the files of the end."""
        config, key = self.config, self.config.key()
        first = read_state(self.out / STATE_FILE, key, self.trainer.restore)
        if first > config.steps:
            raise InputError(f"has come to step {first} already", where=str(self.out), next_step="ask for more steps")
        logged = start_log(self.out / LOG_FILE, first, config.to_dict())
        source = Source(self.datasets, self.mix, config.augmentation, config.keep_crops)
        stream = batches(
            source, batch=config.batch, first_step=first, steps=config.steps, workers=config.workers,
            pin=self.device.startswith("cuda"),
        )  # fmt: skip
        last = _last_losses(logged)
        with (self.out / LOG_FILE).open("a", encoding="utf-8") as log:
            for step, batch in zip(range(first, config.steps), stream, strict=False):
                told = self.trainer.step(step, batch, self._real(step))
                done = step + 1
                if done % config.log_every == 0 or done == config.steps:
                    last = told
                    _line(log, {"step": done, **told}, logged)
                if config.measure_every and done % config.measure_every == 0 and done < config.steps and self.held:
                    _line(log, {"step": done, "pck": self._measure()}, logged)
                if done % config.save_every == 0 or done == config.steps:
                    log.flush()
                    write_state(self.out / STATE_FILE, key, done, self.trainer.state())
                if progress:
                    progress(done, config.steps)
            pck = self._measure()
            if pck and not any(line.get("step") == config.steps and "pck" in line for line in logged):
                _line(log, {"step": config.steps, "pck": pck}, logged)
        return self._written(first, pck, last, logged)

    def _written(
        self, first: int, pck: dict[str, float], last: dict[str, float], logged: list[dict[str, Any]]
    ) -> TrainReport:
        from hint_toolkit.flows.train_figure import write_figure

        config, trainer = self.config, self.trainer
        write_official(self.out, trainer.network, self.network_config, config.steps, trainer.discriminator)
        write_figure(self.out / "losses.png", logged)
        report = TrainReport(
            steps=config.steps,
            resumed_from=first,
            hands=tuple(len(e) for e in self.datasets),
            measured=len(self.held) if self.held else 0,
            pck=pck,
            losses=last,
            checkpoint=self.out / CHECKPOINT,
            stand_in=config.mano == STAND_IN,
        )
        write_json(
            self.out / REPORT_FILE, report.to_dict() | {"config": config.to_dict(), "checkpoint": str(CHECKPOINT)}
        )
        return report

    def _real(self, step: int) -> dict[str, Any] | None:
        """Poses of motion capture for the discriminator."""
        if self.mocap is None:
            return None
        rows = self.mix.mocap_rows(step, MOCAP_RATIO * self.config.batch, len(self.mocap["betas"]))
        return {name: import_torch().from_numpy(values[rows]) for name, values in self.mocap.items()}

    def _measure(self) -> dict[str, float]:
        return self.held.measure(self.trainer.network, self.device) if self.held else {}


def training_examples(config: TrainConfig, data: Data, *, learned: bool = True) -> Examples:
    """The hands of one dataset that a training uses: of its split, through the filters if they are learned from."""
    found = read_examples(data.path, split=data.split, occluded=config.occluded)
    if learned:
        found = filtered(found, config.filters)
    if data.limit:
        found = found.take(np.arange(min(data.limit, len(found))))
    if not len(found):
        raise InputError("no hand is left after the filters", where=str(data.path), next_step="loosen [filters]")
    return found


def held_of(config: TrainConfig) -> Held | None:
    """The hands that a training measures on, None for none."""
    if config.val is None:
        return None
    return Held(training_examples(config, config.val, learned=False), max(config.batch, _MEASURED_AT_ONCE))


def _start(config: TrainConfig) -> Start:
    network = config.network
    if network.init is None:
        return start_by_chance(
            network.name, network.head_depth, config.seed, backbone_file=network.backbone_weights, means=network.means
        )
    start = start_from(network.init)
    there = start.config.backbone
    if own_size(there):
        depth, width = backbone_size(start.state)
        there = f"{VIT}-{depth}x{width}"
    wanted = own_size(network.backbone)
    if network.backbone and there != (f"{VIT}-{wanted[0]}x{wanted[1]}" if wanted else network.backbone):
        raise InputError(f"is of the backbone {there}, asked for is {network.backbone}", where=str(network.init))
    return start


def _hand_model(name: str) -> dict[str, NDArray[Any]]:
    if name != STAND_IN:
        return read_mano(Path(name))
    from hint_toolkit.synthetic.hand_model import hand_model

    return hand_model()


def read_mocap(path: Path) -> dict[str, NDArray[np.float32]]:
    """Real poses: an npz with hand_pose (N, 48), global orientation first, and betas (N, 10), as FREIHAND-MOCAP.

    Returns:
        hand_pose (N, 45) and betas (N, 10).

    Raises:
        InputError: no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError("no such file of poses", where=str(path), next_step="leave mocap out for no adversarial prior")
    found = read_npz(path, ("hand_pose", "betas"))
    for name, width in (("hand_pose", 48), ("betas", 10)):
        value = found.get(name)
        if value is None or value.ndim != 2 or value.shape[1] != width or value.dtype.kind not in "fiu":
            raise InputError(f"{name} must be (N, {width}) numbers", where=str(path))
        if not np.isfinite(value).all():
            raise InputError(f"{name} holds what is no number", where=str(path))
    if not len(found["betas"]) or len(found["betas"]) != len(found["hand_pose"]):
        raise InputError("hand_pose and betas must be as long as each other", where=str(path))
    return {"hand_pose": found["hand_pose"][:, 3:].astype(np.float32), "betas": found["betas"].astype(np.float32)}


def _line(log: Any, told: dict[str, Any], logged: list[dict[str, Any]]) -> None:
    logged.append(told)
    log.write(json.dumps(told) + "\n")


def _last_losses(logged: list[dict[str, Any]]) -> dict[str, float]:
    """Of the last line that has any."""
    lines = [line for line in logged if "total" in line]
    return {name: value for name, value in lines[-1].items() if name != "step"} if lines else {}
