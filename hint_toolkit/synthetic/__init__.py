"""Procedural hands with exact truth: pictures and clips for demos and tests, nothing to download.

A hand is 23 round cones joined by a smooth union, posed by 17 numbers, sphere-traced, shaded like
skin and put before a procedural table. Every picture comes with 21 points, existence, occlusion by
depth test, box and side. Points are pixels, x right, y down; the centre of the top-left pixel is
(0, 0). The same seed gives the same pixels on the same machine.

    image, hands = render(seed=3)                       # one RGB picture
    for image, hands in sequence(seed=1, n_frames=90):  # a smooth clip
        ...
    write_demo_clips(Path("clips"))                     # mp4 files and truth.json
"""

from hint_toolkit.synthetic.clip import render, sequence, write_clip
from hint_toolkit.synthetic.demo import write_demo_clips
from hint_toolkit.synthetic.options import Look
from hint_toolkit.synthetic.skeleton import POSES
from hint_toolkit.synthetic.truth import HandTruth, read_truth

__all__ = [
    "POSES",
    "HandTruth",
    "Look",
    "read_truth",
    "render",
    "sequence",
    "write_clip",
    "write_demo_clips",
]
