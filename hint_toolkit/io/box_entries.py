"""One box of a hand, and collecting boxes out of a file: every entry that is none is an issue that names it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.issues import Issues

_SIDES: Final = {"left": "left", "right": "right", "l": "left", "r": "right", "": ""}
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".json")


@dataclass(frozen=True)
class KnownBox:
    """One box.

    Attributes:
        box: (4,) x1, y1, x2, y2 pixels, centre of the top-left pixel (0, 0).
        side: "left", "right", or "" where the file does not say.
        score: confidence, NaN if not given.
        id: of the hand, "" if it has none.
    """

    box: NDArray[np.float64]
    side: str = ""
    score: float = float("nan")
    id: str = ""


class Collector:
    """Boxes as a reader finds them, and what is wrong with the others."""

    def __init__(self, path: Path) -> None:
        """For the entries of one file."""
        self.file, self.issues = path.name, Issues()
        self.hands: dict[str, list[KnownBox]] = {}
        self._places: dict[str, str] = {}
        self.objects: dict[str, list[NDArray[np.float64]]] = {}

    def picture(self, name: object) -> str:
        """Note a picture; its name without folder and suffix. Two pictures of one name are an issue: which is it?"""
        folder, _, text = str(name).replace("\\", "/").rpartition("/")
        stem = text[: -len(Path(text).suffix)] if Path(text).suffix.lower() in _PICTURES else text
        if not stem:
            self.issues.error("has no name of a picture", file=self.file)
        first = self._places.setdefault(stem, folder)
        if first != folder:
            places = " and in ".join(place or "no folder" for place in (first, folder))
            self.issues.error(f"names two pictures, in {places}; frames are found by name", file=self.file, id=stem)
        self.hands.setdefault(stem, [])
        return stem

    def box(self, values: Any, place: str) -> NDArray[np.float64] | None:
        """Four numbers as an array; None and an issue where they are no box."""
        try:
            box = np.array([float(value) for value in values], np.float64)
            good = box.shape == (4,) and bool(np.isfinite(box).all()) and bool((box[2:] > box[:2]).all())
        except (TypeError, ValueError):
            good = False
        if not good:
            self.issues.error(f"{str(values)[:60]} is no box x1, y1, x2, y2 with an area", file=self.file, id=place)
            return None
        return box

    def hand(self, stem: str, values: Any, side: str, score: Any = None, hand_id: str = "") -> None:
        """Add a hand's box."""
        place = f"{stem} hand {len(self.hands[stem]) + 1}"
        box = self.box(values, place)
        word = _SIDES.get(side.strip().lower())
        if word is None:
            self.issues.error(f"side {side!r} is neither left nor right", file=self.file, id=place)
        number = self._score(score, place)
        if box is not None and word is not None:
            self.hands[stem].append(KnownBox(box, word, number, hand_id))

    def _score(self, score: Any, place: str) -> float:
        if score is None or score == "":
            return float("nan")
        try:
            number = float(score)
            if number == number:
                return number
        except (TypeError, ValueError):
            pass
        self.issues.error(f"score {score!r} is no number", file=self.file, id=place)
        return float("nan")
