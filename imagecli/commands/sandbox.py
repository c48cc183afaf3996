"""`imagecli sandbox`: runs the embedded server until Ctrl-C."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import Annotated

import typer

from imagecli.env import Env

PORT = 8787
"""The default port: fixed, so that base URLs stay valid."""


def _check_not_nan(value: float) -> float:
    """*value*, unless it is nan, which a range does not exclude."""
    if math.isnan(value):
        raise typer.BadParameter("expected a number, found nan")
    return value


def _check_failures(values: list[str] | None) -> list[str]:
    """*values*, if each is a valid failure."""
    from imagecli.sandbox.fault_injection import Failure

    for value in values or ():
        try:
            Failure.parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    return values or []


def sandbox(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="port on 127.0.0.1; 0 picks a free one")
    ] = PORT,
    latency: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            metavar="SECONDS",
            callback=_check_not_nan,
            help="seconds added to each response with images",
        ),
    ] = 0.0,
    rate_limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="COUNT", help="images per minute before 429 (the classic API had 50)"),
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            callback=_check_failures,
            help="fail on purpose: 429:2 (two requests), 500%10 (every tenth), 503 (all)",
        ),
    ] = None,
    url_ttl: Annotated[
        float,
        typer.Option(
            min=0,
            max=31_536_000,
            metavar="SECONDS",
            callback=_check_not_nan,
            help="seconds until an image's URL expires",
        ),
    ] = 3600.0,
    speed: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=1_000_000,
            metavar="FACTOR",
            callback=_check_not_nan,
            help="speed up the simulated clock",
        ),
    ] = 1.0,
    require_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="accept only this key; - reads it from stdin  [default: any key, or none]"),
    ] = None,
) -> None:
    """Run a local Images API server: free, offline, deterministic.

    Prints its base URL on stdout and a line per request on stderr until Ctrl-C.

    Examples:
      imagecli sandbox
      imagecli sandbox --port 0 --rate-limit 50 --url-ttl 60
      imagecli sandbox --fail 429:2 --latency 2
      imagecli sandbox --speed 100 --fail batch_expired:1
      imagecli sandbox --require-key -
      imagecli generate "a cat" --base-url http://127.0.0.1:8787/v1
      OPENAI_BASE_URL=http://127.0.0.1:8787/v1 OPENAI_API_KEY=any python app.py
    """
    from imagecli.config.user_catalog import load_user_catalog
    from imagecli.sandbox.fault_injection import Failure
    from imagecli.sandbox.sandbox import Options, Sandbox

    env: Env = ctx.obj
    options = Options(
        port=port,
        latency=latency,
        rate_limit=rate_limit,
        failures=tuple(Failure.parse(text) for text in fail or ()),
        url_ttl=url_ttl,
        speed=speed,
        require_key=(_key(env) if require_key == "-" else require_key) or None,
        catalog=load_user_catalog(env),
    )
    with Sandbox(options, log=partial(_print_line, env)) as server:
        env.stdout.write(f"{server.base_url}\n")
        env.stdout.flush()
        _until_interrupted()


def _key(env: Env) -> str:
    """The key on stdin, where other processes can't read it. Raises UsageError if there is none."""
    from imagecli.commands.terminal_input import prompt_hidden, read_stdin_text
    from imagecli.errors import UsageError

    key = (prompt_hidden("Key to require (hidden): ", env) if env.stdin.isatty() else read_stdin_text(env)).strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(
            "no key on stdin, expected one line of ASCII text",
            hint="imagecli sandbox --require-key - < FILE",
        )
    return key


def _print_line(env: Env, line: str) -> None:
    env.stderr.write(f"{line}\n")
    env.stderr.flush()


def _until_interrupted() -> None:
    """Wait for Ctrl-C, which is the intended end and not an error."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
