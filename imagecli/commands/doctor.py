"""`imagecli doctor`: everything that a purchase needs, looked at one after the other; nothing is bought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagecli.commands import completion
from imagecli.commands.option_groups import grouped
from imagecli.env import Env

if TYPE_CHECKING:
    from imagecli.output.doctor import Finding


@grouped
def doctor(
    ctx: typer.Context,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="whom to ask  [default: as for generate]",
            autocompletion=completion.provider_rows,
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
    from imagecli.output.doctor import show_finding, show_findings
    from imagecli.output.tables import columns_of

    env: Env = ctx.obj
    models: list[str] = []
    found: list[Finding] = []
    flags = {"provider": provider, "base_url": base_url, "insecure_http": insecure_http}
    for finding in _look(flags, env, models):
        found.append(finding)
        if not as_json:
            show_finding(finding, env, columns_of(env))
    # The first error is the one that a command would end with.
    first = next((finding.error for finding in found if finding.error), None)
    if as_json:
        show_findings(found, models, first, env)
    raise typer.Exit(first.exit_code if first else 0)


def _look(flags: dict[str, Any], env: Env, models: list[str]) -> Iterator[Finding]:
    """Findings in the order in which a command would meet what they are about."""
    from imagecli.commands.doctor_checks import (
        look_at_folders,
        look_at_key,
        look_at_provider,
        look_at_server,
        look_at_terminal,
        look_at_variables,
        look_at_versions,
    )
    from imagecli.config.paths import folders
    from imagecli.config.settings import current_folder, load_settings
    from imagecli.config.user_catalog import load_catalog
    from imagecli.errors import ImagecliError
    from imagecli.output.doctor import Finding, failed
    from imagecli.output.slow_notice import FOR_A_KEY, saying

    here = current_folder()
    yield look_at_versions()
    yield look_at_terminal(env)
    yield from look_at_variables(env, here)
    settings = None
    try:
        rows = load_catalog(env)
        # First without the key: whatever is wrong with that one is said in its own line.
        yield look_at_provider(load_settings(flags, env, rows, here, with_key=False))
        yield from look_at_folders(folders(env), here)
        with saying(FOR_A_KEY, env, quiet=False):
            settings = load_settings(flags, env, rows, here)
    except ImagecliError as error:
        yield failed("key" if error.exit_code == 3 else "settings", error)
    if settings is None:
        return
    for _, message in settings.notes:
        yield Finding(topic="settings", level="note", message=message)
    for code, message in settings.warnings:
        if code == "open_folder":
            # The folder's own line has said it.
            continue
        yield Finding(topic="settings", level="warning", message=message)
    yield look_at_key(settings)
    yield from look_at_server(settings, rows, env.now().date(), models)
