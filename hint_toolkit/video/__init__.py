"""Exact frames out of video files."""
