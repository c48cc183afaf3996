"""How this copy of imagecli was installed, and so how a library is added to it."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path


def command_to_add(library: str, prefix: Path | None = None) -> str:
    """The command that installs *library* beside imagecli, into the environment at *prefix* (by default, this one).

    It adds the library itself, not an extra of imagecli: that would need the place imagecli was installed from.
    """
    prefix = prefix or Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        return f"pipx inject {shlex.quote(prefix.name)} {library}"
    python = shlex.quote(sys.executable or "python3")
    if (prefix / "uv-receipt.toml").exists() or find_spec("pip") is None:
        # The environments of uv have no pip.
        return f"uv pip install --python {python} {library}"
    return f"{python} -m pip install {library}"
