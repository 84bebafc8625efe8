"""What the timing of HaMeR needs beside the timing: weights, pictures, the plain network, memory in fresh processes."""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.geometry import box_around
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.models.hamer.crop import SIZE
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.models.hamer.model import Cut, cut_hands
from hint_toolkit.prelabel.base import Ask, Prompt
from hint_toolkit.prelabel.hamer import HamerDetector
from hint_toolkit.synthetic import render
from hint_toolkit.synthetic.hand_model import write_hand_model

TOKENS, PATCH_NUMBERS = 192, 3 * 16 * 16


def weights(folder: Path, blocks: int, width: int) -> tuple[Path, Path]:
    """A checkpoint of the official layout with random numbers, and a hand model that is nobody's."""
    import torch

    from hint_toolkit.models.hamer.decoder import head_shapes
    from hint_toolkit.models.vit import backbone_shapes

    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in (backbone_shapes(blocks, width) | head_shapes(width)).items():
        fan = shape[-1] if len(shape) > 1 else 1
        state[key] = torch.randn(shape, generator=generator) / fan**0.5 if len(shape) > 1 else torch.zeros(shape)
        if "norm" in key and key.endswith("weight"):
            state[key] = torch.ones(shape)
    state["mano_head.init_hand_pose"] = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(16)[None]
    state["mano_head.init_cam"] = torch.tensor([[0.9, 0.0, 0.0]])
    for name in ("decpose", "decshape", "deccam"):
        state[f"mano_head.{name}.weight"] *= 0.05  # a hand, not a knot
    path = folder / "hamer.ckpt"
    torch.save({"state_dict": state}, path)
    return path, write_hand_model(folder)


def full_size(blocks: int, width: int) -> float:
    """Floating-point operations of one crop's backbone; a multiplication and an addition are two."""
    products = blocks * 12 * width**2 * TOKENS + TOKENS * PATCH_NUMBERS * width
    return 2.0 * (products + blocks * 2 * TOKENS**2 * width)


def scenes(hands: int) -> tuple[list[Cut], Any]:
    """Synthetic pictures, cut around their hands, and the hands' true points (N, 21, 2)."""
    cuts, points, seed = [], [], 0
    while sum(len(cut.squares) for cut in cuts) < hands:
        image, truths = render(seed, 640, 480, view="ego")
        there = truths[: hands - len(points)]
        seed += 1
        if there:
            boxes = np.array([box_around(hand.points, margin=0.12) for hand in there])
            cuts.append(cut_hands(image, boxes, [hand.side for hand in there]))
            points += [hand.points for hand in there]
    return cuts, np.array(points)


def manual(network: Any) -> Any:
    """The network as one writes it first: the attention matrix in memory, keys and values of all features."""
    import torch

    from hint_toolkit.models.hamer.decoder import HEAD_DIM, HEADS, INNER

    for block in network.backbone.blocks:
        block.attn.fused_attn = False

    def token(features: Any) -> Any:
        one = network.head.transformer
        x = (one.to_token_embedding.bias + one.pos_embedding[0, 0]).expand(len(features), -1)
        for alone, cross, feed in one.transformer.layers:
            query, key, value = alone.fn.to_qkv(alone.norm(x)).chunk(3, dim=-1)
            x = x + alone.fn.to_out[0](value)  # one token looks at itself, whatever it asks
            query = cross.fn.to_q(cross.norm(x)).view(len(x), HEADS, 1, HEAD_DIM)
            both = cross.fn.to_kv(features).view(len(x), TOKENS, 2, HEADS, HEAD_DIM)
            key, value = both[:, :, 0].transpose(1, 2), both[:, :, 1].transpose(1, 2)
            seen = torch.softmax(query @ key.transpose(-1, -2) * HEAD_DIM**-0.5, dim=-1) @ value
            x = x + cross.fn.to_out[0](seen.reshape(len(x), INNER))
            x = x + feed.fn(feed.norm(x))
        return x

    network.head.token = token
    return network


def cut_rate(folder: Path, count: int = 40) -> dict[str, float]:
    """What one process does in a second: pictures read, crops cut of pictures in memory, and both."""
    image, truths = render(1, 1280, 720, view="ego")
    path = folder / "scene.jpg"
    write_jpg(path, image)
    box = box_around(truths[0].points, margin=0.12)[None]

    def rate(work: Any) -> float:
        work()
        start = time.process_time()
        for _ in range(count):
            work()
        return count / (time.process_time() - start)

    return {
        "read": rate(lambda: read_image(path)),
        "cut": rate(lambda: cut_hands(image, box, ["left"])),
        "both": rate(lambda: cut_hands(read_image(path), box, ["left"])),
    }


def memory_lines(folder: Path, options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Peaks at full size in processes of their own, and the way of a long run's memory."""
    checkpoint, mano = (
        (options.model, options.mano) if options.model else weights(folder, options.blocks, options.width)
    )
    found: dict[str, Any] = {}
    for batch in (1, 8):
        found[f"peak, batch {batch}"] = _asked("peak", checkpoint, mano, batch)
    narrow = folder / "narrow"
    narrow.mkdir()
    found |= {f"after {n} hands": mib for n, mib in _asked("long", *weights(narrow, 1, 80), 64).items()}
    return [f"{what:18} {mib:7.0f} MiB" for what, mib in found.items()], found


def _asked(what: str, checkpoint: Path, mano: Path, batch: int) -> Any:
    import json

    call = [sys.executable, __file__, what, str(checkpoint), str(mano), str(batch)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


def _peak(checkpoint: Path, mano: Path, batch: int) -> float:
    """Most memory ever resident, MiB, the mapped weights included."""
    model = load_hamer(checkpoint, mano=mano, device="cpu")
    grey = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    cut = cut_hands(grey, np.tile([60.0, 60, 190, 190], (2 * batch, 1)), ["right"] * 2 * batch)
    list(model.predict_many([cut], batch=batch))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _long(checkpoint: Path, mano: Path, batch: int) -> dict[int, float]:
    """MiB that are resident after so many hands, read from the disk by one reader."""
    detector = HamerDetector(model=checkpoint, mano=mano, batch=batch, device="cpu")
    path = checkpoint.parent / "scene.jpg"
    image, _ = render(1, 320, 240, view="ego")
    write_jpg(path, image)

    def asks() -> Iterator[Ask]:
        for k in range(10_000):
            corner = np.array([20.0 + k % 50, 30.0])
            yield Ask(path, (Prompt(np.concatenate([corner, corner + 90]), ("left", "right")[k % 2]),))

    found = {}
    for k, _ in enumerate(detector.detect_many(asks(), workers=1), 1):
        if k in (1_000, 2_000, 5_000, 10_000):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            found[k] = pages * resource.getpagesize() / 2**20
    return found


if __name__ == "__main__":
    import json

    _, name, first, second, size = sys.argv
    answer = {"peak": _peak, "long": _long}[name](Path(first), Path(second), int(size))
    sys.stdout.write(json.dumps(answer))
