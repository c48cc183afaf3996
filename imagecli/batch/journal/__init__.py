"""The journal of a manifest: a line for each step of an item, by which later runs request only what is missing."""
