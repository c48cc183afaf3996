"""The batch subcommand. Hands on its function for the lazy loader of `cli`."""

from __future__ import annotations

from imagecli.commands.batch.command import batch as batch
