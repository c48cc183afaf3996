"""`imagecli doctor`: everything that a purchase needs, looked at one after the other; nothing is bought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagecli.commands import completion
from imagecli.commands.option_groups import with_option_groups
from imagecli.env import Env

if TYPE_CHECKING:
    from imagecli.output.doctor import Finding


@with_option_groups
def doctor(
    ctx: typer.Context,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="whom to ask  [default: as for generate]",
            autocompletion=completion.complete_providers,
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="where to ask  [default: as for generate]")
    ] = None,
    insecure_http: Annotated[
        bool | None, typer.Option("--insecure-http", help="send the API key to a public host over plain http://")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> None:
    """Look whether all is there that a picture needs: key, server, folders, terminal. Spends nothing.

    \b
      imagecli doctor
      imagecli doctor --provider sandbox
      imagecli doctor --base-url http://localhost:8080/v1
    """
    from imagecli.output.doctor import print_finding, print_findings_json
    from imagecli.output.tables import terminal_columns

    env: Env = ctx.obj
    models: list[str] = []
    found: list[Finding] = []
    flags = {"provider": provider, "base_url": base_url, "insecure_http": insecure_http}
    for finding in _run_checks(flags, env, models):
        found.append(finding)
        if not as_json:
            print_finding(finding, env, terminal_columns(env))
    # The first error is the one that a command would end with.
    first = next((finding.error for finding in found if finding.error), None)
    if as_json:
        print_findings_json(found, models, first, env)
    raise typer.Exit(first.exit_code if first else 0)


def _run_checks(flags: dict[str, Any], env: Env, models: list[str]) -> Iterator[Finding]:
    """Findings in the order in which a command would meet what they are about."""
    from imagecli.commands.doctor_checks import (
        check_doctor_folders,
        check_doctor_key,
        check_provider,
        check_server,
        check_terminal,
        check_variables_in_use,
        check_versions,
    )
    from imagecli.config.paths import find_folders
    from imagecli.config.settings import current_folder, load_settings
    from imagecli.config.user_catalog import load_user_catalog
    from imagecli.errors import ImagecliError
    from imagecli.output.doctor import Finding, finding_from_error
    from imagecli.output.slow_notice import FOR_A_KEY, notice_when_slow

    here = current_folder()
    yield check_versions()
    yield check_terminal(env)
    yield from check_variables_in_use(env, here)
    settings = None
    try:
        rows = load_user_catalog(env)
        # First without the key: whatever is wrong with that one is said in its own line.
        yield check_provider(load_settings(flags, env, rows, here, with_key=False))
        yield from check_doctor_folders(find_folders(env), here)
        with notice_when_slow(FOR_A_KEY, env, quiet=False):
            settings = load_settings(flags, env, rows, here)
    except ImagecliError as error:
        yield finding_from_error("key" if error.exit_code == 3 else "settings", error)
    if settings is None:
        return
    for _, message in settings.notes:
        yield Finding(topic="settings", level="note", message=message)
    for code, message in settings.warnings:
        if code == "open_folder":
            # The folder's own line has said it.
            continue
        yield Finding(topic="settings", level="warning", message=message)
    yield check_doctor_key(settings)
    yield from check_server(settings, rows, env.now().date(), models)
