"""A dataset's statistics as files: one self-contained page, a PNG a figure, and the numbers as JSON."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from hint_toolkit.flows.report.dataset_figures import as_png, as_svg, figures
from hint_toolkit.flows.report.dataset_tables import Block, blocks, facts, warning
from hint_toolkit.flows.report.html import POLICY, figure_block
from hint_toolkit.flows.report.style import CSS
from hint_toolkit.io.atomic import write_bytes, write_json, write_text

PAGE: Final = "stats.html"
NUMBERS: Final = "stats.json"
_CAPTIONS: Final = {
    "occluded": "Occlusion by joint",
    "absent": "Absence by joint",
    "joints": "Both by joint",
    "occluded_a_hand": "Occluded joints of a hand",
    "hands_a_frame": "Hands of a frame",
    "size_pixels": "Size in pixels",
    "size_share": "Size in the image",
    "centres": "Where hands lie",
    "keypoints": "Where keypoints lie",
    "moved": "How far pre-labels were moved",
}


def write_stats(stats: Mapping[str, Any], out: Path) -> list[Path]:
    """Write `stats.html`, `stats.json` and a PNG a figure into a folder.

    Args:
        stats: from `flows.stats.dataset_stats`.
        out: the folder; other files in it stay.

    Returns:
        what was written.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn, written = [], []
    for name, (size, draw, text) in figures(stats).items():
        path = out / f"{name}.png"
        write_bytes(path, as_png(size, draw))
        written.append(path)
        drawn.append(figure_block(as_svg(size, draw, name), text, _CAPTIONS[name]))
    write_json(out / NUMBERS, stats)
    write_text(out / PAGE, _page(stats, drawn))
    return [*written, out / NUMBERS, out / PAGE]


def _page(stats: Mapping[str, Any], drawn: Sequence[str]) -> str:
    told = warning(stats)
    title = f"Dataset: {stats['hands']:,} hands with 21 keypoints"
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts(stats))
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{CSS}\n</style>\n</head>"
    )
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<div class="warn" role="note">{escape(told)}</div>' if told else "",
        f"<dl>{items}</dl>",
        f'<h2>Figures</h2><div class="figures">{"".join(drawn)}</div>',
        *map(_block, blocks(stats)),
        '<p class="soft">Annotators go by numbers, not names. The same numbers for machines: stats.json.</p>',
    ]
    return f"{head}\n<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n"


def _block(block: Block) -> str:
    name = escape(block.title)
    heads = "".join(
        f'<th scope="col"{" class=text" if k == 0 else ""}>{escape(h)}</th>' for k, h in enumerate(block.head)
    )
    rows = "".join(_row(row) for row in block.rows)
    notes = "".join(f"<p>{escape(note)}</p>" for note in block.notes)
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        if block.rows
        else "<p>n/a</p>"
    )
    return f"<h2>{name}</h2>{table}{notes}"


def _row(row: Sequence[Any]) -> str:
    cells = "".join(f"<td>{escape(_shown(cell))}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{escape(_shown(row[0]))}</th>{cells}</tr>'


def _shown(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
