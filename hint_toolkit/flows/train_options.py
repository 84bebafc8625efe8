"""A training's settings from a file and from single options, which go before the file's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.flows.train_config import Data, TrainConfig, read_train_config

_NETWORK: Final = ("backbone", "init")


def told_config(file: Path | None, data: Sequence[str], told: Mapping[str, Any]) -> TrainConfig:
    """The settings of a call.

    Args:
        file: TOML, None for the defaults.
        data: datasets as `PATH` or `PATH=WEIGHT`; they replace those of the file.
        told: options by their names in `TrainConfig`, and backbone, init and rate; None is not told.

    Raises:
        InputError: as `read_train_config`, or a weight is no number.
    """
    config = TrainConfig() if file is None else read_train_config(file)
    given = {name: value for name, value in told.items() if value is not None}
    network = {name: given.pop(name) for name in _NETWORK if name in given}
    if "rate" in given:
        config = replace(config, optimiser=replace(config.optimiser, rate=given.pop("rate")))
    if "val" in given:
        given["val"] = Data(given["val"], split="VAL")
    if data:
        given["data"] = tuple(_data(text) for text in data)
    return replace(config, network=replace(config.network, **network), **given)


def _data(text: str) -> Data:
    """`PATH` or `PATH=WEIGHT`; a path that is there is taken as it stands."""
    if Path(text).exists() or "=" not in text:
        return Data(Path(text))
    path, _, weight = text.rpartition("=")
    try:
        return Data(Path(path), float(weight))
    except ValueError as error:
        raise InputError(f"--data {text}: {weight!r} is no weight", next_step="write PATH=0.25") from error
