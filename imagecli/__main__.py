"""The entry. `--version` is answered before anything is imported."""

from __future__ import annotations

import sys


def run() -> None:
    """The installed command `imagecli`."""
    if sys.argv[1:] == ["--version"]:
        from imagecli import __version__

        sys.stdout.write(f"imagecli {__version__}\n")
        return
    from imagecli.process import run_to_exit

    run_to_exit(sys.argv[1:])


if __name__ == "__main__":
    run()
