"""Log records on stderr, for -v and --debug: sanitized and redacted like everything else that is printed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from imagecli.output.display_options import DisplayOptions
from imagecli.output.safe_text import sanitize

_LOGGER = logging.getLogger("imagecli")


class LogHandler(logging.Handler):
    """Prints the records of imagecli's own loggers. They may come from any thread."""

    def __init__(self, print_line: Callable[[str], None], style: DisplayOptions) -> None:
        super().__init__(logging.DEBUG if style.debug else logging.INFO)
        self._print_line, self._style = print_line, style

    def emit(self, record: logging.LogRecord) -> None:
        self._print_line(self._style.redact(f"imagecli: {sanitize(record.getMessage())}"))

    def install(self) -> None:
        _LOGGER.addHandler(self)
        _LOGGER.setLevel(self.level)

    def remove(self) -> None:
        """From now on nothing is logged, whatever threads are still at work."""
        _LOGGER.removeHandler(self)
        _LOGGER.setLevel(logging.NOTSET)
