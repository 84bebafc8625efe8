"""Data x capacity, the design of Table 5 of HaMeR's paper (arXiv 2312.05251), as one declared experiment.

The paper trains a small and a large backbone on little and on four times the data, and measures on HInt's New Days.
Here the cells are small networks on the project's own synthetic hands: the table has the same form, and says nothing
about HInt. Every cell is a training of its own (`flows.train`), so a killed experiment goes on where it was.
"""

import hashlib
import json
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.flows.ablation_table import CAPTION, MEAN_HAND, NO_NETWORK, PAPER, AblationReport, Row
from hint_toolkit.flows.train import TrainReport, held_of, train, training_examples
from hint_toolkit.flows.train_config import STAND_IN, Data, TrainConfig, filled, read_toml, train_config
from hint_toolkit.flows.train_files import REPORT_FILE, STATE_FILE
from hint_toolkit.flows.training_hands import FOLDER, MOCAP_FILE, VIEWS, write_training_hands
from hint_toolkit.io.atomic import write_json, write_text

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Capacity:
    """A backbone of the table.

    Attributes:
        name: in the table.
        backbone: of `models.hamer.backbones`.
        paper: the paper's backbone that it stands for, "" for none.
        rate: of learning; 0 takes that of the training.
    """

    name: str = ""
    backbone: str = ""
    paper: str = ""
    rate: float = 0.0


@dataclass(frozen=True)
class Amount:
    """An amount of data of the table.

    Attributes:
        name: in the table.
        hands: synthetic hands to learn from.
        paper: the paper's amount that it stands for, "" for none.
    """

    name: str = ""
    hands: int = 0
    paper: str = ""


@dataclass(frozen=True)
class Ablation:
    """The whole experiment.

    Attributes:
        capacities: rows.
        amounts: of data, within every row.
        seeds: of the trainings.
        val: hands that all are measured on.
        hands_seed: of the rendered hands.
        views: that they are rendered from, in turn.
        training: what all cells share.
    """

    capacities: tuple[Capacity, ...]
    amounts: tuple[Amount, ...]
    seeds: tuple[int, ...]
    val: int
    hands_seed: int
    views: tuple[str, ...]
    training: TrainConfig

    def cells(self) -> list[tuple[Capacity, Amount, int]]:
        """Every training, in the order of the table."""
        return [(c, a, seed) for c in self.capacities for a in self.amounts for seed in self.seeds]


def read_ablation(path: Path) -> Ablation:
    """The experiment of a TOML file: `seeds`, `val`, `views`, `[[capacity]]`, `[[amount]]`; `[training]` as of `run`.

    Raises:
        InputError: no such file, or it says something that cannot be run; names it.
    """
    told, where = read_toml(path), str(path)
    known = {"seeds", "val", "hands_seed", "views", "capacity", "amount", "training"}
    if unknown := sorted(set(told) - known):
        raise InputError(f"nothing is called {unknown[0]!r}", where=where, why=f"known: {', '.join(sorted(known))}")
    capacities = _tables(told.get("capacity"), Capacity(), path, "capacity", ("name", "backbone"))
    amounts = _tables(told.get("amount"), Amount(), path, "amount", ("name", "hands"))
    seeds, val, hands_seed = told.get("seeds", [0]), told.get("val", 50), told.get("hands_seed", 0)
    whole = isinstance(seeds, list) and all(type(s) is int and s >= 0 for s in [*seeds, val, hands_seed])
    if not whole or not seeds or not val or len(set(seeds)) < len(seeds):
        raise InputError("seeds, val and hands_seed must be whole numbers, every seed once", where=where)
    views = told.get("views", list(VIEWS))
    if not isinstance(views, list) or not views or not all(view in VIEWS for view in views):
        raise InputError("views must be a list of views", where=where, why=f"known: {', '.join(VIEWS)}")
    if any(a.hands < 1 for a in amounts):
        raise InputError("an amount has no hands", where=where)
    training = train_config(told.get("training", {}), path.parent, f"{where} > training")
    return Ablation(tuple(capacities), tuple(amounts), tuple(seeds), val, hands_seed, tuple(views), training)


def _tables(told: Any, blank: Any, path: Path, name: str, required: tuple[str, ...]) -> list[Any]:
    if not isinstance(told, list) or not told:
        raise InputError(f"needs [[{name}]] tables", where=str(path))
    found = [filled(blank, one, path.parent, f"{path} > {name}", required) for one in told]
    if len({_slug(one.name) for one in found}) < len(found):
        raise InputError(f"two of [[{name}]] have one name", where=str(path))
    return found


