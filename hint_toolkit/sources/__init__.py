"""Where videos come from, one source a file."""
