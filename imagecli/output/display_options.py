"""The display options of a command, decided once from its flags, streams and environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imagecli.env import Env

if TYPE_CHECKING:
    from imagecli.domain import Secret


class DisplayOptions(NamedTuple):
    """How much is printed, and how."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    live: bool = False
    """stderr is a terminal that can redraw a line."""
    color: bool = False
    secret: Secret | None = None
    """The API key, which is removed from all output."""

    def redact(self, text: str) -> str:
        """*text* without the API key, in case a server repeats it."""
        return self.secret.redact(text) if self.secret else text

    @classmethod
    def guess_from_argv(cls, argv: Sequence[str], env: Env) -> DisplayOptions:
        """The options of a command line that can't be parsed, guessed to print that error."""
        words = argv[: argv.index("--")] if "--" in argv else argv
        return cls.build(json="--json" in words, debug="--debug" in words, env=env)

    @classmethod
    def build(
        cls,
        *,
        env: Env,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
        color: str = "auto",
        secret: Secret | None = None,
    ) -> DisplayOptions:
        """The options for these flags in this environment."""
        live = env.stderr.isatty() and not quiet and env.environ.get("TERM") != "dumb" and "CI" not in env.environ
        return cls(
            json=json,
            quiet=quiet,
            verbose=verbose or debug,
            debug=debug,
            live=live,
            color=_use_color(color, live, env),
            secret=secret,
        )


def _use_color(color: str, live: bool, env: Env) -> bool:
    """By --color, else by NO_COLOR and the terminal."""
    if color != "auto":
        return color == "always"
    return live and "NO_COLOR" not in env.environ
