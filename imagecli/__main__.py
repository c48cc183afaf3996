"""The entry point. `--version` is printed before anything is imported."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """The installed command `imagecli`."""
    try:
        if sys.argv[1:] in (["--version"], ["-V"]):
            _show_version()
            return
        _restart_in_utf8()
        from imagecli.process import run_to_exit

        run_to_exit(sys.argv[1:])
    except KeyboardInterrupt:
        # Pressed before there was anything to clean up, or a second time.
        os._exit(130)


def _restart_in_utf8() -> None:
    """Restart in UTF-8 if Python was configured to treat all text and file names as ASCII.

    LC_ALL=C with PYTHONUTF8=0 or PYTHONCOERCECLOCALE=0 does that; arguments and file names are UTF-8 regardless.
    """
    if sys.getfilesystemencoding() != "ascii" or sys.flags.utf8_mode or not sys.executable:
        return
    try:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    except OSError:
        return


def _show_version() -> None:
    from imagecli import __version__

    try:
        os.write(1, f"imagecli {__version__}\n".encode())
    except BrokenPipeError:
        return
    except OSError as error:
        from imagecli.errors import os_error_reason

        _print_error(f"imagecli: error: can't write to stdout: {os_error_reason(error)}\n")
        sys.exit(8)


def _print_error(text: str) -> None:
    try:  # noqa: SIM105 - contextlib would be an import
        os.write(2, text.encode())
    except OSError:
        pass


if __name__ == "__main__":
    run()
