"""imagecli makes, edits and varies pictures through the OpenAI Images API and every server that speaks it."""

__version__ = "0.1.0"
