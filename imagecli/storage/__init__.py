"""The disk: what is read from it and what is kept on it."""
