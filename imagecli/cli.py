"""The Typer app, and the one place where errors become text and exit codes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from imagecli import __version__, commands
from imagecli.env import Env
from imagecli.errors import (
    EXIT_INTERRUPTED,
    DiskError,
    ImagecliError,
    Terminated,
    UsageError,
    os_error_reason,
    to_imagecli_error,
)
from imagecli.output.terminal import DisplayOptions
from imagecli.quoting import shell_quote

WELCOME = """\
imagecli generates, edits and varies images. Three commands to start with:

  imagecli generate "a white siamese cat" --provider sandbox     no key needed
  imagecli edit photo.jpg "make the sky pink"
  imagecli vary photo.jpg -n 3

imagecli --help lists all commands.
"""
COMPLETION_VARIABLE = "_IMAGECLI_COMPLETE"


class HelpPageMixin:
    """Prints a command's complete help page for `--help`, and its everyday part for `-h`."""

    def get_help(self, ctx: Any) -> str:
        from imagecli.commands import help_page

        env: Env = ctx.obj
        page = help_page.build_help_page(self, ctx, self.list_entries(ctx))
        layout = help_page.format_short_help if "-h" in env.argv else help_page.format_help_page
        return layout(page, help_page.help_width(env), bold=help_page.use_bold(env))

    def list_entries(self, ctx: Any) -> dict[str, Mapping[str, str]]:
        """What the page lists beside options and arguments: heading → name → summary."""
        return {}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """IMAGE and not {IMAGE}: braces mean "one of" in usage lines."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]  # type: ignore[misc]


class Command(HelpPageMixin, TyperCommand):
    """A command without subcommands."""


class LazyGroup(HelpPageMixin, TyperGroup):
    """Imports only the module of the command that is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(commands.NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in commands.NAMES:
            return None
        return _build_typer_command(cmd_name, _import_command(cmd_name))

    def list_entries(self, ctx: Any) -> dict[str, Mapping[str, str]]:
        """Commands from SUMMARIES, without importing them; topics only for `--help`."""
        from imagecli.topics import list_topics

        topics = {} if "-h" in ctx.obj.argv else {"Topics": list_topics()}
        return {"Commands": commands.SUMMARIES, **topics}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if word not in commands.NAMES and not ctx.resilient_parsing:
            from imagecli.commands.usage_errors import replacement_for_command

            hint = replacement_for_command(args) or _suggest_command(word, commands.NAMES, "imagecli")
            if hint is None and (" " in word or not word.isascii() or not word.isalpha()):
                # A prompt, probably.
                hint = f"imagecli generate {shell_quote(word)}"
            hint = hint or f"available commands: {', '.join(commands.NAMES)}"
            raise UsageError(f"unknown command {word!r}", hint=hint)
        return super().resolve_command(ctx, args)


class Group(HelpPageMixin, TyperGroup):
    """A command with subcommands, which its module lists in COMMANDS: name → function."""

    def list_entries(self, ctx: Any) -> dict[str, Mapping[str, str]]:
        return {
            "Commands": {name: (self.commands[name].help or "").partition("\n")[0] for name in self._visible_names(ctx)}
        }

    def _visible_names(self, ctx: Any) -> list[str]:
        return [name for name in self.list_commands(ctx) if not self.commands[name].hidden]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        names = self._visible_names(ctx)
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            hint = _suggest_command(args[0], names, ctx.command_path) or f"available commands: {', '.join(names)}"
            raise UsageError(f"unknown command {args[0]!r} for {ctx.command_path}", hint=hint)
        return super().resolve_command(ctx, args)


def _suggest_command(word: str, names: Sequence[str], before: str) -> str | None:
    """A hint with the command that *word* is the beginning or a misspelling of; None if there is none."""
    from imagecli.commands.usage_errors import suggest_command

    near = suggest_command(word, names)
    return f"did you mean {before} {near}?" if near else None


def _build_typer_command(name: str, module: Any) -> Any:
    """The Typer command of a module, or a group if the module has COMMANDS; with RUNS_ALONE it does not need one."""
    parts = getattr(module, "COMMANDS", None)
    app = typer.Typer(name=name, cls=Group if parts else None, add_completion=False, rich_markup_mode=None)
    if not parts:
        app.command(name, cls=Command)(getattr(module, name))
        return typer.main.get_command(app)
    app.callback(invoke_without_command=getattr(module, "RUNS_ALONE", False))(getattr(module, name))
    for word, function in parts.items():
        # A value may begin with a dash.
        literal = word in getattr(module, "LITERAL", ())
        hidden = word in getattr(module, "HIDDEN", ())
        app.command(word, cls=Command, hidden=hidden, context_settings={"ignore_unknown_options": literal})(function)
    return typer.main.get_command(app)


def _import_command(name: str) -> Any:
    return importlib.import_module(f"imagecli.commands.{name}")


app = typer.Typer(
    name="imagecli",
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"imagecli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_show_version, is_eager=True, help="print the version"
    ),
) -> None:
    """Generate, edit and vary images through the OpenAI Images API and compatible servers."""


