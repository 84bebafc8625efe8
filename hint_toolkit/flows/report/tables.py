"""The score table: as text for a terminal, and as cells for the HTML report.

Shares are in per cent with one decimal, pixels with two; a value that is not defined is printed as n/a. A number
never stands without its protocol, its normaliser and what the truth is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hint_toolkit.errors import shorten
from hint_toolkit.protocol import HAMER_V1, MISSING_RULES, PROTOCOLS

NOT_DEFINED: Final = "n/a"
_MEASURE: Final = re.compile(r"(?P<name>.+?)\[(?P<where>[^\W\d][^\[\]]*)\]")
"""What it is taken on begins with a letter; the span of `AUC[0..0.2]` is a part of the name."""

PEOPLE: Final = "two people"
_TAIL: Final = ("hands", "joints", "coverage")


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        value: e.g. "62.0", or "n/a".
        interval: e.g. "58.1 to 65.9", or "" when none was computed.
    """

    value: str
    interval: str = ""

    def __str__(self) -> str:
        """Both, for the terminal; the values of a column stand under each other."""
        return f"{self.value:>5} [{self.interval}]" if self.interval else f"{self.value:>5}"


@dataclass(frozen=True)
class Row:
    """One line of the table: a source and a subset.

    Attributes:
        source: name of the data source.
        subset: "all", "visible" or "occluded"; with a joint or finger behind it where only that is measured.
        cells: one a column of `ScoreTable.measures`.
        hands: how many hands count.
        joints: how many joints count.
        coverage: share of those hands that have a prediction.
        without_truth: joints that the mean leaves out because no hand has them.
        left_out: joints that it leaves out because the rule for missing predictions does.
    """

    source: str
    subset: str
    cells: tuple[Cell, ...]
    hands: str
    joints: str
    coverage: str
    without_truth: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class ScoreTable:
    """The pivoted rows: sources and subsets in the order they came, one column a measure."""

    measures: tuple[str, ...]
    rows: tuple[Row, ...]


def percent(value: float | None) -> str:
    """A share 0..1 in per cent with one decimal; "n/a" for None and NaN."""
    return NOT_DEFINED if value is None or value != value else f"{100 * value:.1f}"


def split_measure(measure: str) -> tuple[str, str]:
    """`PCK@0.05[occluded]` is ("PCK@0.05", "occluded"); a measure without a subset is taken on all joints."""
    match = _MEASURE.fullmatch(measure)
    return (match["name"], match["where"]) if match else (measure, "all")


def pivot(results: Mapping[str, Any]) -> ScoreTable:
    """Rows of `results.json` as a table with one line a source and subset."""
    records: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    measures: dict[str, None] = {}
    for record in [*results["rows"], *_people(results)]:
        name, subset = split_measure(record["measure"])
        column = f"{name} (px)" if record.get("unit") == "px" else name
        measures[column] = None
        records.setdefault((record["source"], subset), {})[column] = record
    rows = [_row(source, subset, found, list(measures)) for (source, subset), found in records.items()]
    return ScoreTable(tuple(measures), tuple(rows))


