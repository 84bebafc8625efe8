"""Release formats, one a file."""
