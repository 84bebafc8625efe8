"""Names of annotators as others may read them: who a person is stays with those who asked for the work.

Label Studio knows people by their e-mail address, and so does the workspace. A release says who labelled a hand only
so far that hands of one person can be told from those of another.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable

from hint_toolkit.errors import InputError

SIMULATED = "simulated"
"""The scripted annotator, whom a release must name: its labels are no person's."""
_PSEUDONYM = re.compile(r"annotator-[0-9a-f]{2,64}")
_DIGITS = 8


CONSENSUS = "consensus"
"""A label that several people's answers support."""


def is_public(name: str) -> bool:
    """Whether a name tells nothing about one person: nobody, a script, several together, or a pseudonym already."""
    return name in ("", SIMULATED, CONSENSUS) or _PSEUDONYM.fullmatch(name) is not None


def pseudonyms(names: Iterable[str], key: bytes | None = None) -> dict[str, str]:
    """A name to publish for every annotator, each a different one.

    With a key, a person keeps the pseudonym from release to release, whoever joins or leaves, and without the key
    nobody can try out which address it belongs to. Without one, people are numbered in the order of their names:
    that stands for one release only.

    Args:
        names: of annotators, in any order and number; names that are public already stay as they are.
        key: a secret of the workspace, at least 16 bytes, not to be published.

    Returns:
        every different name -> `annotator-` and 8 hexadecimal digits (more where two would meet), or a number.

    Raises:
        InputError: the key is too short to be a secret.
    """
    listed = sorted(set(names))
    if key is not None and len(key) < 16:
        raise InputError("the key of the pseudonyms is too short", why="16 bytes or more are wanted")
    taken = {name for name in listed if is_public(name)}
    given = {name: name for name in taken}
    private = [name for name in listed if name not in taken]
    if key is None:
        free = (f"annotator-{k:02d}" for k in range(1, len(listed) + len(taken) + 1))
        new = dict(zip(private, (name for name in free if name not in taken), strict=False))
    else:
        new = _keyed(private, key, taken)
    return {name: (given | new)[name] for name in listed}


def _keyed(names: list[str], key: bytes, taken: set[str]) -> dict[str, str]:
    whole = {name: hmac.new(key, name.encode(), hashlib.sha256).hexdigest() for name in names}
    short = next(
        n
        for n in range(_DIGITS, 65)
        if n == 64 or (len({d[:n] for d in whole.values()}) == len(names) and not _met(whole, taken, n))
    )
    return {name: f"annotator-{digest[:short]}" for name, digest in whole.items()}


def _met(whole: dict[str, str], taken: set[str], digits: int) -> bool:
    return any(f"annotator-{digest[:digits]}" in taken for digest in whole.values())
