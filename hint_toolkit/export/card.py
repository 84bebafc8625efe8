"""`README.md`: the dataset card, with the header that the Hugging Face hub and `datasets` read.

Header keys after the hub's dataset card metadata (github.com/huggingface/hub-docs, datasetcard.md).
"""

import json
from pathlib import Path
from typing import Any, Final

from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.described import (
    GROUP_HEAD,
    RIGHTS_HEAD,
    SPDX,
    ParquetFiles,
    counted,
    group_rows,
    is_hint,
    markdown_table,
    parquet_files,
    percent,
    rights_rows,
    simulated,
    title,
    version,
    words,
)
from hint_toolkit.export.summary import Summary
from hint_toolkit.licences import ANNOTATIONS

FILE: Final = "README.md"
_SIZES: Final = (
    *((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")),
    *((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M")),
)
_TAGS: Final = ("hand-pose", "keypoints", "occlusion", "hands", "hint")
_BIBTEX: Final = """@inproceedings{pavlakos2024reconstructing,
  title     = {Reconstructing Hands in 3D with Transformers},
  author    = {Pavlakos, G. and Shan, D. and Radosavovic, I. and Kanazawa, A. and Fouhey, D. and Malik, J.},
  booktitle = {CVPR},
  year      = {2024},
  note      = {arXiv:2312.05251}
}"""


def write(dataset: Dataset, target: Path, options: ExportOptions, manifest: dict[str, Any]) -> None:
    """Write `README.md`, the same bytes for the same release."""
    summary = dataset.summary
    files = parquet_files(summary, manifest)
    parts = [
        f"# {words(title(summary))}",
        *_warnings(summary),
        _what(summary),
        markdown_table(GROUP_HEAD, group_rows(summary)),
        "Frames and clips are counted once in each row. More numbers, and what is not known: "
        "[datasheet.md](datasheet.md).",
        *(_loading(files, version(manifest)) if files else []),
        _columns(options.embed and bool(files)),
        f"## Licences\n\n{_licences(summary)}",
        f"## Citation\n\n{_citation(summary)}",
        f"## Version\n\n{words(version(manifest))}, content hash `{summary.content}`. State the hash with every "
        "result: another label is another hash. `release.json` holds the sha256 of the files.",
    ]
    (target / FILE).write_text(header(summary, files) + "\n" + "\n\n".join(parts) + "\n", "utf-8")


def header(summary: Summary, files: list[ParquetFiles]) -> str:
    """The YAML header, from `---` to `---`; without `configs` when the release has no Parquet."""
    licence = hub_licence(summary)
    lines = [f"pretty_name: {_text(title(summary))}", f"license: {licence}"]
    if licence == "other":
        lines += ["license_name: by-source", "license_link: README.md"]
    lines += ["task_categories:", "- keypoint-detection", "tags:", *(f"- {tag}" for tag in _TAGS)]
    lines += ["size_categories:", f"- {size_category(summary.hands)}"]
    if files:
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for one in files:
            lines += [f"  - split: {one.split}", f"    path: {_text(one.pattern)}"]
    return "\n".join(["---", *lines, "---"])


def _text(text: str) -> str:
    """JSON's quoted text is YAML's, too."""
    return json.dumps(text, ensure_ascii=False)


def size_category(hands: int) -> str:
    """The hub's class of size."""
    return next((name for limit, name in _SIZES if hands < limit), "100M<n<1B")


def hub_licence(summary: Summary) -> str:
    """The hub's name of one licence for the whole release, "other" where there is no such thing.

    Without pictures only the annotations' licence matters; with pictures that of the pixels does, and there must be
    one that all share.
    """
    if not summary.pictures:
        return ANNOTATIONS.lower() if is_hint(summary) else "unknown"
    stated = {r.licence for r in summary.rights if r.pictures}
    if len(stated) > 1 or is_hint(summary):
        return "other"
    (only,) = stated
    return only.lower() if only in SPDX else "unknown" if only in ("", "unknown") else "other"


def _warnings(summary: Summary) -> list[str]:
    drawn = simulated(summary)
    if not drawn:
        return []
    many = f"{counted(drawn, 'hand')} of {summary.hands}"
    return [
        f"> **{many} labelled by a scripted annotator, not by people.** Scores on them say nothing about human labels."
    ]


def _what(summary: Summary) -> str:
    existing, occluded = int(summary.existing.sum()), int(summary.occluded.sum())
    return (
        f"{counted(summary.hands, 'hand')} in {counted(summary.frames, 'frame')} of {counted(summary.clips, 'clip')}. "
        "Each has 21 keypoints and, for every joint, whether it exists in the image and whether it is occluded; "
        f"{percent(occluded, existing)} of {counted(existing, 'existing joint')} are occluded. The scheme is that of "
        "HInt ([arXiv 2312.05251](https://arxiv.org/abs/2312.05251))."
    )


def _loading(files: list[ParquetFiles], folder: str) -> list[str]:
    """How to read the Parquet files; the test runs these lines. `datasets` wants a folder with a name, not "."."""
    split, where = files[-1].split, f"./{folder}"
    code = (
        "from datasets import load_dataset\n\n"
        f'hands = load_dataset({_text(where)}, split="{split}")  # the folder of this file, or its name at the hub\n'
        'points = hands[0]["points"]  # 21 x [x, y]\n'
        'visible = [e and not o for e, o in zip(hands[0]["exists"], hands[0]["occluded"])]\n'
    )
    pandas = f"import pandas\n\ntable = pandas.read_parquet({_text(f'{where}/{files[-1].paths[0]}')})\n"
    return [f"## Loading\n\n```python\n{code}```\n\n```python\n{pandas}```"]


def _columns(embedded: bool) -> str:
    rows = [
        ["`id`", "name of the hand; predictions are matched by it"],
        ["`points`", "21 x (x, y), pixels of the original image, centre of the top-left pixel (0, 0)"],
        ["`exists`", "21 flags: the joint is in the image; where it is not, its point means nothing"],
        ["`occluded`", "21 flags: it exists and something hides it"],
        ["`box`", "x1, y1, x2, y2 in pixels"],
        ["`side`", "left or right, of the person"],
        ["`split`, `source`, `subset`", "which part of the data"],
        ["`video_id`, `frame_id`, `frame_index`, `time`", "where it comes from; -1 and NaN where that is unknown"],
        ["`image`", "path of the picture; empty where it may not be passed on"],
        ["`licence`, `redistributable`", "of the pixels, row by row"],
    ]
    if embedded:
        rows.append(["`picture`", "the picture itself, encoded; empty where it may not be passed on"])
    lines = "\n".join(f"| {name} | {text} |" for name, text in rows)
    joints = "wrist, then four joints from base to tip of thumb, forefinger, middle, ring and little finger"
    return f"## What a hand holds\n\n| field | meaning |\n| --- | --- |\n{lines}\n\nOrder of the 21 joints: {joints}."


def _licences(summary: Summary) -> str:
    own = f"HInt's annotations are {ANNOTATIONS}." if is_hint(summary) else "No licence of the annotations is recorded."
    return (
        f"{own} Pixels keep the licence of their source, row by row in `licence`.\n\n"
        f"{markdown_table(RIGHTS_HEAD, rights_rows(summary))}"
    )


def _citation(summary: Summary) -> str:
    what = "Cite HInt:" if is_hint(summary) else "The labelling scheme is HInt's; for the data, cite their source."
    return f"{what}\n\n```bibtex\n{_BIBTEX}\n```"
