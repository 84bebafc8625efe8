"""What a training is told: a TOML file, checked word by word. The defaults are HaMeR's own figures."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.backbones import VIT, own_size
from hint_toolkit.models.hamer.camera import FOCAL
from hint_toolkit.models.hamer.decoder import DEPTH
from hint_toolkit.models.training.augment import Augmentation
from hint_toolkit.models.training.examples import Filters
from hint_toolkit.models.training.step import PRECISIONS, Optimiser

STAND_IN: Final = "stand-in"
"""Name of the free hand model in place of MANO's file."""
DROP_PATH: Final = 0.55
"""HaMeR's, of ViT-H; smaller networks have none unless it is asked for."""
_NEXT: Final = "see docs/training.md for what can be set"


@dataclass(frozen=True)
class Data:
    """One dataset.

    Attributes:
        path: a release, HInt's folders, tar shards or a folder of them.
        weight: share of the samples, against the other datasets.
        split: only hands of this split, where they state one; "" takes all.
        limit: at most so many hands, the first by their order in the files; 0 for all.
    """

    path: Path
    weight: float = 1.0
    split: str = "TRAIN"
    limit: int = 0


@dataclass(frozen=True)
class Network:
    """Which network, and what it starts from.

    Attributes:
        backbone: "vit" (HaMeR's), "vit-BLOCKSxWIDTH", or a name of timm.
        head_depth: layers of the head.
        init: hamer.ckpt to start from; its backbone must be the one that is named, where one is named.
        backbone_weights: a ViTPose or timm file for the backbone alone.
        means: mano_mean_params.npz, for a start without `init`.
        drop_path: of the last block; -1 is 0.55 for HaMeR's backbone and 0 for others.
        focal: pixels, of the crop's camera.
    """

    backbone: str = ""
    head_depth: int = DEPTH
    init: Path | None = None
    backbone_weights: Path | None = None
    means: Path | None = None
    drop_path: float = -1.0
    focal: float = FOCAL

    @property
    def name(self) -> str:
        """Of the backbone, HaMeR's if nothing is said."""
        return self.backbone or VIT

    @property
    def dropped(self) -> float:
        """The drop path that is meant."""
        return self.drop_path if self.drop_path >= 0 else (DROP_PATH if self.name == VIT else 0.0)


