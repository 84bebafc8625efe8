"""How fast HaMeR answers, as a ratio to a straightforward float32 loop over the same weights in the same run.

    python benchmarks/speed/hamer.py                     a processor: float32, the same numbers
    python benchmarks/speed/hamer.py --batch 64          on a GPU: bf16 and bf16 compiled as well
    python benchmarks/speed/hamer.py --memory            peaks at full size, and 10,000 hands of a narrow one
    python benchmarks/speed/hamer.py --model hamer.ckpt --mano MANO_RIGHT.pkl      with real weights

Without --model the weights are random (seeded) and of full size, made in a temporary file of 2.7 GB: speed does not
depend on their values. The loop is what one writes first: attention written out, keys and values made for all
features, 8 crops at a time, in float32, answers taken back after every batch. Crops are the same. Rounds alternate; on
a processor the ratio is of processor times, whose median over the pairs other work on the machine moves least, on a GPU
of the clock's.

Half precision is judged by what it does to PCK. With real weights that is the PCK against the synthetic hands' truth.
With random ones nothing is near the truth, so the truth is the float32 answer itself, scattered so far that half of all
joints lie within a twentieth of the box: as many as can be are then on the border, ready to change sides.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hamer_parts import cut_rate, full_size, manual, memory_lines, scenes, weights

from hint_toolkit.models.hamer.fast import fused_attention
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.models.hamer.model import Cut, HamerModel

REFERENCE_BATCH = 8
THRESHOLD = 0.05
PEAKS = {
    "H200": {"float32": 67.0, "half": 989.0}, "H100": {"float32": 67.0, "half": 989.0},
    "A100": {"float32": 19.5, "half": 312.0}, "L40S": {"float32": 91.6, "half": 362.0},
    "L4": {"float32": 30.3, "half": 121.0}, "A10": {"float32": 31.2, "half": 125.0},
    "V100": {"float32": 15.7, "half": 125.0}, "T4": {"float32": 8.1, "half": 65.0},
}  # fmt: skip
"""TFLOP/s of dense products, float32 without and half precision with tensor cores; NVIDIA's data sheets (SXM where
there are several). --peak for any other chip."""


@dataclass(frozen=True)
class Variant:
    """One way to run the network."""

    name: str
    options: dict[str, Any]
    batch: int


def reference(network: Any, cuts: Sequence[Cut], device: str) -> list[Any]:
    """The loop that one writes first."""
    import torch

    from hint_toolkit.models.hamer.crop import normalised

    grey = [one for cut in cuts for one in cut.grey]
    points = []
    for start in range(0, len(grey), REFERENCE_BATCH):
        crops = normalised(np.stack(grey[start : start + REFERENCE_BATCH])).transpose(0, 3, 1, 2)
        with torch.no_grad():
            points.append(network(torch.from_numpy(crops).to(device))["points"].cpu())
    return points


def timed(work: Callable[[], Any], device: str) -> float:
    """Seconds: of the processors, or of the clock where a GPU does the work."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    work()
    return time.process_time() - start


def points_of(model: HamerModel, cuts: Sequence[Cut], batch: int) -> Any:
    """(N, 21, 2) pixels."""
    return np.concatenate([hands.points for hands in model.predict_many(cuts, batch=batch)])


def pck_change(exact: Any, other: Any, cuts: Sequence[Cut], truth: Any) -> tuple[float, float]:
    """PCK of the float32 answer in points of a hundred, and what the other one changes of it.

    Args:
        exact: (N, 21, 2) pixels.
        other: likewise.
        cuts: of the hands; a crop of the recipe "hint" is two boxes wide.
        truth: (N, 21, 2) pixels, or None with random weights.
    """
    sizes = np.array([square.size / 2 for cut in cuts for square in cut.squares])[:, None]
    if truth is None:
        spread = THRESHOLD / np.sqrt(2 * np.log(2))  # of a coordinate: half of all distances are then within
        truth = exact + np.random.default_rng(0).normal(0, spread, exact.shape) * sizes[..., None]
    shares = [100 * (np.linalg.norm(one - truth, axis=2) <= THRESHOLD * sizes).mean() for one in (exact, other)]
    return shares[0], shares[1] - shares[0]


def variants(device: str, batch: int | None, wanted: str | None) -> list[Variant]:
    """What is run here unless somebody wants something else."""
    gpu = device.startswith("cuda")
    size = batch or (64 if gpu else 8)
    known = {
        "float32": {}, "bf16": {"precision": "bf16"}, "fp16": {"precision": "fp16"},
        "compiled": {"compiled": True}, "bf16+compiled": {"precision": "bf16", "compiled": True},
    }  # fmt: skip
    names = wanted.split(",") if wanted else ["float32", "bf16", "bf16+compiled"] if gpu else ["float32"]
    return [Variant(name, known[name], size) for name in names]


