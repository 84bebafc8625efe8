"""The ablation: every cell once, its table with the paper's numbers beside it, and a caption that claims nothing."""

import json

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.ablation import read_ablation, run_ablation
from hint_toolkit.flows.ablation_table import PAPER, AblationReport, Row

pytest.importorskip("torch")
pytest.importorskip("smplx")
pytest.importorskip("cv2")

SMALL = """
seeds = [3]
val = 2
views = ["ego", "front"]
[[capacity]]
name = "wide"
backbone = "vit-1x160"
paper = "ViT-H"
[[capacity]]
name = "narrow"
backbone = "vit-1x80"
rate = 1e-3
[[amount]]
name = "one"
hands = 1
paper = "small"
[[amount]]
name = "four"
hands = 4
paper = "4x"
[training]
steps = 2
batch = 2
device = "cpu"
[training.network]
head_depth = 1
"""


def test_every_cell_is_trained_once(tmp_path):
    file, out = tmp_path / "ablation.toml", tmp_path / "out"
    file.write_text(SMALL)
    report = run_ablation(read_ablation(file), out)
    rows = [(row.capacity, row.data, row.hands, row.paper) for row in report.rows]
    assert rows == [
        ("no network", "four", 4, None),
        ("wide", "one", 1, 25.9),
        ("wide", "four", 4, 48.0),
        ("narrow", "one", 1, None),
        ("narrow", "four", 4, None),
    ]
    cells = sorted(path.parent.name for path in (out / "cells").glob("*/report.json"))
    assert cells == ["narrow-four-3", "narrow-one-3", "wide-four-3", "wide-one-3"]
    assert not list(out.rglob("state.pt"))
    rates = {
        name: json.loads((out / f"cells/{name}/report.json").read_text())["config"]["optimiser"]["rate"]
        for name in cells
    }
    assert (rates["wide-one-3"], rates["narrow-one-3"]) == (1e-5, 1e-3)
    table = (out / "table.md").read_text()
    assert "25.9" in table
    assert "say nothing about HInt" in table
    assert "(view: ego, front)" in table
    told = json.loads((out / "table.json").read_text())
    assert told["provenance"]["versions"]["torch"]
    # Finished cells are kept; one that is lost is trained again, to the same number.
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("hamer.ckpt")}
    lost = next(path for path in stamps if "narrow-four" in str(path))
    (out / "cells/narrow-four-3/report.json").unlink()
    steps = []
    again = run_ablation(read_ablation(file), out, progress=lambda done, total: steps.append((done, total)))
    assert again.rows == report.rows
    assert steps[-1] == (8, 8)
    changed = {path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert changed == {lost}
    assert (out / "table.md").read_text() == table


def test_the_papers_numbers():
    assert [PAPER["ResNet-50", "small"], PAPER["ResNet-50", "4x"], PAPER["ViT-H", "small"], PAPER["ViT-H", "4x"]] == [
        16.9, 31.3, 25.9, 48.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seeds", "seed"), "nothing is called 'seed'"),
        (("seeds = [3]", "seeds = [3, 3]"), "every seed once"),
        (("[[amount]]", "[[capacity]]"), "nothing is called 'hands'"),
        (('"front"', '"behind"'), r"views must be a list of views \(known: ego, front, any\)"),
        (("hands = 1", "hands = 0"), "an amount has no hands"),
        (('name = "narrow"', 'name = "Wide!"'), "have one name"),
        (("hands = 1", ""), "hands is missing"),
        (("steps = 2", "step = 2"), "training: nothing is called 'step'"),
    ],
)
def test_experiments_that_cannot_be_run_are_named(change, said, tmp_path):
    file = tmp_path / "ablation.toml"
    file.write_text(SMALL.replace(*change, 1))
    with pytest.raises(InputError, match=said) as error:
        read_ablation(file)
    assert "\n" not in str(error.value)


def test_the_table_has_every_threshold_and_the_range_of_the_seeds(tmp_path):
    seeds = ({"0.05": 0.1, "0.10": 0.2, "0.15": 0.3}, {"0.05": 0.2, "0.10": 0.4, "0.15": 0.5})
    rows = (Row("wide", "vit-1x160", "small", 7, seeds, 25.9), Row("none", "-", "small", 7, seeds[:1], None))
    lines = AblationReport(rows, "what it is", tmp_path / "table.md").text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
    assert cells[0][3:] == ["ours @0.05 [%]", "ours @0.10 [%]", "ours @0.15 [%]", "paper @0.05 [%], New Days"]
    assert cells[2] == [
        "wide (vit-1x160)", "small", "7", "15.0 (10.0 to 20.0)", "30.0 (20.0 to 40.0)", "40.0 (30.0 to 50.0)", "25.9",
    ]  # fmt: skip
    assert cells[3][3:] == ["10.0", "20.0", "30.0", "-"]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[-1] == "what it is"