@dataclass(frozen=True)
class TrainConfig:
    """One training.

    Attributes:
        data: to learn from.
        val: hands that PCK is measured on; None for no measuring.
        network: see there.
        optimiser: see there.
        augmentation: see there.
        filters: see there.
        steps: of the whole run.
        batch: hands a step; losses are sums over them.
        seed: of every choice.
        device: "cpu", "cuda", or "auto" for a GPU where there is one.
        precision: "float32", "bf16" or "fp16" (on a GPU only); of the backbone.
        workers: processes that read pictures.
        mano: MANO_RIGHT.pkl, or "stand-in" for the free model of docs/training.md.
        mocap: npz of real poses for the adversarial prior; None for none.
        occluded: confidence of a joint that is hidden, 0 leaves them out.
        keep_crops: hold crops in memory; only without augmentation.
        measure_every: steps between two measures of PCK; 0 for one at the end.
        log_every: steps between two lines of the log.
        save_every: steps after which a killed run loses nothing.
    """

    data: tuple[Data, ...] = ()
    val: Data | None = None
    network: Network = field(default_factory=Network)
    optimiser: Optimiser = field(default_factory=Optimiser)
    augmentation: Augmentation = field(default_factory=Augmentation)
    filters: Filters = field(default_factory=Filters)
    steps: int = 1000
    batch: int = 8
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    workers: int = 0
    mano: str = ""
    mocap: Path | None = None
    occluded: float = 1.0
    keep_crops: bool = False
    measure_every: int = 0
    log_every: int = 10
    save_every: int = 200

    def check(self) -> "TrainConfig":
        """Itself.

        Raises:
            InputError: a number is out of its range, or what must be named is not.
        """
        if not self.data:
            raise InputError("there is nothing to learn from", next_step="name a dataset: --data PATH, or [[data]]")
        if not self.mano:
            raise InputError(
                "no hand model is named", next_step=f"pass --mano MANO_RIGHT.pkl, or --mano {STAND_IN} for a free one"
            )
        if self.precision not in PRECISIONS:
            raise InputError(f"precision {self.precision!r}", next_step=f"use one of: {', '.join(PRECISIONS)}")
        if self.optimiser.decay not in ("none", "cosine"):
            raise InputError(f"decay {self.optimiser.decay!r}", next_step="use none or cosine")
        if self.keep_crops and not self.augmentation.idle:
            raise InputError("keep_crops needs an augmentation of zeros", next_step="leave it out")
        if self.network.init and self.network.backbone_weights:
            raise InputError("init and backbone_weights name two starts", next_step="keep one of them")
        own_size(self.network.name)
        limits = {"steps": 1, "batch": 1, "workers": 0, "measure_every": 0, "log_every": 1, "save_every": 1, "seed": 0}
        for name, least in limits.items():
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}", next_step=f"use {least} or more")
        if not (self.optimiser.rate > 0 and 0 <= self.occluded <= 1 and self.network.focal > 0):
            raise InputError("rate and focal must be above 0, occluded in 0..1", next_step=_NEXT)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return plain

    def key(self) -> str:
        """Tells runs apart whose weights differ. A run may be made longer unless its rate falls towards the end."""
        facts = self.to_dict()
        for name in ("workers", "measure_every", "log_every", "save_every", "keep_crops", "val"):
            del facts[name]
        if self.optimiser.decay == "none":
            del facts["steps"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_train_config(path: Path) -> TrainConfig:
    """The settings of a TOML file; paths are relative to its folder. What it does not name keeps its default.

    Raises:
        InputError: no such file, no TOML, a word that means nothing, or a value of another kind; names it.
    """
    return train_config(read_toml(path), path.parent, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file.

    Raises:
        InputError: no such file, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), why=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError("is no TOML", where=str(path), why=str(error)) from error


def train_config(told: Mapping[str, Any], root: Path, where: str) -> TrainConfig:
    """Settings from a table, as `read_train_config`."""
    values = dict(told)
    data = values.pop("data", [])
    val = values.pop("val", None)
    if not isinstance(data, list):
        raise InputError("data must be [[data]] tables", where=where, next_step=_NEXT)
    kinds = {"network": Network, "optimiser": Optimiser, "augmentation": Augmentation, "filters": Filters}
    parts: dict[str, Any] = {
        name: filled(kind(), values.pop(name, {}), root, f"{where} > {name}") for name, kind in kinds.items()
    }
    parts["data"] = tuple(filled(Data(root), one, root, f"{where} > data", ("path",)) for one in data)
    if val is not None:
        parts["val"] = filled(Data(root, split="VAL"), val, root, f"{where} > val", ("path",))
    if isinstance(values.get("mano"), str) and values["mano"] not in ("", STAND_IN):
        values["mano"] = str(root / values["mano"])
    config: TrainConfig = filled(TrainConfig(), values, root, where)
    return replace(config, **parts)


def filled(blank: Any, told: Any, root: Path, where: str, required: tuple[str, ...] = ()) -> Any:
    """A dataclass with the values of a table.

    Args:
        blank: whose types and defaults count.
        told: the table.
        root: that paths are relative to.
        where: it stands, for errors.
        required: names that must be there.

    Raises:
        InputError: no table, a name that means nothing or is missing, or a value of another kind.
    """
    if not isinstance(told, Mapping):
        raise InputError("must be a table", where=where, next_step=_NEXT)
    types = {f.name: _kind(f.type) for f in fields(blank)}
    plain = {name for name, kind in types.items() if kind in ("Path", "str", "int", "float", "bool")}
    if unknown := [name for name in told if name not in plain]:
        known = ", ".join(sorted(plain))
        raise InputError(f"nothing is called {unknown[0]!r}", where=where, why=f"known: {known}", next_step=_NEXT)
    if missing := [name for name in required if name not in told]:
        raise InputError(f"{missing[0]} is missing", where=where, next_step=_NEXT)
    return replace(blank, **{name: _value(types[name], told[name], root, f"{where} > {name}") for name in told})


def _kind(annotation: Any) -> str:
    """`Path` for `Path` and for `Path | None`."""
    choices = getattr(annotation, "__args__", (annotation,))
    return str(getattr(choices[0], "__name__", annotation))


def _value(kind: str, value: Any, root: Path, where: str) -> Any:
    """One value of the type that a dataclass asks for."""
    if kind == "Path" and isinstance(value, str):
        return root / Path(value).expanduser()
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if (kind == "int" and type(value) is int) or (kind == "bool" and type(value) is bool):
        return value
    if kind == "str" and isinstance(value, str):
        return value
    raise InputError(f"must be a {kind.lower()}, got {value!r}", where=where, next_step=_NEXT)
