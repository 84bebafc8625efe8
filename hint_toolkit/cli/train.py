"""`hint-train`: train HaMeR, or a smaller network in its place, on the project's own exports.

hint-train hands --out hands           (synthetic hands, to try it)
hint-train run --config train.toml
hint-eval predict --model hamer --weights run/_DATA/hamer_ckpts/checkpoints/hamer.ckpt
"""

import sys
from pathlib import Path
from typing import Any

import click

from hint_toolkit import __version__
from hint_toolkit.cli._main import run as run_program
from hint_toolkit.cli._options import PATH, force_option, output_options, seed_option
from hint_toolkit.cli._output import emit, progress


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hint-train")
def cli() -> None:
    """Train HaMeR, or a smaller network in its place, on labelled hands."""


@cli.command()
@click.option("--config", "file", type=PATH, default=None, help="Settings (TOML); the options below go before them.")
@click.option("--out", type=PATH, default=Path("run"), show_default=True, help="Folder of the run.")
@click.option("--data", multiple=True, metavar="PATH[=WEIGHT]", help="A release or tar shards; may be repeated.")
@click.option("--val", type=PATH, default=None, help="Hands that PCK is measured on.")
@click.option("--mano", default=None, help="MANO_RIGHT.pkl, or stand-in for the free model.")
@click.option("--backbone", default=None, help="vit, vit-BLOCKSxWIDTH, or a name of timm.  [default: vit]")
@click.option("--init", type=PATH, default=None, help="hamer.ckpt to start from.  [default: chance]")
@click.option("--steps", type=int, default=None, help="Of the whole run.  [default: 1000]")
@click.option("--batch", type=int, default=None, help="Hands a step.  [default: 8]")
@click.option("--rate", type=float, default=None, help="Of learning.  [default: 1e-5]")
@click.option("--device", default=None, help="cpu, cuda, or auto.  [default: auto]")
@click.option("--precision", default=None, help="float32, bf16, or fp16 on a GPU.  [default: float32]")
@click.option("--workers", type=int, default=None, help="Processes that read pictures.  [default: 0]")
@click.option("--seed", type=int, default=None, help="Of every choice.  [default: 0]")
@force_option
@output_options
def run(
    file: Path | None, out: Path, data: tuple[str, ...], force: bool, as_json: bool, quiet: bool, **told: Any
) -> int:
    """Train; a killed run goes on when it is called again.

    \b
    Example:
      hint-train run --data hands --val hands --mano stand-in --backbone vit-2x160 --rate 1e-3 --out run
    """
    from hint_toolkit.flows.train import train
    from hint_toolkit.flows.train_options import told_config

    config = told_config(file, data, told)
    with progress("train", "steps", quiet) as bar:
        report = train(config, out, force=force, progress=bar)
    emit(report.to_dict(), report.text(), as_json)
    return 0


@cli.command()
@click.option("--config", "file", type=PATH, required=True, help="The experiment (TOML).")
@click.option("--out", type=PATH, default=Path("ablation"), show_default=True, help="Folder of its cells and table.")
@output_options
def ablation(file: Path, out: Path, as_json: bool, quiet: bool) -> int:
    """Data x capacity, as in Table 5 of HaMeR's paper, on synthetic hands; finished cells are kept.

    \b
    Example:
      hint-train ablation --config benchmarks/training/ablation.toml --out ablation
    """
    from hint_toolkit.flows.ablation import read_ablation, run_ablation

    with progress("ablation", "steps", quiet) as bar:
        report = run_ablation(read_ablation(file), out, progress=bar)
    emit(report.to_dict(), report.text(), as_json)
    return 0


@cli.command()
@click.option("--out", type=PATH, required=True, help="Folder of the dataset.")
@click.option("--train", "count", type=click.IntRange(1), default=200, show_default=True, help="Hands to learn from.")
@click.option("--val", "held", type=click.IntRange(0), default=50, show_default=True, help="Hands of other seeds.")
@click.option("--view", "views", type=click.Choice(["ego", "front", "any"]), multiple=True,
              help="From behind, in front, anywhere; may be repeated.  [default: all in turn]")  # fmt: skip
@seed_option
@output_options
def hands(out: Path, count: int, held: int, views: tuple[str, ...], seed: int, as_json: bool, quiet: bool) -> int:
    """Render synthetic hands with exact 2D, 3D and poses, as HaMeR's own shards; 0.1 to 0.3 s a hand.

    \b
    Example:
      hint-train hands --out hands --train 200 --val 50
      hint-train hands --out easy --train 200 --val 50 --view ego
    """
    from hint_toolkit.flows.training_hands import VIEWS, write_training_hands

    with progress("render", "hands", quiet) as bar:
        write_training_hands(out, count, held, seed, views=views or VIEWS, progress=bar)
    emit({"out": str(out), "train": count, "val": held}, f"{count} + {held} hands: {out}", as_json)
    return 0


@cli.command("hand-model")
@click.option("--out", type=PATH, required=True, help="Folder to write it to.")
@output_options
def hand_model(out: Path, as_json: bool, quiet: bool) -> int:
    """Write the free stand-in for MANO's file: the same arrays, of nobody's hand. It is not MANO.

    \b
    Example:
      hint-train hand-model --out models
    """
    from hint_toolkit.synthetic.hand_model import NOTE, write_hand_model

    path = write_hand_model(out)
    emit({"path": str(path), "note": NOTE}, f"{path}: {NOTE}", as_json)
    return 0


def main() -> None:
    """Entry point of `hint-train`."""
    sys.exit(run_program(cli, "hint-train"))
