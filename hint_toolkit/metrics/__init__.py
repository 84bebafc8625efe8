"""Numpy arrays in, counts out; no files, no torch."""