def _people(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What two people reach against each other by the same measures, as rows of a source of its own."""
    rows = (results.get("human") or {}).get("rows", [])
    return [{**row, "source": PEOPLE, "joints": row["comparisons"], "coverage": None} for row in rows]


def _row(source: str, subset: str, found: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> Row:
    first = next(iter(found.values()))
    return Row(
        source=source,
        subset=subset,
        cells=tuple(_cell(found[name]) if name in found else Cell(NOT_DEFINED) for name in measures),
        hands=str(first["hands"]),
        joints=str(first["joints"]),
        coverage=percent(first.get("coverage")),
        without_truth=tuple(first.get("joints_without_truth") or ()),
        left_out=tuple(first.get("joints_left_out") or ()),
    )


def _cell(record: Mapping[str, Any]) -> Cell:
    def number(value: float | None) -> str:
        if record.get("unit") != "px":
            return percent(value)
        return NOT_DEFINED if value is None or value != value else f"{value:.2f}"

    value, interval = number(record["value"]), record.get("interval")
    if value == NOT_DEFINED or not interval:
        return Cell(value)
    return Cell(value, f"{number(interval[0])} to {number(interval[1])}")


def rules(results: Mapping[str, Any]) -> list[str]:
    """The rules behind the numbers, a sentence each, without full stops."""
    pooled = {row.get("pooling", "macro") for row in results["rows"] if row["measure"].startswith("PCK")}
    protocol = PROTOCOLS.get(results["protocol"], HAMER_V1)
    told = []
    if pooled:
        near = "nearer to the truth than" if protocol.border == "<" else "no farther from the truth than"
        mean = "averaged over the joints" if pooled == {"macro"} else "of all joints together"
        told.append(f"PCK is the share of joints {near} the threshold, {mean}")
    told.append(results.get("missing_rule_text") or MISSING_RULES["miss"])
    if any(row.get("unit") == "px" for row in results["rows"]):
        told.append("an error in pixels is a mean over the predicted joints only")
    other = {split_measure(row["measure"])[0]: row.get("normaliser") for row in results["rows"]}
    known = (None, "none", results["normaliser"])
    return told + [f"{name} is normalised by {size}" for name, size in other.items() if size not in known]


def is_independent(truth: Mapping[str, Any]) -> bool:
    """Whether the truth was made without the detector that is scored, as the sentence about it says.

    A key `independent` decides when there is one.
    """
    if "independent" in truth:
        return bool(truth["independent"])
    return not re.search(r"\bnot\b[^.,;:]*\bindependent\b", str(truth.get("kind", "")), re.IGNORECASE)


def facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What must stand beside every number: method, protocol, normaliser, truth, and how many hands."""
    truth, counts = results["truth"], results["counts"]
    shown = ("hands", "found", "scored", "missing", "unknown")
    kind = truth.get("kind") or "not stated"
    return [
        ("method", str(results["method"])),
        ("protocol", str(results["protocol"])),
        ("normaliser", f"{results['normaliser']} ({results['normaliser_text']})"),
        ("truth", kind if is_independent(truth) else f"NOT INDEPENDENT: {kind}"),
        *([("version", version_text(truth))] if truth.get("version") else []),
        ("counts", ", ".join(f"{counts[name]} {name}" for name in shown if name in counts)),
    ]


def version_text(truth: Mapping[str, Any]) -> str:
    """Version of the truth as it is named by default; of a patched one also what it was made from."""
    text = f"v-{str(truth['version'])[:12]}"
    if not truth.get("base"):
        return text
    return f"{text} = v-{str(truth['base'])[:12]} + {len(truth.get('errata') or [])} errata"


def score_table(results: Mapping[str, Any]) -> str:
    """The results for a terminal: the facts, then aligned columns; values and coverage in per cent.

    Args:
        results: what `results.json` holds.

    Returns:
        lines without a trailing newline.
    """
    table = pivot(results)
    head = ["source", "subset", *table.measures, *_TAIL]
    body = [[r.source, r.subset, *map(str, r.cells), r.hands, r.joints, r.coverage] for r in table.rows]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    width = max(len(name) for name, _ in facts(results))
    lines = [f"{name.ljust(width)}  {text}" for name, text in facts(results)]
    lines += ["", _aligned(head, widths), _aligned(["-" * w for w in widths], widths)]
    lines += [_aligned(line, widths) for line in body]
    told = ["shares in %"] + (["[95 % interval over clips]"] if has_intervals(table) else [])
    lines += ["", ", ".join([*told, "coverage: hands with a prediction"]), *rules(results)]
    lines += notes(results, table)
    return "\n".join(lines)


def has_intervals(table: ScoreTable) -> bool:
    """Whether any number has an interval."""
    return any(cell.interval for row in table.rows for cell in row.cells)


def notes(results: Mapping[str, Any], table: ScoreTable) -> list[str]:
    """The notes of the results, and the joints that a mean leaves out."""
    lines = [str(note) for note in results.get("notes", [])]
    if human := results.get("human"):
        same = human["normaliser"] == results["normaliser"]
        other = "" if same else f", not shown: it was taken by {human['normaliser']}"
        lines.append(f"{PEOPLE}: {human['hands']} hands of {human['file']}, each person against the other{other}")
    for row in table.rows:
        place = f"{row.source} {row.subset}"
        if row.without_truth:
            lines.append(f"{place}: no truth for {shorten(row.without_truth)}, left out of the mean")
        if row.left_out:
            lines.append(f"{place}: no prediction for {shorten(row.left_out)}, left out of the mean")
    return lines


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The counts at the end to the right, all else to the left."""
    texts = len(cells) - len(_TAIL)
    padded = [c.ljust(w) if k < texts else c.rjust(w) for k, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()
