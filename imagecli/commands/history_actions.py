"""The work of `imagecli history`: what is read from the history, removed from it, or requested again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imagecli.catalog.provider import ProviderRow
from imagecli.commands import OtherCommand
from imagecli.commands.image.input_sources import find_unchanged_file
from imagecli.commands.terminal_input import confirm
from imagecli.config.paths import find_folders
from imagecli.config.schema import SettingValue, value_or
from imagecli.config.sources import read_own_settings, read_preview_setting
from imagecli.config.user_catalog import load_user_catalog
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.history.command_line import build_command_line, has_flag
from imagecli.history.costs import sum_costs
from imagecli.history.database import OpenedHistory, open_history
from imagecli.history.lineage import find_lineage
from imagecli.history.query import (
    HistoryFilter,
    HistoryImage,
    count_images_in_history,
    find_referenced_image,
    list_images,
)
from imagecli.history.remove import remove_entries
from imagecli.output.history import (
    print_cost_table,
    print_costs_json,
    print_history_image,
    print_history_json,
    print_history_list,
)
from imagecli.output.terminal import plural, print_note

if TYPE_CHECKING:
    from imagecli.preview.screen import Screen

_DAY_HINT: Final = "for example 2026-11-29, today, yesterday or 7d (seven days ago)"
_WORDS: Final = {"today": 0, "yesterday": 1}


def read_filter(text: str | None, since: str | None, until: str | None, model: str | None, env: Env) -> HistoryFilter:
    """What the options of `list`, `cost` and `gallery` select. Raises UsageError for an invalid date."""
    first = _parse_day(since, "--since", env) if since else None
    last = _parse_day(until, "--until", env) if until else None
    if first and last and last < first:
        raise UsageError(f"--until {until} is before --since {since}", hint="swap them")
    return HistoryFilter(
        text=text,
        model=model,
        since=_start_of(first, env) if first else None,
        until=_start_of(last + timedelta(days=1), env) if last else None,
    )


def _parse_day(text: str, option: str, env: Env) -> date:
    today = env.now().date()
    if text in _WORDS:
        return today - timedelta(days=_WORDS[text])
    try:
        if match := re.fullmatch(r"(\d{1,5})([dw])", text):
            return today - timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{option}: {text!r} is not a date", hint=_DAY_HINT) from None


def _start_of(day: date, env: Env) -> datetime:
    return datetime.combine(day, time.min, env.now().tzinfo)


def list_entries(choice: HistoryFilter, env: Env, *, as_json: bool) -> None:
    """Prints the images that *choice* selects."""
    with open_history(find_folders(env).state) as history:
        images = list_images(history.connection, choice)
        total = count_images_in_history(history.connection, choice)
    if as_json:
        print_history_json(images, env, total=total)
    else:
        print_history_list(images, env, _find_screen(env))
        if len(images) < total and env.stdout.isatty():
            print_note(f"{len(images):,} of {total:,} images; --limit {total} lists all", env)
        if not images:
            print_note(describe_nothing_found(choice), env)
    print_history_notes(history, env)


def _find_screen(env: Env) -> Screen | None:
    """The terminal on stdout, if it can show thumbnails in color and the setting `preview` is on."""
    preview = read_preview_setting(env) if env.stdout.isatty() else "none"
    if preview == "none" or "NO_COLOR" in env.environ or "CI" in env.environ:
        return None
    from imagecli.output.preview import open_screen

    return open_screen("auto" if preview == "auto" else "blocks", env.stdout, env, color=True)


def describe_nothing_found(choice: HistoryFilter) -> str:
    """Why *choice* selects no image, for a note."""
    is_filtered = choice._replace(limit=None) != HistoryFilter()
    return "no image matches; imagecli history list prints the newest" if is_filtered else "the history has no images"


def print_history_notes(history: OpenedHistory, env: Env) -> None:
    """Prints the warning of a damaged history, and what is lost while it is off."""
    if history.warning:
        print_note(history.warning.message, env)
    setting: SettingValue[bool] | None = read_own_settings(env).history
    if setting and not value_or(setting, True):
        message = f"the history is off ({setting.origin}): new images can't be found, shown or rerun, and have no @ID"
        print_note(message, env)


def show_history_image(reference: str, env: Env, *, as_json: bool) -> None:
    """Prints how an image was made, and its tree. Raises UsageError if there is no such image."""
    with open_history(find_folders(env).state) as history:
        image = find_referenced_image(history.connection, reference)
        tree = find_lineage(history.connection, image)
    if as_json:
        print_history_json([image], env, tree=tree)
        return
    recorded = [file.path or Path(file.name) for file in image.inputs]
    command = build_command_line(without_default_url(image, load_user_catalog(env).providers), recorded)
    print_history_image(image, tree, command, env)
    print_history_notes(history, env)


def without_default_url(image: HistoryImage, providers: Mapping[str, ProviderRow]) -> HistoryImage:
    """*image*, without its base URL if that is the provider's own."""
    row = providers.get(image.provider)
    return image._replace(base_url="") if row and row.uses_default_base_url(image.base_url) else image


