"""Whose the pixels are: what is known of HInt's sources, for rows that do not say it themselves.

HInt's annotations are MIT (github.com/ddshan/hint); the pixels keep their source's licence. Ego4D's agreement
(ego4d-data.org) forbids passing pictures on; EPIC-KITCHENS and VISOR are CC BY-NC 4.0 (epic-kitchens.github.io);
New Days frames come from YouTube, are published with HInt, and stay their uploaders'.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class PixelLicence:
    """Licence of a source's pictures.

    Attributes:
        name: as it stands in a row's `licence`; an SPDX name where there is one.
        redistributable: whether a release may hold the pictures without a licence of one's own.
    """

    name: str
    redistributable: bool


ANNOTATIONS: Final = "MIT"
"""Licence of HInt's annotations."""
PIXELS: Final = MappingProxyType(
    {
        "ego4d": PixelLicence("Ego4D licence agreement", False),
        "visor": PixelLicence("CC-BY-NC-4.0", True),
        "newdays": PixelLicence("YouTube, rights of the uploaders", True),
    }
)
"""By `source`."""
CITATION: Final = (
    "G. Pavlakos, D. Shan, I. Radosavovic, A. Kanazawa, D. Fouhey, J. Malik: "
    "Reconstructing Hands in 3D with Transformers, CVPR 2024, arXiv:2312.05251"
)
