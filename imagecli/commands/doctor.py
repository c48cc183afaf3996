"""`imagecli doctor`: checks everything that a command needs, without a paid request."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups
from imagecli.env import Env


@with_flag_groups
def doctor(
    ctx: typer.Context,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="provider to check  [default: same as generate]",
            autocompletion=completers.complete_providers,
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="base URL to check  [default: same as generate]")
    ] = None,
    insecure_http: Annotated[
        bool | None, typer.Option("--insecure-http", help="send the API key to a public host over plain http://")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check your setup: key, server, folders, terminal. Makes no paid requests.

    Examples:
      imagecli doctor
      imagecli doctor --provider sandbox
      imagecli doctor --base-url http://localhost:8080/v1
    """
    from imagecli.commands.doctor_checks import DoctorContext, run_checks
    from imagecli.config.paths import current_folder, find_folders
    from imagecli.config.sources import SettingFlags
    from imagecli.output.doctor import print_finding, print_findings_json
    from imagecli.output.terminal import terminal_columns

    env: Env = ctx.obj
    flags = SettingFlags(provider=provider, base_url=base_url, insecure_http=insecure_http)
    context = DoctorContext(env=env, flags=flags, folder=current_folder(), folders=find_folders(env))
    findings = []
    for finding in run_checks(context):
        findings.append(finding)
        if not as_json:
            print_finding(finding, env, terminal_columns(env))
    # A command would exit with the first error.
    first = next((finding.error for finding in findings if finding.error), None)
    if as_json:
        print_findings_json(findings, context.models, first, env)
    raise typer.Exit(first.exit_code if first else 0)
