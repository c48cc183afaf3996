"""One file a subcommand: flags → what is asked. No HTTP, no Pillow, no file formats.

What a command works with is imported inside its function: help, completion and usage errors only read the signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SUMMARIES: Final[Mapping[str, str]] = {
    "generate": "Make a picture from words.",
    "edit": "Change a picture by words.",
    "vary": "Make new takes on a picture.",
    "batch": "Make what a manifest says, and only what is missing or changed.",
    "recover": (
        "Save answers that were received and not saved: after Ctrl-C, a crash, a full disk, a lost result address."
    ),
    "models": "List models, with limits, prices, dates and sources.",
    "providers": "List providers, with addresses, key variables, endpoints and what is different there.",
    "config": "Show and change settings, keep keys, trust projects.",
    "doctor": "Look whether all is there that a picture needs: key, server, folders, terminal. Spends nothing.",
    "sandbox": "Serve the Images API on this machine: free, offline, deterministic.",
}
"""What each does, in the order help shows them: the first line of its docstring, kept here so that nobody has to import
them all. Each is a function of its own name in a module of that name."""

NAMES: Final = tuple(SUMMARIES)
