"""What others can put under the names that imagecli uses."""

from __future__ import annotations

import os
from pathlib import Path


def place_obstacle(kind: str, path: Path, target: Path) -> None:
    """Something under *path* that imagecli has not written; links lead to *target*."""
    match kind:
        case "link":
            path.symlink_to(target)
        case "dangling link":
            path.symlink_to(target.with_name("new"))
        case "hard link":
            path.hardlink_to(target)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
