"""faces."""

import numpy as np
from numpy.typing import NDArray


class FaceBlur:
    """Blurs faces."""

    name = ""

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Blur."""
        raise NotImplementedError