def main(argv: Sequence[str], env: Env) -> int:
    """Run a command line and return its exit code. Every error is printed here and becomes an exit code."""
    words = list(argv)
    env = env._replace(argv=tuple(words))
    # For completion, a shell passes the words in variables and not in argv.
    if not words and COMPLETION_VARIABLE not in env.environ:
        env.stderr.write(WELCOME)
        return UsageError.exit_code
    display = DisplayOptions.guess_from_argv(words, env)
    command = next((word for word in words if word in commands.NAMES), "imagecli")
    try:
        with _completion_output(env):
            result = typer.main.get_command(app).main(args=words, prog_name="imagecli", standalone_mode=False, obj=env)
        if isinstance(result, commands.OtherCommand):
            return main(result.words, env)
        return result if isinstance(result, int) else 0
    except ImagecliError as error:
        failure = error
    except typer.TyperException as error:
        failure = _to_usage_error(error, command, words)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except SystemExit as ended:  # Typer's end of a completion
        return ended.code if isinstance(ended.code, int) else 0
    except Terminated as signal:
        return signal.exit_code
    except Exception as error:
        failure = _stdout_error(error) or to_imagecli_error(error)
    from imagecli.output.result import print_failure

    return print_failure(failure, command, display, env)


def _completion_output(env: Env) -> AbstractContextManager[None]:
    if env.environ.get(COMPLETION_VARIABLE) != "complete_zsh":
        return nullcontext()
    from imagecli.commands.zsh_quotes import keep_zsh_quotes

    return keep_zsh_quotes(env)


def _stdout_error(error: Exception) -> DiskError | None:
    """A DiskError if Typer could not write help or completions to stdout: the only system error without a file name."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError) or error.filename is not None:
        return None
    return DiskError(f"can't write to stdout: {os_error_reason(error)}", code="stdout")


def _to_usage_error(error: typer.TyperException, command: str, words: Sequence[str]) -> UsageError:
    """Typer's error in imagecli's style, with the replacement for an option of other tools."""
    from imagecli.commands import usage_errors

    option = getattr(error, "option_name", None)
    near = usage_errors.suggest_options(option or "", getattr(error, "possibilities", None) or [])
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    message = usage_errors.rewrite_typer_message(text.partition(" (Possible options")[0])
    is_unknown = message.startswith("unknown option")  # and not one of the command's own without its value
    if option and is_unknown and (file := usage_errors.dashed_file(option, words)) and "=" not in file:
        return UsageError(f"unknown option {file}", hint=f"if it is a file: ./{file}")
    context = getattr(error, "ctx", None)
    option_names = [name for parameter in context.command.params for name in parameter.opts] if context else []
    if option and is_unknown and (replacement := usage_errors.replacement_for(option, option_names)):
        return UsageError(f"unknown option {option}", hint=replacement)
    path = "imagecli" if command == "imagecli" else f"imagecli {command}"
    hint = f"{context.command_path if context else path} --help"
    if message.startswith("missing argument"):
        hint = usage_errors.example_for(command) or hint
    takes_prompt = command in ("generate", "edit", "vary")
    if takes_prompt and (" " in (option or "") or "': ' " in text):  # also the value in `-n a cat`
        hint = _HINT_DASHES
    elif near:
        hint = f"did you mean {' or '.join(near)}?"
    elif command == "imagecli" and (option or "").strip("-") in commands.NAMES:
        hint = f"did you mean imagecli {(option or '').strip('-')}?"
    elif command == "generate" and message.startswith("unexpected argument"):
        hint = usage_errors.extra_words_hint(error.ctx.params, text)  # type: ignore[attr-defined]
    elif takes_prompt and option and _looks_like_prompt(option) and not message.endswith("requires a value"):
        hint = _HINT_DASHES
    return UsageError(message, hint=hint)


_HINT_DASHES: Final = "put -- before a prompt that starts with a dash, or use --prompt"


def _looks_like_prompt(option: str) -> bool:
    """Whether a word that was read as an option is text: one dash or many."""
    return not option.startswith("--") or option.startswith("---")
