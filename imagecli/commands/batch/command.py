"""The options of `imagecli batch`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from imagecli.commands import completers
from imagecli.commands.flags import (
    CostFlags,
    DisplayFlags,
    ProviderFlags,
    build_display_options,
    setting_flags,
    with_flag_groups,
)


@with_flag_groups
def batch(
    ctx: typer.Context,
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="what to make, a row each; - reads stdin")],
    provider_flags: ProviderFlags,
    cost_flags: CostFlags,
    display_flags: DisplayFlags,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="for rows that name none  [default: gpt-image-2]",
            autocompletion=completers.complete_models,
            rich_help_panel="Picture",
        ),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="for rows that say none",
            autocompletion=completers.word_completer("quality"),
            rich_help_panel="Picture",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=1000,
            metavar="COUNT",
            help="requests under way at once  [default: the provider's]",
            rich_help_panel="Run",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, metavar="COUNT", help="pictures a minute", rich_help_panel="Run")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="only rows with such an output: 'hero-*'; repeatable", rich_help_panel="Run"),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="part K of N, for several machines: 1/3, 2/3, 3/3", rich_help_panel="Run"),
    ] = None,
    allow_outside: Annotated[
        bool,
        typer.Option(
            "--allow-outside",
            help="let rows use files outside the manifest's folder and repository: trust it first",
            rich_help_panel="Run",
        ),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="send nothing more once a row has failed", rich_help_panel="Run")
    ] = False,
    format: Annotated[
        Literal["jsonl", "json", "csv", "tsv", "toml", "yaml", "text"] | None,
        typer.Option(help="what the manifest is, where its name does not say it", rich_help_panel="Run"),
    ] = None,
    init: Annotated[
        bool,
        typer.Option(
            "--init", help="write a commented starter manifest to MANIFEST, overwriting nothing", rich_help_panel="Run"
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="list what is missing or stale: exit 10, or 0; sends nothing", rich_help_panel="Run"
        ),
    ] = False,
    batch_api: Annotated[
        bool,
        typer.Option(
            "--batch-api",
            help="by the provider's Batch API, for less, within a day: hands in (exit 10), later fetches",
            rich_help_panel="Batch API",
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="with --batch-api: until all is there", rich_help_panel="Batch API")
    ] = False,
    cancel: Annotated[
        bool,
        typer.Option(
            "--cancel", help="call back what is with the Batch API; fetch what was made", rich_help_panel="Batch API"
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="take files that the journal does not know for their rows'", rich_help_panel="Journal"
        ),
    ] = False,
    if_exists: Annotated[
        Literal["skip", "overwrite", "fail"] | None,
        typer.Option(help="files that the journal does not know  [default: fail]", rich_help_panel="Journal"),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="list files that no row makes any more, and buy nothing", rich_help_panel="Journal"
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="with --prune: remove them", rich_help_panel="Journal")] = False,
) -> None:
    """Make what a manifest says, and only what is missing or changed.

    \b
      imagecli batch --init assets.toml
      imagecli batch assets.toml --provider sandbox                     no key needed
      imagecli batch assets.csv --dry-run
      imagecli batch assets.jsonl -j 16 --rate 50 --max-cost 10
      imagecli batch assets.toml --batch-api                            half the price, within a day
      jq -c '.[]' rows.json | imagecli batch -
    """
    from imagecli.batch.shards import parse_shard
    from imagecli.commands.batch.check import dry_run_batch, run_check
    from imagecli.commands.batch.context import check_batch_api_options, check_exclusive_modes, open_batch_context
    from imagecli.commands.batch.prune import run_prune
    from imagecli.commands.batch.run import ConcurrencyOptions, run_batch

    dry_run = cost_flags.dry_run
    modes = {"--init": init, "--prune": prune, "--check": check, "--dry-run": dry_run, "--cancel": cancel}
    check_exclusive_modes(modes, yes=yes)
    if init:
        from imagecli.commands.batch.init import init_manifest

        return init_manifest(manifest, format, build_display_options(display_flags, ctx.obj), ctx.obj)
    batch_api = batch_api or cancel
    check_batch_api_options({"--jobs": jobs, "--rate": rate, "--fail-fast": fail_fast}, batch_api=batch_api, wait=wait)
    context = open_batch_context(
        ctx.obj,
        manifest,
        format,
        setting_flags(provider_flags, cost_flags),
        {"model": model, "quality": quality},
        build_display_options(display_flags, ctx.obj),
        with_key=not (dry_run or check or prune),
        only=only or (),
        adopt=adopt,
        if_exists=if_exists,
        shard=parse_shard(shard) if shard else None,
        batch_api=batch_api,
        allow_outside=allow_outside,
    )
    if prune:
        raise typer.Exit(run_prune(context, yes=yes))
    if check:
        raise typer.Exit(run_check(context))
    concurrency = ConcurrencyOptions(jobs=jobs, rate=rate, fail_fast=fail_fast)
    if dry_run:
        raise typer.Exit(dry_run_batch(context, concurrency))
    if batch_api:
        from imagecli.commands.batch.api_run import BatchApiMode, run_batch_api

        raise typer.Exit(run_batch_api(context, BatchApiMode(wait=wait, cancel=cancel)))
    raise typer.Exit(run_batch(context, concurrency))
