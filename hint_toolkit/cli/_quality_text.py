"""Tables of the quality commands for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from hint_toolkit.cli._output import table

_NOTHING = "n/a"


def _share(value: float | None, digits: int = 1) -> str:
    return _NOTHING if value is None else f"{100 * value:.{digits}f}"


def _number(name: str, value: float | None) -> str:
    """Kappa and alpha are no shares."""
    if name.endswith(("kappa", "alpha")):
        return _NOTHING if value is None else f"{value:.3f}"
    return _share(value, 2 if name.startswith(("distance", "sigma")) else 1)


def _with_interval(name: str, row: Mapping[str, Any], key: str = "value") -> str:
    bounds = row["interval" if key == "value" else f"{key}_interval"]
    text = _number(name, row[key])
    return f"{text} [{_number(name, bounds[0])} to {_number(name, bounds[1])}]" if bounds else text


def agreement_text(result: Mapping[str, Any], per_joint: bool) -> str:
    """Everybody, the pairs, the people; with `per_joint` the joints."""
    everybody = [row for row in result["rows"] if row["who"] == "everybody" and row["joint"] is None]
    paper = result["paper"]
    lines = [
        [
            row["measure"],
            _with_interval(row["measure"], row),
            str(row["comparisons"]),
            _share(paper.get(row["measure"])),
        ]
        if row["measure"] in paper
        else [row["measure"], _with_interval(row["measure"], row), str(row["comparisons"]), ""]
        for row in everybody
    ]
    parts = [
        f"{result['hands']} hands of {result['clips']} clips by two or more of {len(result['people'])} people",
        table(["measure", "everybody", "compared", "paper"], lines),
        *_pairs(result),
        _people(result["people"]),
    ]
    if per_joint:
        parts.append(_joints([row for row in result["rows"] if row["who"] == "everybody" and row["joint"]]))
    parts.append(
        "in %, except kappa and alpha; [95 % interval over clips]\n"
        f"hand size: {result['normaliser_text']}; sigma of everybody is that of a keypoint similarity, per box area;\n"
        f"PCK takes each of a pair as the truth once; paper: {paper['source']}"
    )
    return "\n\n".join(parts)


def _pairs(result: Mapping[str, Any]) -> list[str]:
    rows = [row for row in result["rows"] if row["who"] != "everybody" and row["joint"] is None]
    wanted = ("PCK@0.05[all]", "distance / hand size", "occlusion kappa", "existence kappa")
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["who"], {})[row["measure"]] = row
    if not found:
        return []
    lines = [[who, str(c[wanted[0]]["hands"]), *(_with_interval(m, c[m]) for m in wanted)] for who, c in found.items()]
    return [table(["pair", "hands", *wanted], lines)]


def _people(people: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        [
            row["name"],
            str(row["hands"]),
            str(row["shared"]),
            _share(row["sigma"], 2),
            _share(row["occluded_share"]),
            _NOTHING if row["median_seconds"] is None else f"{row['median_seconds']:.1f}",
        ]
        for row in people
    ]
    return table(["person", "hands", "shared", "scatter %", "occluded %", "seconds"], lines)


def _joints(rows: Sequence[Mapping[str, Any]]) -> str:
    wanted = ("distance / hand size", "distance / palm length", "PCK@0.05[all]", "sigma", "occlusion agreement",
              "occlusion alpha", "existence agreement", "existence alpha")  # fmt: skip
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["joint"], {})[row["measure"]] = row
    return table(["joint", *wanted], [[j, *(_number(m, c[m]["value"]) for m in wanted)] for j, c in found.items()])


def anchoring_text(result: Mapping[str, Any]) -> str:
    """People, distances, flags, effect."""
    people = [
        [
            row["name"],
            str(row["hands"]),
            _share(row["share"]),
            _share(row["expected"]),
            _NOTHING if row["chance"] is None else f"{row['chance']:.2g}",
            "ACCEPTS TOO MUCH" if row["named"] else "",
        ]
        for row in result["people"]
    ]
    moves = [row for row in result["moves"] if row["joint"] is None]
    bins = list(moves[0]["shares"])
    lines = [[row["who"], row["subset"], str(row["joints"]), *map(_share, row["shares"].values())] for row in moves]
    flags = [[str(value) for value in row.values()] for row in result["flags"]]
    parts = [
        f"{result['hands']['shown']} hands were shown with a pre-label, {result['hands']['blind']} without",
        table(["person", "hands", "accepted %", "expected %", "chance", ""], people),
        table(["who", "joints", "number", *bins], lines) + "\nshare of points by how far they were moved, in % of all",
        table(list(result["flags"][0]), flags),
    ]
    if result["effect"]:
        rows = [
            [row["measure"], *(_with_interval(row["measure"], row, key) for key in ("shown", "blind", "difference"))]
            for row in result["effect"]
        ]
        head = ["the detector's own score", "labels that began with it", "blind labels", "difference"]
        parts.append(table(head, rows) + "\n[95 % interval over clips]; report the score by blind labels")
    else:
        parts.append("no task was shown without its pre-label: hint-build push --blind-share 0.1 measures the effect")
    from hint_toolkit.quality.anchoring import FEWEST

    named = result["named"]
    parts.append(
        f"accepts far more than can be right: {', '.join(named)}; look at some of these hands together"
        if named
        else f"nobody with {FEWEST} hands or more accepts more than chance explains"
    )
    return "\n\n".join(parts)


def gold_text(result: Mapping[str, Any]) -> str:
    """A line a person."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in result["rows"]:
        found.setdefault(row["name"], []).append(row)
    head: list[str] = []
    lines = []
    for name, rows in found.items():
        head = [row["measure"] for row in rows]
        lines.append(
            [name, str(rows[0]["hands"]), str(rows[0]["skipped"]), *(_number(r["measure"], r["value"]) for r in rows)]
        )
    text = table(["person", "hands", "skipped", *head], lines)
    text += f"\n\n{result['hands']} gold hands; in %, except kappa; hand size: {result['normaliser_text']}"
    if result["unknown"]:
        text += f"\n{len(result['unknown'])} gold hands are not in the truth and are left out"
    return text


