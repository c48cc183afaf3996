"""One file a subcommand: flags → what is asked. No HTTP, no Pillow, no file formats.

What a command works with is imported inside its function: help, completion and usage errors only read the signature.
"""

from __future__ import annotations

NAMES = ("generate", "edit", "vary", "batch", "recover", "models", "providers", "config", "doctor", "sandbox")
"""The subcommands, in the order help shows them; each is a function of its own name in a module of that name."""