def run_ablation(experiment: Ablation, out: Path, *, progress: Progress | None = None) -> AblationReport:
    """Render the hands, train every cell that is not done, and write `table.md` and `table.json`.

    Args:
        experiment: what to run.
        out: folder, new or of an earlier call, killed or not.
        progress: called with steps done and wanted, of all cells.

    Raises:
        MissingExtra: a library of training is not installed.
        InputError: a setting is wrong, or `out` holds another experiment.
    """
    most = max(experiment.amounts, key=lambda amount: amount.hands)
    hands = write_training_hands(
        out / "hands", most.hands, experiment.val, experiment.hands_seed, views=experiment.views
    )
    cells, steps = experiment.cells(), experiment.training.steps
    pck: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number, (capacity, amount, seed) in enumerate(cells):
        config = _config(experiment, capacity, amount, seed, hands)
        place = out / "cells" / f"{_slug(capacity.name)}-{_slug(amount.name)}-{seed}"

        def told(done: int, _: int, before: int = number * steps) -> None:
            if progress:
                progress(before + done, len(cells) * steps)

        pck.setdefault((capacity.name, amount.name), []).append(_trained(config, place, told))
    mean = _mean_hand(_config(experiment, experiment.capacities[0], most, experiment.seeds[0], hands))
    rows = [Row(NO_NETWORK, MEAN_HAND, most.name, most.hands, (mean,), None)]
    rows += [
        Row(c.name, c.backbone, a.name, a.hands, tuple(pck[c.name, a.name]), PAPER.get((c.paper, a.paper)))
        for c in experiment.capacities
        for a in experiment.amounts
    ]
    count = len(experiment.seeds)
    seeds = "one seed" if count == 1 else f"mean over {count} seeds, in brackets the lowest and the highest"
    caption = CAPTION.format(
        steps=steps, val=experiment.val, seeds=seeds, most=most.hands, views=", ".join(experiment.views)
    )
    report = AblationReport(tuple(rows), caption, out / "table.md")
    write_text(report.table, report.text() + "\n")
    write_json(out / "table.json", report.to_dict() | {"table": "table.md", "provenance": _provenance(experiment)})
    return report


def _mean_hand(config: TrainConfig) -> dict[str, float]:
    """PCK of what has learned nothing but the mean of the hands."""
    held = held_of(config)
    assert held is not None
    return held.measure_mean(training_examples(config, config.data[0]))


def _trained(config: TrainConfig, place: Path, progress: Progress) -> dict[str, float]:
    """PCK of a cell, which is trained if it was not."""
    done, key = place / REPORT_FILE, place / "cell.json"
    wanted = {"key": config.key(), "steps": config.steps}
    if done.is_file() and key.is_file() and json.loads(key.read_text("utf-8")) == wanted:
        progress(config.steps, config.steps)
        kept: dict[str, float] = json.loads(done.read_text("utf-8"))["pck"]
        return kept
    report: TrainReport = train(config, place, progress=progress)
    write_json(key, wanted)
    (place / STATE_FILE).unlink(missing_ok=True)  # only to go on from; the cell is done
    return report.pck


def _config(experiment: Ablation, capacity: Capacity, amount: Amount, seed: int, hands: Path) -> TrainConfig:
    """Of one cell."""
    shared = experiment.training
    optimiser = replace(shared.optimiser, rate=capacity.rate) if capacity.rate else shared.optimiser
    return replace(
        shared,
        data=(Data(hands / FOLDER / "train", limit=amount.hands),),
        val=Data(hands / FOLDER / "val", split="VAL"),
        network=replace(shared.network, backbone=capacity.backbone),
        optimiser=optimiser,
        mano=shared.mano or STAND_IN,
        mocap=hands / MOCAP_FILE if shared.mocap is not None else None,
        seed=seed,
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _provenance(experiment: Ablation) -> dict[str, Any]:
    """What the numbers depend on."""
    facts = {
        "capacities": [asdict(c) for c in experiment.capacities],
        "amounts": [asdict(a) for a in experiment.amounts],
        "seeds": list(experiment.seeds),
        "val": experiment.val,
        "hands_seed": experiment.hands_seed,
        "views": list(experiment.views),
        "training": {k: v for k, v in experiment.training.to_dict().items() if k not in ("data", "val", "workers")},
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    versions = {
        "hint_toolkit": __version__,
        "python": platform.python_version(),
        **_versions(("torch", "timm", "smplx")),
    }
    return {"experiment": facts, "sha256": digest, "versions": versions, "paper": "arXiv 2312.05251, Table 5"}


def _versions(names: Sequence[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
