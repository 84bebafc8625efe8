"""Rebuild, extend and score HInt: hands with 21 keypoints and per-joint occlusion.

The command line is `hint-build` (make a dataset) and `hint-eval` (score predictions). Importing this
package loads nothing heavy and does nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hint_toolkit.api import Report, compare, convert, evaluate, load_hint, read_predictions

__version__ = "0.1.0"
__all__ = ["Report", "__version__", "compare", "convert", "evaluate", "load_hint", "read_predictions"]


def __getattr__(name: str) -> Any:
    """The public functions, loaded on first use: `import hint_toolkit` itself stays light."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hint_toolkit import api

    return getattr(api, name)
