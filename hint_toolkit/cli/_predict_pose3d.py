"""`hint-eval pose3d-predict`: a model's hands for FreiHAND or HO-3D, as their servers take them (docs/pose3d.md)."""

from pathlib import Path
from typing import Any

import click

from hint_toolkit.cli._options import PATH, output_options
from hint_toolkit.cli._output import emit, log, progress
from hint_toolkit.errors import shorten
from hint_toolkit.protocol import POSE3D_PROTOCOLS

_CROP_OF = {"npz": "stored"}
"""What HaMeR's npz store was enlarged before; all other boxes are tight, or the whole picture."""


@click.command("pose3d-predict")
@click.option("--benchmark", type=click.Choice(list(POSE3D_PROTOCOLS)), required=True, help="Which evaluation set.")
@click.option("--root", type=PATH, required=True, help="Its folder, as it was unpacked.")
@click.option("--model", default="hamer", show_default=True, help="A model that gives hands in space.")
@click.option("--boxes", default="gt", show_default=True, metavar="gt|whole|FILE", help="HaMeR's npz, or a box file.")
@click.option("--out", type=PATH, default=Path("pred.json"), show_default=True)
@click.option("--zip", "packed", is_flag=True, help="Also a zip that holds it, for a server.")
@click.option("--place", type=click.Choice(["camera", "wrist"]), default="camera", show_default=True)
@click.option("--tips", type=click.Choice(["model", "benchmark"]), default="model", show_default=True)
@click.option("--crop", type=click.Choice(["hint", "demo", "stored"]), help="[default: stored for an npz, else hint]")
@click.option("--weights", type=PATH, help="The model's file.  [default: found]")
@click.option("--mano", type=PATH, help="MANO_RIGHT.pkl.  [default: found]")
@click.option("--batch", type=click.IntRange(1), help="Hands at a time.")
@click.option("--device", help="auto, cpu, cuda, ..  [default: auto]")
@click.option("--precision", type=click.Choice(["float32", "bf16", "fp16"]), help="[default: float32]")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network first: slow to start, faster after.")
@click.option("--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that read.")
@output_options
def pose3d_predict(benchmark: str, root: Path, out: Path, as_json: bool, quiet: bool, **given: Any) -> int:
    """Run a model on FreiHAND's or HO-3D's evaluation set and write the official [xyz, verts].

    A killed run goes on where it was. How the file was made stands beside it, in pred.facts.json.

    \b
    Example:
      hint-eval pose3d-predict --benchmark ho3d-v2 --root HO3D_v2 --out pred.json
      hint-eval pose3d --protocol ho3d-v2 --pred pred.json --gt HO3D_v2
    """
    from hint_toolkit.flows.predict_pose3d import open_benchmark, predict_pose3d
    from hint_toolkit.io.benchmarks3d.boxes import hand_boxes
    from hint_toolkit.prelabel.registry import opened

    data = open_benchmark(benchmark, root)
    boxes = hand_boxes(data, given["boxes"])
    named = {"model": given["weights"], "crop": given["crop"] or _CROP_OF.get(boxes.source)}
    named |= {name: given[name] or None for name in ("mano", "batch", "device", "precision", "compiled")}
    how = {name: given[name] for name in ("place", "tips", "packed", "workers")}
    options = {name: value for name, value in named.items() if value is not None}
    with opened(given["model"], **options) as detector, progress("pose3d", "pictures", quiet) as bar:
        report = predict_pose3d(data, boxes, detector, out, progress=bar, **how)
    emit({key: str(value) if isinstance(value, Path) else value for key, value in vars(report).items()},
         _text(report), as_json)  # fmt: skip
    if report.missing:
        log(f"hint-eval: {len(report.missing)} of {report.hands} hands were not found and are written as zeros: "
            f"{shorten(report.missing)}")  # fmt: skip
    return 3 if report.missing else 0


def _text(report: Any) -> str:
    found = report.hands - len(report.missing)
    lines = [f"{found} of {report.hands} hands found, written to {report.out}; how: {report.facts}"]
    lines += [f"{report.resumed} hands were there from a run that was killed"] if report.resumed else []
    lines += [f"for a server: {report.packed}"] if report.packed else []
    return "\n".join(lines)
