"""The table of README.md, made from the files beside it: `python benchmarks/baselines/make_table.py` writes it anew."""

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- table: made by make_table.py -->", "<!-- end of the table -->"
SUBSETS = ("new_days", "visor", "ego4d")
HEADER = ("model", "paper", "saw HInt", "PCK@0.05 all", "code's licence", "weights' licence", "joints", "read by")


def entries() -> dict[str, dict[str, Any]]:
    """Every baseline by the name of its file."""
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(HERE.glob("*.toml"))}


def published(entry: dict[str, Any]) -> str:
    """New Days / VISOR / Ego4D of all joints at 0.05, a line a variant; "-" where no source gives the number."""
    rows = [
        row
        for row in entry.get("published", [])
        if (row["measure"], row["split"], row["threshold"]) == ("PCK", "all", 0.05)
    ]
    shown = []
    for variant in dict.fromkeys(row.get("variant", "") for row in rows):
        values = {row["subset"]: row["value"] for row in rows if row.get("variant", "") == variant}
        numbers = " / ".join(f"{values[name]:.1f}" if name in values else "-" for name in SUBSETS)
        shown.append(numbers + (f" {variant[variant.index('(') :]}" if "(" in variant else ""))
    return "; ".join(shown) or "-"


def link(reference: str) -> str:
    """An arXiv id as a link."""
    number = reference.removeprefix("arXiv:")
    return f"[{number}](https://arxiv.org/abs/{number})" if number != reference else reference


def table() -> str:
    """The lines of the table."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for key, entry in entries().items():
        cells = (
            f"[{entry['name']}]({key}.toml)",
            link(entry["paper"]),
            entry["trained_on_hint"],
            published(entry),
            entry["licence"]["code"],
            entry["licence"]["weights"],
            f"`{entry['joint_order']}`" if entry["joint_order"] != "unknown" else "unknown",
            f"`{entry['adapter']}`",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """A page with its table made anew."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    readme = HERE / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")
