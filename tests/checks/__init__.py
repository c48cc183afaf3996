"""Checks before a paid request."""
