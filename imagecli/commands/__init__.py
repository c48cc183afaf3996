"""One file per subcommand: flags in, exit code out.

A command imports what it works with inside its function, because help, completion and usage errors need only its
signature.
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
    "login": "Store a provider's API key.",
    "logout": "Remove a provider's stored API key.",
    "config": "Show and change settings, trust projects.",
    "doctor": "Look whether all is there that a picture needs: key, server, folders, terminal. Spends nothing.",
    "sandbox": "Serve the Images API on this machine: free, offline, deterministic.",
}
"""Command → its summary, in the order of the help. It repeats the first line of the command's docstring, so that the
help need not import all commands. Each command is a function in a module of the same name."""

NAMES: Final = tuple(SUMMARIES)
