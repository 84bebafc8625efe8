"""The score as a paper prints it: Markdown and LaTeX tables, and the long csv that HaMeR's own evaluation writes.

Layout of the tables: a block a subset (all, visible, occluded joints), a column a source and threshold, as in
HaMeR's HInt table (arXiv 2312.05251). The csv has the columns and metric names of HaMeR's
`results/eval_regression.csv` (`kpAvg_pck_0.05`, `kp{i}_pck_0.05`), so that scripts made for it read ours.
"""

import csv
import io
from collections.abc import Callable
from typing import Any

from hint_toolkit.joints import INDEX
from hint_toolkit.protocol import SUBSETS

_SOURCE_TITLE = {"newdays": "New Days", "visor": "VISOR", "ego4d": "Ego4D"}
_HAMER_SOURCE = {"newdays": "NEWDAYS", "visor": "EPICK", "ego4d": "EGO4D"}
_HAMER_SUBSET = {"all": "ALL", "visible": "VIS", "occluded": "OCC"}
_HAMER_COLUMNS = (
    *("timestamp", "checkpoint_path", "exp_name", "dataset", "metric_name", "metric_value", "error", "iters_done"),
)


def _plain_rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The PCK rows of whole hands: no joint, no finger."""
    return [
        row
        for row in results["rows"]
        if row.get("threshold") is not None and row.get("joint") is None and row.get("finger") is None
    ]


def _columns(results: dict[str, Any]) -> list[tuple[str, float]]:
    """(source, threshold) of every column: HInt's sources first, in the paper's order."""
    order = list(_SOURCE_TITLE)
    found = {(row["source"], row["threshold"]) for row in _plain_rows(results)}
    return sorted(found, key=lambda c: (c[1], order.index(c[0]) if c[0] in order else len(order), c[0]))


def _cells(results: dict[str, Any], subset: str) -> list[str]:
    """Values in %, one decimal, in the order of `_columns`; "-" where nothing counts."""
    values = {(r["source"], r["threshold"]): r["value"] for r in _plain_rows(results) if r["subset"] == subset}
    return ["-" if (value := values.get(column)) is None else f"{100 * value:.1f}" for column in _columns(results)]


def _title(source: str) -> str:
    return _SOURCE_TITLE.get(source, source)


def _rules(results: dict[str, Any]) -> str:
    return f"protocol {results['protocol']}, normaliser {results['normaliser']}"


def _facts(results: dict[str, Any]) -> str:
    return f"PCK in %, {_rules(results)}"


def _listed(results: dict[str, Any], head: str, line: str, gap: str, *, escape: Callable[[str], str] = str) -> str:
    """One row a measure and source, each in its own unit."""
    lines = [f"{'%' if gap == ' & ' else ''} {results['method']}: {_rules(results)}".strip(), "", head]
    for row in results["rows"]:
        value = "-" if row["value"] is None else f"{row['value']:.4g}"
        cells = (row["measure"], _title(row["source"]), f"{value} px" if row.get("unit") == "px" else value)
        lines.append(line.format(gap.join(escape(cell) for cell in cells)))
    return "\n".join(lines) + "\n"


def markdown_table(results: dict[str, Any]) -> str:
    """A Markdown table: a row a subset, a column a source and threshold; a row a measure where there is no PCK."""
    columns = _columns(results)
    if not columns:
        return _listed(results, "| measure | source | value |\n|---|---|---|", "| {} |", " | ")
    head = ["joints", *(f"{_title(source)} @{threshold:g}" for source, threshold in columns)]
    lines = [f"{results['method']}: {_facts(results)}", "", f"| {' | '.join(head)} |"]
    lines.append(f"|{'---|' * len(head)}")
    lines += [f"| {subset} | {' | '.join(_cells(results, subset))} |" for subset in SUBSETS]
    return "\n".join(lines) + "\n"


def latex_table(results: dict[str, Any]) -> str:
    """A LaTeX tabular in the paper's layout (booktabs): a block a subset; a row a measure where there is no PCK."""
    columns = _columns(results)
    if not columns:
        head = "\\begin{tabular}{llr}\n\\toprule\nMeasure & Source & Value \\\\\n\\midrule"
        return _listed(results, head, "{} \\\\", " & ", escape=_escaped) + "\\bottomrule\n\\end{tabular}\n"
    thresholds = sorted({threshold for _, threshold in columns})
    groups = {t: [_title(source) for source, threshold in columns if threshold == t] for t in thresholds}
    top = " & ".join(rf"\multicolumn{{{len(names)}}}{{c}}{{@{t:g}}}" for t, names in groups.items())
    names = " & ".join(_escaped(name) for listed in groups.values() for name in listed)
    lines = [f"% {_facts(results)}", rf"\begin{{tabular}}{{l{'c' * len(columns)}}}", r"\toprule"]
    lines += [rf" & {top} \\", rf"Method & {names} \\"]
    for subset in SUBSETS:
        lines += [r"\midrule", rf"\multicolumn{{{len(columns) + 1}}}{{l}}{{\emph{{{subset} joints}}}} \\"]
        lines.append(rf"{_escaped(results['method'])} & {' & '.join(_cells(results, subset))} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _escaped(text: str) -> str:
    """Text with LaTeX's special characters made harmless."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {c: rf"\{c}" for c in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)


def eval_regression_csv(results: dict[str, Any]) -> str:
    """HaMeR's long csv. The time stamp stays empty: identical input gives identical bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _HAMER_COLUMNS, lineterminator="\n")
    writer.writeheader()
    header = results.get("header") or {}
    common = {"checkpoint_path": header.get("checkpoint", ""), "exp_name": results["method"]}
    for row in _plain_rows(results):
        name, value = f"kpAvg_pck_{row['threshold']:g}", row["value"]
        writer.writerow(common | {"dataset": _dataset(row), "metric_name": name, "metric_value": _number(value)})
    for row in results["per_joint"]:
        name = f"kp{INDEX[row['joint']]}_pck_{row['threshold']:g}"
        writer.writerow(common | {"dataset": _dataset(row), "metric_name": name, "metric_value": _number(row["value"])})
    return text.getvalue()


def _dataset(row: dict[str, Any]) -> str:
    """HaMeR's name of a source and subset, e.g. NEWDAYS-TEST-OCC."""
    source = _HAMER_SOURCE.get(row["source"], row["source"].upper())
    return f"{source}-TEST-{_HAMER_SUBSET[row['subset']]}"


def _number(value: float | None) -> float | str:
    return "" if value is None else value
