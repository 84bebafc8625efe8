"""Rebuild, extend and score HInt: hands with 21 keypoints and per-joint occlusion.

The command line is `hint-build` (make a dataset) and `hint-eval` (score predictions). Importing this
package loads nothing heavy and does nothing.
"""

__version__ = "0.1.0"
