"""The batch subcommand. Exports its function to the lazy loader in `cli`."""

from __future__ import annotations

from imagecli.commands.batch.command import batch as batch
