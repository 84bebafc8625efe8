"""Names of the files that a table of hands is cut into, and whether all of them are there.

`hands-<split>-<k>-of-<n>.parquet` is how the Hugging Face hub knows splits and shards; a file holds hands of one
split only.
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hint_toolkit.errors import SHOWN_IDS, InputError
from hint_toolkit.issues import Issues

SPLIT_WORDS = {"TRAIN": "train", "VAL": "validation", "TEST": "test"}
_SHARD = re.compile(r"hands-([a-z0-9_]+)-(\d{5,})-of-(\d{5,})\.parquet")
_PLAIN = re.compile(r"[a-z0-9_]+")


def split_words(splits: Sequence[str]) -> dict[str, str]:
    """How each split is called in file names.

    Raises:
        InputError: a split that cannot be part of a file name, or two that would have one name.
    """
    words: dict[str, str] = {}
    for split in splits:
        word = SPLIT_WORDS.get(split, split.lower())
        if not _PLAIN.fullmatch(word) or word in words.values():
            raise InputError(f"the split {split!r} cannot name a file", next_step="write it without --shard-hands")
        words[split] = word
    return words


def shard_name(word: str, k: int, n: int) -> str:
    """The file of the k-th of n shards of a split, k from 0."""
    return f"hands-{word}-{k:05d}-of-{n:05d}.parquet"


def check_names(folder: Path, files: Sequence[Path]) -> None:
    """All n shards of every split that has one are there, and no split was cut twice.

    Files of other names count as whole tables of their own.

    Raises:
        InputError: names what is missing.
    """
    found: dict[str, set[tuple[int, int]]] = {}
    for file in files:
        parts = _SHARD.fullmatch(file.name)
        if parts and int(parts[2]) < int(parts[3]):
            found.setdefault(parts[1], set()).add((int(parts[2]), int(parts[3])))
    for word, shards in sorted(found.items()):
        sizes = sorted({n for _, n in shards})
        if len(sizes) > 1:
            what = f"holds shards of several exports: {word} was cut into {' and into '.join(map(str, sizes))} files"
            raise InputError(what, where=str(folder), next_step="keep the files of one")
        n, held = sizes[0], {k for k, _ in shards}
        if missing := n - len(held):
            # Not all names are made: a hostile one may speak of billions of files.
            gaps = islice((k for k in range(n) if k not in held), SHOWN_IDS)
            names = ", ".join(shard_name(word, k, n) for k in gaps)
            more = f" and {missing - SHOWN_IDS} more" if missing > SHOWN_IDS else ""
            what = f"is incomplete: {len(held)} of {n} files of {word} are there; missing: {names}{more}"
            raise InputError(what, where=str(folder), next_step="fetch the missing files")


def check_facts(folder: Path, facts: Sequence[dict[str, Any]], hands: int, issues: Issues) -> None:
    """The files are of one version of a dataset; warns where they are not all of it.

    Args:
        folder: where they lie.
        facts: our metadata of each file.
        hands: how many were read.
        issues: takes the warning.

    Raises:
        InputError: the files are of several versions.
    """
    versions = {str(fact["content"]) for fact in facts if "content" in fact}
    if len(versions) > 1:
        raise InputError(
            f"holds shards of {len(versions)} versions of a dataset",
            where=str(folder),
            next_step="fetch all of them again",
        )
    total = facts[0].get("hands") if facts else None
    if isinstance(total, int) and total != hands:
        issues.warn(f"{hands} of the {total} hands of the dataset are here", file=str(folder))
