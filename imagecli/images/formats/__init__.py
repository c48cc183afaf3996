"""Image formats, read from their bytes without Pillow."""