def build_rerun(env: Env) -> OtherCommand:
    """The command that requests an image again: the words after `rerun` are its ID and changed options.

    Raises UsageError if there is no such image, or an input was moved or changed.
    """
    reference, *changes = env.argv[env.argv.index("rerun") + 1 :]
    if reference.startswith("-"):
        raise UsageError("the ID comes first", hint="for example imagecli history rerun @last --quality high")
    if changes and not changes[0].startswith("-"):
        raise UsageError(
            f"unexpected argument {changes[0]!r} after the ID", hint='for another prompt, use --prompt "…"'
        )
    with open_history(find_folders(env).state) as history:
        image = _without_replaced_files(find_referenced_image(history.connection, reference), changes)
        inputs = list(_find_inputs(history, image))
    image = without_default_url(image, load_user_catalog(env).providers)
    return OtherCommand(tuple(build_command_line(image, inputs, changes)))


def _without_replaced_files(image: HistoryImage, changes: Sequence[str]) -> HistoryImage:
    """*image* without the mask or markup that *changes* replace. Raises UsageError if its mask has to be replaced."""
    inputs = []
    for file in image.inputs:
        flags = (f"--{file.role}", *(["--paint"] if file.is_painted else []))
        if file.role == "image" or not has_flag(changes, flags):
            if file.is_painted:
                raise UsageError(
                    f"the mask of {image.id} was painted, and the history does not store masks",
                    hint=f"paint it again: imagecli history rerun {image.id} --paint; or use --mask FILE",
                )
            inputs.append(file)
    return image._replace(inputs=tuple(inputs))


def _find_inputs(history: OpenedHistory, image: HistoryImage) -> Iterator[Path]:
    """A file with the bytes of each input. Raises UsageError if one is missing."""
    for file in image.inputs:
        # The same image may be in another place.
        paths = [file.path] if file.path else []
        if file.parent:
            parent = find_referenced_image(history.connection, file.parent)
            paths += [parent.path] if parent.path else []
        yield find_unchanged_file(paths, file, image.id)


def print_costs(choice: HistoryFilter, env: Env, *, as_json: bool) -> None:
    """Prints what requests cost."""
    with open_history(find_folders(env).state) as history:
        rows = sum_costs(history.connection, choice, env.now().tzinfo)
    if as_json:
        print_costs_json(rows, env)
        return
    print_cost_table(rows, env)
    if not rows:
        print_note(describe_nothing_found(choice), env)
    print_history_notes(history, env)


def clear_entries(before: str | None, env: Env, *, yes: bool) -> None:
    """Removes the entries before a date, or all, after a question. Raises UsageError if no one can be asked."""
    day = _parse_day(before, "--before", env) if before else None
    until = _start_of(day, env) if day else None
    state_dir = find_folders(env).state
    with open_history(state_dir) as history:
        count = count_images_in_history(history.connection, HistoryFilter(until=until))
        images = plural(count, "image")
        if not yes:
            if not env.can_ask:
                raise UsageError("clear needs a confirmation, and there is no terminal", hint="add --yes")
            older = f" from before {day}" if day else ""
            if not confirm(f"Remove {images}{older} from the history? The files stay.", env):
                print_note("nothing was removed", env)
                return
        remove_entries(history.connection, state_dir, until)
    print_note(f"removed {images} from the history; the files stay", env)
