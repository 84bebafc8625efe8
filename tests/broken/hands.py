"""The hands of `valid` as a table of this toolkit."""

import numpy as np

from tests.broken import valid


def hands(**columns):
    """`Hands` with the ids, points and flags of `valid`."""
    from hint_toolkit.io.truth import blank_columns
    from hint_toolkit.records import Hands

    n = valid.N
    made = blank_columns(n) | {"id": valid.IDS, "frame_id": [name[:-2] for name in valid.IDS], "points": valid.POINTS}
    exists = np.ones((n, 21), bool)
    exists[:, 20] = False
    occluded = exists.copy()
    occluded[:, :10] = False
    box = np.concatenate([valid.POINTS.min(1), valid.POINTS.max(1)], axis=1)
    made |= {"exists": exists, "occluded": occluded, "box": box, "side": ["left", "right", "left"]}
    made |= {"source": ["newdays"] * n, "split": ["TEST"] * n, "subset": ["img"] * n}
    return Hands(made | columns)


def hands_table(**columns):
    """Bytes of `hands` as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hint_toolkit.io.parquet import hands_to_table

    handle = pa.BufferOutputStream()
    pq.write_table(hands_to_table(hands(**columns)), handle)
    return handle.getvalue().to_pybytes()
