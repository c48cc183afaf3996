"""The entry. `--version` is answered before anything is imported."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """The installed command `imagecli`."""
    try:
        if sys.argv[1:] == ["--version"]:
            _show_version()
            return
        from imagecli.process import run_to_exit

        run_to_exit(sys.argv[1:])
    except KeyboardInterrupt:
        # Before there was anything to clean up, or a second time: whoever presses it wants to be out.
        os._exit(130)


def _show_version() -> None:
    from imagecli import __version__

    try:
        os.write(1, f"imagecli {__version__}\n".encode())
    except BrokenPipeError:
        return
    except OSError as error:
        _complain(f"imagecli: error: stdout can't be written: {error.strerror}\n")
        sys.exit(8)


def _complain(text: str) -> None:
    try:  # noqa: SIM105 - contextlib would be an import
        os.write(2, text.encode())
    except OSError:
        pass


if __name__ == "__main__":
    run()