def consensus_dict(report: Any) -> dict[str, Any]:
    """As plain JSON."""
    return {
        "hands": report.hands,
        "origins": report.origins,
        "error": report.error,
        "unsure": report.unsure,
        "sigma": report.sigma,
        "disputes": [
            {
                "hint_id": one.hint_id,
                "joints": one.facts.joints,
                "far": one.facts.far,
                "flags": one.facts.flags,
                "side": one.facts.side,
            }
            for one in report.disputes
        ],
    }


def consensus_text(report: Any, count: int) -> str:
    """What came of it, everybody's scatter, the worst disputes."""
    origins = ", ".join(f"{n} {name}" for name, n in report.origins.items())
    parts = [f"{report.hands} hands: {origins}"]
    if report.error is not None:
        text = f"standard error of a fused point: {_share(report.error, 2)} % of the hand's size (median)"
        parts[0] += f"; {text}; {report.unsure} flags are less than 90 % sure"
    parts.append(table(["person", "scatter %"], [[name, _share(s, 2)] for name, s in report.sigma.items()]))
    if report.disputes:
        lines = [
            [d.hint_id, str(d.facts.joints), _share(d.facts.far), str(d.facts.flags), "differs" if d.facts.side else ""]
            for d in report.disputes[:count]
        ]
        parts.append(table(["in dispute", "joints", "farthest %", "flags", "side"], lines))
    more = len(report.disputes)
    parts.append(f"{more} hands in dispute" + ("; have them decided: hint-build adjudicate" if more else ""))
    return "\n\n".join(parts)
