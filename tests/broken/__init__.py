"""Files that are broken on purpose, and the valid ones that they are made from."""
