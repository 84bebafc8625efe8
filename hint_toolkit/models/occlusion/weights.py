"""The file of an occlusion head: plain arrays in an npz and one JSON text about them; nothing in it is a pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.npz import read_npz
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.models.occlusion.cues import SIGNS, Combination
from hint_toolkit.models.occlusion.features import VERSION
from hint_toolkit.models.occlusion.forward import shapes
from hint_toolkit.models.state import account

KIND: Final = "hint-occlusion"
SHIPPED: Final = Path(__file__).with_name("synthetic.npz")
"""Weights of this package: trained on synthetic hands only."""


@dataclass(frozen=True)
class Head:
    """A trained occlusion head.

    Attributes:
        parameters: arrays of `forward.shapes`, float32.
        combination: how the network's log odds and further signs become a probability.
        prior: (21,) share of occluded joints in the training data.
        threshold: probability from which a flag is suggested as set.
        saves: whether suggesting at `threshold` saved key presses on held-out hands.
        about: what it was trained on, seed, measures: plain JSON.
        digest: first 12 hex digits of the file's sha256, "" before it is a file.
    """

    parameters: Mapping[str, NDArray[np.float32]]
    combination: Combination
    prior: NDArray[np.float64]
    threshold: float
    saves: bool
    about: Mapping[str, Any]
    digest: str = ""


def write_head(path: Path, head: Head) -> None:
    """Write a head; weights are rounded to float16. The same head gives the same bytes."""
    facts = {
        "kind": KIND,
        "version": VERSION,
        "combination": head.combination.to_dict(),
        "prior": head.prior.tolist(),
        "threshold": head.threshold,
        "saves": head.saves,
        "about": dict(head.about),
    }
    text = json.dumps(facts, sort_keys=True, allow_nan=False).encode()
    arrays: dict[str, Any] = {name: head.parameters[name].astype(np.float16) for name in sorted(head.parameters)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, facts=np.frombuffer(text, np.uint8), **arrays)


def read_head(path: Path | None = None) -> Head:
    """Read a head; None gives the one of this package.

    Raises:
        InputError: no such file, no occlusion head, or one of another version.
    """
    path = SHIPPED if path is None else path
    if not path.is_file():
        raise InputError(
            "no such file", where=str(path), next_step="make one with: hint-build occlusion train --out FILE"
        )
    wanted = shapes()
    arrays = read_npz(path, ["facts", *wanted])
    facts = _facts(path, arrays.pop("facts", None))
    account(arrays, wanted, where=str(path))
    parameters = {name: value.astype(np.float32) for name, value in arrays.items()}
    if not all(np.isfinite(value).all() for value in parameters.values()):
        raise InputError("holds weights that are no numbers", where=str(path), next_step="train it again")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return _head(path, facts, parameters, digest)


def _facts(path: Path, raw: NDArray[Any] | None) -> dict[str, Any]:
    """The JSON text of a file, checked for kind and version."""
    facts: Any = None
    if raw is not None and raw.dtype == np.uint8:
        try:
            facts = json.loads(raw.tobytes())
        except ValueError:
            facts = None
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        raise InputError(
            "is no occlusion head", where=str(path), next_step="pass a file of: hint-build occlusion train"
        )
    if facts.get("version") != VERSION:
        raise InputError(
            f"is of feature version {facts.get('version')!r}, this toolkit has {VERSION}",
            where=str(path),
            next_step="train it again with: hint-build occlusion train",
        )
    return facts


def _head(path: Path, facts: dict[str, Any], parameters: dict[str, Any], digest: str) -> Head:
    try:
        models = {str(key): tuple(map(float, value)) for key, value in facts["combination"]["models"].items()}
        for key, value in models.items():
            signs = key.split("+") if key else []
            if not set(signs) <= set(SIGNS) or len(value) != 2 + len(signs):
                raise ValueError(f"combination {key!r} has {len(value)} factors")
        combination = Combination(models, tuple(map(float, facts["combination"]["alone"])))
        prior = np.array(facts["prior"], np.float64)
        if prior.shape != (N_JOINTS,) or "" not in models:
            raise ValueError("prior or the network's own calibration is missing")
        threshold, saves, about = float(facts["threshold"]), bool(facts["saves"]), dict(facts["about"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("is damaged", where=str(path), why=str(error), next_step="train it again") from error
    return Head(parameters, combination, prior, threshold, saves, about, digest)
