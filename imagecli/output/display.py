"""How a command shows itself, decided once from its flags, its streams and its environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagecli.env import Env

if TYPE_CHECKING:
    from imagecli.domain import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayOptions:
    """What the user asked to see."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    live: bool = False
    """stderr is a terminal that can redraw a line."""
    color: bool = False
    secret: Secret | None = None
    """What must not be shown, whoever says it."""

    def redact(self, text: str) -> str:
        """*text* as it may leave: the one place where a key that a server repeats is taken out."""
        return self.secret.redact(text) if self.secret else text

    @classmethod
    def guess_from_argv(cls, argv: Sequence[str], env: Env) -> DisplayOptions:
        """The style that a command line asks for, good enough to say that it could not be read."""
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
        """The style for these flags in this environment."""
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


def _use_color(wanted: str, live: bool, env: Env) -> bool:
    """--color first, then NO_COLOR, then whether the terminal can."""
    if wanted != "auto":
        return wanted == "always"
    return live and "NO_COLOR" not in env.environ
