"""Files in and out: releases, predictions, Parquet, and writing that cannot leave half a file behind."""
