"""Draw the README's picture, a labelled synthetic hand: python scripts/readme_picture.py docs/images/hand.jpg."""

import sys
from pathlib import Path

import numpy as np

from hint_toolkit.io.images import write_jpg
from hint_toolkit.overlay import crop, draw_hand
from hint_toolkit.synthetic import Look, render

SCENES = (
    {"seed": 11, "pose": "open", "view": "ego", "side": "right", "look": Look(object="none")},
    {"seed": 5, "pose": "grasp", "view": "ego", "side": "left", "look": Look(object="can")},
    {"seed": 4, "pose": "point", "view": "front", "side": "right", "look": Look(object="none")},
)


def main(path: Path) -> None:
    """Three hands side by side, each with bones, visible and occluded joints and its box."""
    tiles = []
    for scene in SCENES:
        image, (hand, *_) = render(width=960, height=720, **scene)
        part = crop(image, hand.box, factor=1.35, size=420)
        drawn = draw_hand(
            part.image, part.points(hand.points), hand.exists, hand.occluded, box=part.box(hand.box), scale=1.6
        )
        tiles.append(drawn)
    write_jpg(path, np.concatenate(tiles, axis=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
