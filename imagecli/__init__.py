"""imagecli generates, edits and varies images through the OpenAI Images API and compatible servers."""

__version__ = "0.1.0"
