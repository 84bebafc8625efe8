"""One self-contained HTML page of a results folder: no scripts, no requests, the same bytes for the same input."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from hint_toolkit.flows.report.crops import SIZE, Tile, draw_tile, worst_rows
from hint_toolkit.flows.report.figures import joint_label, pck_curve, per_joint
from hint_toolkit.flows.report.style import CSS
from hint_toolkit.flows.report.tables import (
    Cell,
    Row,
    ScoreTable,
    facts,
    has_intervals,
    is_independent,
    notes,
    percent,
    pivot,
    rules,
)
from hint_toolkit.io.atomic import write_text
from hint_toolkit.joints import JOINTS
from hint_toolkit.protocol import HAMER_V1, PROTOCOLS, SUBSETS

SHOWN_IDS: Final = 20
PICTURE_BYTES: Final = 14_000_000
"""Of base64 text; keeps the page under 20 MB however many hands are asked for."""

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(
    results: Mapping[str, Any], per_hand: Any, out: Path, image_root: Path | None, worst: int = 24
) -> Path:
    """Write the page.

    Args:
        results: what `results.json` holds.
        per_hand: Arrow table of `per_hand.parquet`.
        out: the file to write.
        image_root: folder that the pictures are relative to; None draws all hands on grey.
        worst: how many of the worst hands are shown.

    Returns:
        `out`.

    Raises:
        MissingExtra: matplotlib or OpenCV is not installed.
    """
    threshold = min(results.get("thresholds") or HAMER_V1.thresholds)
    table = pivot(results)
    sources = list(dict.fromkeys(row.source for row in table.rows))
    title = f"Hand keypoints scored: {results['method']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        _truth(results["truth"]),
        _facts(facts(results)),
        _scores(results, table),
        _curves(results, sources),
        _joints(results, sources, threshold),
        _worst(per_hand, image_root, worst, threshold, PROTOCOLS.get(results["protocol"], HAMER_V1).border),
        _unmatched(results),
        _provenance(results),
    ]
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{CSS}\n</style>\n</head>"
    )
    write_text(out, f"{head}\n<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n")
    return out


def _truth(truth: Mapping[str, Any]) -> str:
    """What the scores are measured against; loud when that is not independent of what is scored."""
    kind = escape(str(truth.get("kind") or "not stated"))
    if is_independent(truth):
        return f"<p><strong>Truth:</strong> {kind}.</p>"
    return (
        '<div class="warn" role="note"><strong>The truth is not independent of this method.</strong> '
        f"{_sentence(kind)} Do not compare these numbers with numbers of other methods.</div>"
    )


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    items = (
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs if name not in ("method", "truth")
    )
    return f"<dl>{''.join(items)}</dl>"


def _scores(results: Mapping[str, Any], table: ScoreTable) -> str:
    heads = ["subset", *table.measures, "hands", "joints", "coverage"]
    cells = "".join(f'<th scope="col"{" class=text" if k == 0 else ""}>{escape(h)}</th>' for k, h in enumerate(heads))
    groups = []
    for source in dict.fromkeys(row.source for row in table.rows):
        name = f'<tr><th scope="rowgroup" colspan="{len(heads)}">{escape(source)}</th></tr>'
        lines = "".join(_score_row(row) for row in table.rows if row.source == source)
        groups.append(f'<tbody class="source">{name}{lines}</tbody>')
    extra = "".join(f"<li>{escape(note)}</li>" for note in notes(results, table))
    told = ["shares are in %", *rules(results), "coverage is the share of hands with a prediction"]
    told += ["small numbers are the 95 % interval over clips"] if has_intervals(table) else []
    return (
        f"<h2>Scores</h2><p>{escape(' '.join(_sentence(text) for text in told))}</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Scores">'
        f"<table><thead><tr>{cells}</tr></thead>{''.join(groups)}</table></div>"
        + (f"<ul>{extra}</ul>" if extra else "")
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _score_row(row: Row) -> str:
    cells = "".join(_score_cell(cell) for cell in row.cells)
    tail = "".join(f"<td>{escape(text)}</td>" for text in (row.hands, row.joints, row.coverage))
    return f'<tr><th scope="row">{escape(row.subset)}</th>{cells}{tail}</tr>'


def _score_cell(cell: Cell) -> str:
    small = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f"<td>{escape(cell.value)}{small}</td>"


def _curves(results: Mapping[str, Any], sources: Sequence[str]) -> str:
    marks = results.get("thresholds") or HAMER_V1.thresholds
    figures = []
    for k, source in enumerate(sources):
        curves = [curve for curve in results["curves"] if curve["source"] == source]
        if curves:
            alt = f"PCK of {source} against the threshold; its values at the dotted lines are in the table above."
            figures.append(figure_block(pck_curve(curves, marks, f"c{k}"), alt, source))
    return f'<h2>PCK against the threshold</h2><div class="figures">{"".join(figures)}</div>' if figures else ""


def _joints(results: Mapping[str, Any], sources: Sequence[str], threshold: float) -> str:
    figures, tables = [], []
    for k, source in enumerate(sources):
        rows = [r for r in results["per_joint"] if r["source"] == source and r["threshold"] == threshold]
        if rows:
            alt = f"Correct hands of {source} for each of the 21 joints; the numbers are in the table below."
            figures.append(figure_block(per_joint(rows, f"j{k}"), alt, source))
            tables.append(_joint_table(source, rows))
    if not figures:
        return ""
    return (
        f'<h2>Per joint at {threshold:g}</h2><div class="figures">{"".join(figures)}</div>'
        f"<details><summary>The same in numbers</summary>{''.join(tables)}</details>"
    )


def _joint_table(source: str, rows: Sequence[Mapping[str, Any]]) -> str:
    value = {(row["joint"], row["subset"]): row for row in rows}
    lines = []
    for joint in JOINTS:
        cells = []
        for subset in SUBSETS:
            row = value.get((joint, subset), {"value": None, "scored": 0})
            cells.append(f"<td>{percent(row['value'])}<small>of {row['scored']}</small></td>")
        lines.append(f'<tr><th scope="row">{joint_label(joint)}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col">{subset}</th>' for subset in SUBSETS)
    name = escape(source)
    return (
        f'<h3>{name}</h3><div class="scroll" tabindex="0" role="region" aria-label="Joints of {name}">'
        f'<table><thead><tr><th scope="col" class="text">joint</th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody>'
        "</table></div>"
    )


def figure_block(svg: str, alt: str, caption: str) -> str:
    """A drawing with its caption, and words for those who cannot see it."""
    labelled = svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
    return f"<figure><figcaption><strong>{escape(caption)}</strong></figcaption>{labelled}</figure>"


def _worst(per_hand: Any, image_root: Path | None, count: int, threshold: float, border: str) -> str:
    rows, items, spent = worst_rows(per_hand, count), [], 0
    for row in rows:
        tile = draw_tile(row, image_root, threshold, border)
        data = base64.b64encode(tile.jpeg).decode()
        spent += len(data)
        if spent > PICTURE_BYTES:
            break
        items.append(_tile(tile, data))
    missed = per_hand.num_rows - sum(per_hand.column("found").to_pylist())
    return (
        f"<h2>The {len(items)} worst hands</h2><p>Largest error first, of {per_hand.num_rows} hands. The error is the "
        "mean distance over the existing joints in units of the normaliser, each at most 1. Missed hands "
        f"({missed} in all) take at most a third of the places.</p>"
        '<ul class="key"><li><strong>truth</strong>: solid bones and dots, white core visible, black core occluded</li>'
        "<li><strong>prediction</strong>: dashed white-edged bones and crosses</li>"
        f"<li><strong>cyan line</strong>: a joint farther away than {threshold:g} of the normaliser</li></ul>"
        f'<ul class="hands">{"".join(items)}</ul>'
        '<p class="soft">These crops are parts of the data set\'s pictures. Pass this file on only where their licence '
        "allows it.</p>"
    )


def _tile(tile: Tile, data: str) -> str:
    state = '<span class="found">found</span>' if tile.found else '<span class="missed">MISSED</span>'
    error = "n/a" if tile.error != tile.error else f"{tile.error:.3f}"
    wrong = f"{tile.wrong} of {tile.joints} joints wrong"
    what = "truth and prediction" if tile.found else "truth, no prediction"
    alt = f"{tile.side.capitalize()} hand {tile.id}, {what}: {wrong}" + (f"; {tile.note}" if tile.note else "")
    note = f'<span class="note">{escape(tile.note)}</span>' if tile.note else ""
    return (
        f'<li><figure><img src="data:image/jpeg;base64,{data}" width="{SIZE}" height="{SIZE}" alt="{escape(alt)}">'
        f"<figcaption><code>{escape(tile.id)}</code>{state}, error {error}<br>{escape(wrong)}{note}</figcaption>"
        "</figure></li>"
    )


def _unmatched(results: Mapping[str, Any]) -> str:
    missing = "Hands of the truth for which the predictions hold no record; they count as wrong."
    unknown = "Records of the predictions for hands that the truth does not have; they are left out."
    return (
        "<h2>Hands that did not match</h2>"
        + _ids("Missing", missing, results.get("missing", []))
        + _ids("Unknown", unknown, results.get("unknown", []))
    )


def _ids(name: str, text: str, ids: Sequence[str]) -> str:
    if not ids:
        return f"<h3>{name}: none</h3>"
    more = f"<p>and {len(ids) - SHOWN_IDS} more</p>" if len(ids) > SHOWN_IDS else ""
    items = "".join(f"<li><code>{escape(str(i))}</code></li>" for i in ids[:SHOWN_IDS])
    return f'<h3>{name}: {len(ids)}</h3><p>{text}</p><ul class="ids">{items}</ul>{more}'


def _provenance(results: Mapping[str, Any]) -> str:
    """Where every number comes from: all plain values that the results hold about themselves."""
    names = ["schema", "toolkit", "protocol", "protocol_source", "normaliser", "missing_rule", "thresholds"]
    names += ["seed", "resamples", "interval_method"]
    pairs = [(name, results[name]) for name in names if name in results]
    for group in ("truth", "predictions", "header"):
        pairs += [(f"{group} {name}", value) for name, value in sorted(dict(results.get(group) or {}).items())]
    annotators = results["counts"].get("annotators") or {}
    pairs.append(
        ("annotators", ", ".join(f"{name or 'not named'}: {n} hands" for name, n in annotators.items()) or "none")
    )
    items = (f"<dt>{escape(str(name))}</dt><dd><code>{escape(str(value))}</code></dd>" for name, value in pairs)
    return f"<h2>Provenance</h2><dl>{''.join(items)}</dl>"
