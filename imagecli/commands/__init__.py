"""One file per subcommand: flags in, exit code out.

A command imports what it works with inside its function, because help, completion and usage errors need only its
signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

SUMMARIES: Final[Mapping[str, str]] = {
    "generate": "Create images from text.",
    "edit": "Edit images with a prompt.",
    "vary": "Create variations of images.",
    "batch": "Create the missing or changed images of a manifest.",
    "mask": "Create a mask that marks the area of an image to edit.",
    "show": "Show images in the terminal.",
    "info": "Show what an image is and how it was made.",
    "history": "Find earlier images, their cost and origin, and request them again.",
    "recover": "Save images from responses that were received but not saved.",
    "models": "List models with limits, prices and sources.",
    "providers": "List providers with base URLs, key variables and endpoints.",
    "login": "Store a provider's API key.",
    "logout": "Remove a provider's stored API key.",
    "config": "Show and change settings, and trust projects.",
    "doctor": "Check your setup: key, server, folders, terminal. Makes no paid requests.",
    "sandbox": "Run a local Images API server: free, offline, deterministic.",
    "help": "Print the help of a command or topic.",
}
"""Command → its summary, in the order of the help. It repeats the first line of the command's docstring, so that the
help need not import all commands. Each command is a function in a module of the same name."""

NAMES: Final = tuple(SUMMARIES)


class OtherCommand(NamedTuple):
    """A command line to run instead: what a command function returns, or None."""

    words: tuple[str, ...]
    """Without `imagecli`."""
