"""Which hands of a dataset lie in the picture that somebody's output names, however they write its name."""

from collections import defaultdict

from hint_toolkit.io.foreign import without_suffix
from hint_toolkit.records import Hands


class Pictures:
    """The pictures of a dataset by all names that they may go by.

    Names are compared from the end of a path, the longest first: `/data/HInt/TEST_epick_img/x_l.jpg` is found as
    `TEST_epick_img/x_l`, and as `x_l` where only one picture is called so. The name of the frame stands for all hands
    in it, also where a dataset keeps a picture a hand, as HInt does. Case counts.

    Attributes:
        ambiguous: names that were asked for and fit several pictures.
        example: what a picture of the dataset is called.
    """

    def __init__(self, hands: Hands) -> None:
        """Take the names of all hands' pictures, frames and ids."""
        self.ambiguous: set[str] = set()
        self.example = str(hands.image[0] or hands.id[0]) if len(hands) else "none"
        self._frame = [f"{source}/{frame}" for source, frame in zip(hands.source, hands.frame_id, strict=True)]
        self._image = [without_suffix(str(name)) for name in hands.image]
        by_name: dict[str, dict[int, None]] = defaultdict(dict)
        for i, (image, hand_id, frame) in enumerate(zip(self._image, hands.id, hands.frame_id, strict=True)):
            whole = {image, str(hand_id), str(frame)} - {""}
            for name in whole:
                for tail in _tails(name):
                    by_name[tail][i] = None
        self._by_name = {name: tuple(found) for name, found in by_name.items()}

    def hands(self, name: str) -> tuple[int, ...]:
        """Positions of the hands in a picture; () where the dataset has none of that name, or several."""
        for tail in _tails(without_suffix(name)):
            if found := self._by_name.get(tail):
                if self._one_picture(found):
                    return found
                self.ambiguous.add(name)
                return ()
        return ()

    def _one_picture(self, found: tuple[int, ...]) -> bool:
        """Whether these hands are in one picture, or in the pictures of one frame."""
        if len(found) == 1:
            return True
        images = {self._image[i] for i in found}
        return (len(images) == 1 and "" not in images) or len({self._frame[i] for i in found}) == 1


def _tails(name: str) -> list[str]:
    """a/b/c, b/c, c."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ["/".join(parts[k:]) for k in range(len(parts))]
