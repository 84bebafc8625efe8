"""Every tensor of a file accounted for: what a network needs, no less, no more, each of its shape."""

from collections.abc import Iterable, Mapping
from typing import Any

from hint_toolkit.errors import InputError, shorten

Shape = tuple[int, ...]


def account(found: Mapping[str, Any], wanted: Mapping[str, Shape], *, where: str, optional: Iterable[str] = ()) -> None:
    """Compare the tensors of a file with those of a network.

    Args:
        found: key -> tensor (anything with a `shape`).
        wanted: key -> shape.
        where: the file, for the error.
        optional: keys of `wanted` that may be missing; where they are there, their shape counts.

    Raises:
        InputError: keys are missing, surplus or misshapen; names five of each kind and counts the rest.
    """
    may_miss = set(optional)
    missing = [key for key in wanted if key not in found and key not in may_miss]
    surplus = [key for key in found if key not in wanted]
    misshapen = [
        f"{key} {tuple(found[key].shape)} instead of {shape}"
        for key, shape in wanted.items()
        if key in found and tuple(found[key].shape) != shape
    ]
    kinds = (("missing", missing), ("surplus", surplus), ("misshapen", misshapen))
    wrong = [f"{len(keys)} {kind}: {shorten(keys)}" for kind, keys in kinds if keys]
    if wrong:
        raise InputError(
            "does not hold this network's tensors", where=where, why="; ".join(wrong), next_step="download it again"
        )
