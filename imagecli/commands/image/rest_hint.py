"""After some images of a command are saved and others failed: the command that requests only the rest.

The same command would request all of them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.plan import build_request_plan
from imagecli.commands.image.prompt import Prompt
from imagecli.domain import ImageRequest, all_input_sources
from imagecli.errors import ImagecliError, LimitError, NetworkError, QuotaError
from imagecli.plan_calls import count_images
from imagecli.quoting import quote_command
from imagecli.results import CommandResult

SKIP: Final = ("--if-exists", "skip")
_LATER: Final = timedelta(days=40, hours=1, minutes=1, seconds=1)
"""Names that hold the time are others by then."""
MAX_COMMAND: Final = 1500
"""Characters of a command to paste; a longer one would be cut where it is printed."""


def with_rest_hint(
    result: CommandResult, prompts: Sequence[Prompt], requests: Sequence[ImageRequest], context: CommandContext
) -> CommandResult:
    """*result* with a hint in each error that says how many images are saved and how to request only the others."""
    saved = len(result.saved) + len(result.skipped)
    total = sum(request.options.n for request in requests)
    if result.signal_code or not saved or saved >= total or context.output.kind == "stdout":
        return result
    hint = f"{saved} of {total} images are saved; {_rest_command(result, prompts, requests, context)}"
    outcomes = (
        outcome._replace(errors=tuple(_with_hint(error, hint) for error in outcome.errors))
        for outcome in result.outcomes
    )
    return result._replace(
        outcomes=tuple(outcomes), errors=tuple(_with_further_hint(error, hint) for error in result.errors)
    )


def _with_hint(error: ImagecliError, hint: str) -> ImagecliError:
    """*error* with *hint*, instead of one that advises to run the same command again."""
    is_only_later = isinstance(error, (LimitError, NetworkError)) and not isinstance(error, QuotaError)
    return error.with_facts(hint=hint) if is_only_later else _with_further_hint(error, hint)


def _with_further_hint(error: ImagecliError, hint: str) -> ImagecliError:
    return error.with_facts(hint=f"{error.hint}; {hint}" if error.hint else hint)


def _rest_command(
    result: CommandResult, prompts: Sequence[Prompt], requests: Sequence[ImageRequest], context: CommandContext
) -> str:
    """How to request the images of *result* that are missing: a command, if the names of the others are found again."""
    total = sum(request.options.n for request in requests)
    have = {file.path for file in result.images if file.path}
    now = context.env.now() + _LATER
    plan = build_request_plan(prompts, requests, context.output, "skip", context.model, now)
    if {file.path for file in plan.skipped} != have or count_images(plan.calls) != total - len(have):
        return "the same command requests all of them again; lower -n first"
    # After this command, `@last` is another image.
    files = {source.reference: source.name for request in requests for source in all_input_sources(request)}
    argv = [files.get(word, word) for word in _with_skip(context.env.argv)]
    command = quote_command(("imagecli", *argv))
    if len(command) > MAX_COMMAND:
        return "to request only the rest, add --if-exists skip to the same command"
    return f"to request only the rest: {command}"


def _with_skip(argv: Sequence[str]) -> list[str]:
    """*argv* with `--if-exists skip` behind its options, so that it is the one that holds."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [*argv] if tuple(argv[end - 2 : end]) == SKIP else [*argv[:end], *SKIP, *argv[end:]]