def peak_of(device: str, half: bool, given: float | None) -> float | None:
    """TFLOP/s that the chip could do; None if it is not known."""
    if given is not None or not device.startswith("cuda"):
        return given
    import torch

    chip = torch.cuda.get_device_name()
    found = next((PEAKS[name] for name in PEAKS if name in chip.replace("-", " ").split()), None)
    return None if found is None else found["half" if half else "float32"]


def raced(plain: Any, model: HamerModel, cuts: Sequence[Cut], batch: int, rounds: int) -> list[tuple[float, float]]:
    """Seconds of the loop and of ours, in rounds of changing order; both have run before."""
    works = {"loop": lambda: reference(plain, cuts, model.device), "ours": lambda: points_of(model, cuts, batch)}
    reference(plain, cuts[:1], model.device)
    pairs = []
    for k in range(rounds):
        took = {name: timed(works[name], model.device) for name in (list(works) if k % 2 else list(works)[::-1])}
        pairs.append((took["loop"], took["ours"]))
    return pairs


def run(options: argparse.Namespace, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """All ratios, as lines to print and as numbers."""
    given = (options.model, options.mano) if options.model else weights(folder, options.blocks, options.width)
    load = partial(load_hamer, given[0], mano=given[1], device=options.device)
    first, plain = load(), manual(load().network)
    gpu = first.device.startswith("cuda")
    cuts, truth = scenes(options.hands or (512 if gpu else 8))
    n = sum(len(cut.squares) for cut in cuts)
    flops = full_size(len(first.network.backbone.blocks), first.network.backbone.embed_dim)
    lines = [
        f"{n} hands, {options.rounds} rounds, {first.device}, {flops / 1e9:.0f} GFLOP a hand, fused attention "
        f"{'on' if fused_attention(first.network) else 'OFF'}; seconds of the {'clock' if gpu else 'processors'}"
    ]
    exact = points_of(first, cuts, 64 if gpu else 8)
    result: dict[str, Any] = {"hands": n, "device": first.device, "gflop": flops / 1e9, "variants": {}}
    for variant in variants(first.device, options.batch, options.variants):
        model = load(**variant.options) if variant.options else first
        answer = points_of(model, cuts, variant.batch)  # warm, and compiled
        pairs = raced(plain, model, cuts, variant.batch, options.rounds)
        ratio, best = statistics.median(loop / ours for loop, ours in pairs), min(ours for _, ours in pairs)
        pck, change = pck_change(exact, answer, cuts, truth if options.model else None)
        peak = peak_of(first.device, "16" in variant.name, options.peak)
        mfu = None if peak is None else flops * n / best / (peak * 1e12)
        lines.append(
            f"{variant.name:14} batch {variant.batch:3}  {best / n * 1e3:9.2f} ms a hand  {ratio:5.2f} x the loop  "
            f"PCK@{THRESHOLD} {pck:.2f} {change:+.3f}  MFU {'n/a' if mfu is None else f'{100 * mfu:.1f} %'}"
        )
        result["variants"][variant.name] = {"pairs": pairs, "ratio": ratio, "pck_change": change, "mfu": mfu}
    reads = cut_rate(folder)
    lines.append(
        f"one reader: {reads['read']:.0f} pictures a second read (1280 x 720 JPEG), {reads['cut']:.0f} crops a second "
        f"cut, {reads['both']:.0f} both; the cut is {100 * reads['both'] / reads['cut']:.0f} % of its time"
    )
    return lines, result | {"reader": reads}


def main() -> None:
    """Time it, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hands", type=int, help="default 512 on a GPU, 8 on a processor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, help="of ours; default 64 on a GPU, 8 on a processor")
    parser.add_argument("--variants", help="float32,bf16,fp16,compiled,bf16+compiled")
    parser.add_argument("--blocks", type=int, default=32)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--mano", type=Path)
    parser.add_argument("--peak", type=float, help="TFLOP/s of the chip, for the share of it that is used")
    parser.add_argument("--memory", action="store_true", help="only memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines, result = memory_lines(folder, options) if options.memory else run(options, folder)
    sys.stdout.write("\n".join([*lines, json.dumps(result)]) + "\n")


if __name__ == "__main__":
    main()
