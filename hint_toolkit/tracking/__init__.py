"""Hands through a video: which boxes are one hand, and how its path is smoothed."""
