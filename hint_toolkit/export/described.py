"""What the three descriptions of a release (datasheet, card, Croissant) say alike."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import one_line
from hint_toolkit.export.people import SIMULATED
from hint_toolkit.export.summary import Summary
from hint_toolkit.licences import PIXELS

SPDX: Final = frozenset(
    {
        *("MIT", "Apache-2.0", "CC0-1.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0"),
        *(f"CC-{terms}-{version}" for version in ("2.0", "3.0", "4.0") for terms in ("BY", "BY-NC", "BY-SA", "BY-ND")),
        *(f"CC-{terms}-{version}" for version in ("2.0", "3.0", "4.0") for terms in ("BY-NC-SA", "BY-NC-ND")),
    }
)
"""Licences of data that have a page at spdx.org and, in small letters, mostly a name at the Hugging Face hub."""
SPLIT_NAMES: Final = {"TRAIN": "train", "VAL": "validation", "TEST": "test"}
"""A split's name where other tools expect theirs."""
WHOLE: Final = "full"
"""Name of the one split of a file that holds several."""
_SHARD = re.compile(r"hands(?:-(?P<split>[^/]+))?-(?P<k>\d+)-of-(?P<n>\d+)\.parquet")


@dataclass(frozen=True)
class ParquetFiles:
    """The Parquet files of hands of one split.

    Attributes:
        split: "train", "validation", "test" or another split's name; `WHOLE` when they hold several splits.
        paths: from the release folder, in their order.
        pattern: a glob that names these files and no others.
    """

    split: str
    paths: tuple[str, ...]
    pattern: str


def parquet_files(summary: Summary, manifest: Mapping[str, Any]) -> list[ParquetFiles]:
    """Which Parquet files of hands a release really has, by split in the order train, validation, test, others."""
    if "hands.parquet" in manifest["files"]:
        return [ParquetFiles(_only_split(summary), ("hands.parquet",), "hands.parquet")]
    shards: dict[tuple[str, str], list[str]] = {}
    for path in manifest["files"]:
        if found := _SHARD.fullmatch(path):
            shards.setdefault((found["split"] or "", found["n"]), []).append(path)
    result = []
    for (split, n), paths in shards.items():
        name = split_name(split) if split else _only_split(summary)
        pattern = f"hands{f'-{split}' if split else ''}-*-of-{n}.parquet"
        result.append(ParquetFiles(name, tuple(sorted(paths)), pattern))
    order = [*SPLIT_NAMES.values()]
    return sorted(result, key=lambda one: (order.index(one.split) if one.split in order else 9, one.split))


def split_name(split: str) -> str:
    """`TRAIN` as `train`, `VAL` as `validation`; others as small letters, digits and `_`."""
    return SPLIT_NAMES.get(split.upper(), re.sub(r"\W+", "_", split.lower(), flags=re.ASCII).strip("_") or WHOLE)


def _only_split(summary: Summary) -> str:
    splits = list(summary.counts["split"])
    return split_name(splits[0]) if len(splits) == 1 else WHOLE


def is_hint(summary: Summary) -> bool:
    """Whether every hand is of a source that HInt has."""
    return bool(summary.hands) and set(summary.counts["source"]) <= set(PIXELS)


def title(summary: Summary) -> str:
    """What to call the dataset: nobody has named it, so by what it holds."""
    sources = ", ".join(name or "unnamed source" for name in summary.counts["source"])
    named = one_line(f"{'HInt hands' if is_hint(summary) else 'Hands'} with 21 keypoints and occlusion ({sources})")
    return "".join(letter for letter in named if letter.isprintable())


def version(manifest: Mapping[str, Any]) -> str:
    """The release's name, or the start of its content hash."""
    return str(manifest.get("version") or f"v-{manifest['content'][:12]}")


def simulated(summary: Summary) -> int:
    """Hands that no person labelled but the scripted annotator."""
    return summary.counts["annotator"].get(SIMULATED, 0)


def people(summary: Summary) -> tuple[int, int]:
    """How many different people labelled, and how many hands."""
    counts = {name: n for name, n in summary.counts["annotator"].items() if name not in ("", SIMULATED)}
    return len(counts), sum(counts.values())


def kinds_of_files(target: Path) -> list[tuple[str, str]]:
    """What lies in the folders of a release, as (folder, suffix): `("images", ".jpg")`, sorted; not its top level."""
    found = set()
    for here, _, names in os.walk(target):
        folder = Path(here).relative_to(target).as_posix()
        found |= {(folder, os.path.splitext(name)[1]) for name in names}
    return sorted((folder, suffix) for folder, suffix in found if folder != ".")


def whole(number: int) -> str:
    """40434 as `40,434`."""
    return f"{number:,}"


def counted(number: int, what: str) -> str:
    """`1 hand`, `2 hands`."""
    return f"{whole(number)} {what}{'' if number == 1 else 's'}"


def percent(part: float, of: float) -> str:
    """`12.3 %`, or `n/a` of nothing."""
    return f"{100 * part / of:.1f} %" if of else "n/a"


def words(text: str) -> str:
    """A name as running Markdown text: one line, nothing in it that Markdown or HTML would act on."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", safe)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column to the left, the others to the right. Cells are Markdown already."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def group_rows(summary: Summary) -> list[list[str]]:
    """A row a split, source and subset, as the card and the datasheet print it."""
    return [
        [
            words("_".join(folder)),
            *(whole(n) for n in (g.hands, g.left, g.hands - g.left, g.frames, g.clips, g.pictures)),
            percent(g.occluded, g.existing),
        ]
        for folder, g in summary.groups.items()
    ]


GROUP_HEAD: Final = ("split, source, subset", "hands", "left", "right", "frames", "clips", "with picture", "occluded")


def rights_rows(summary: Summary) -> list[list[str]]:
    """A row a source and licence."""
    return [
        [
            words(r.source) or "n/a",
            words(r.licence) or "not stated",
            "yes" if r.redistributable else "no",
            whole(r.hands),
            whole(r.pictures),
        ]
        for r in summary.rights
    ]


RIGHTS_HEAD: Final = ("source", "licence of the pixels", "may be passed on", "hands", "with picture")
