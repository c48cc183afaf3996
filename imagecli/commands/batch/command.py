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
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="file with one row per request; - reads stdin")],
    provider_flags: ProviderFlags,
    cost_flags: CostFlags,
    display_flags: DisplayFlags,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="model for rows without one  [default: gpt-image-2]",
            autocompletion=completers.complete_models,
            rich_help_panel="Image",
        ),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="quality for rows without one",
            autocompletion=completers.word_completer("quality"),
            rich_help_panel="Image",
        ),
    ] = None,
    sidecar: Annotated[
        bool,
        typer.Option("--sidecar", help="write prompt, options and cost to NAME.png.json", rich_help_panel="Image"),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=1000,
            metavar="COUNT",
            help="parallel requests  [default: the provider's]",
            rich_help_panel="Run",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, metavar="COUNT", help="maximum images per minute", rich_help_panel="Run")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="only rows whose output matches (hero-*); repeatable", rich_help_panel="Run"),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="process shard K of N, to split work over machines", rich_help_panel="Run"),
    ] = None,
    allow_outside: Annotated[
        bool,
        typer.Option(
            "--allow-outside",
            help="let rows use files outside the manifest's repository",
            rich_help_panel="Run",
        ),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="stop sending after the first failed row", rich_help_panel="Run")
    ] = False,
    format: Annotated[
        Literal["jsonl", "json", "csv", "tsv", "toml", "yaml", "text"] | None,
        typer.Option(
            metavar="FORMAT",
            help="format: jsonl, json, csv, tsv, toml, yaml or text  [default: by name]",
            rich_help_panel="Run",
        ),
    ] = None,
    init: Annotated[
        bool,
        typer.Option(
            "--init", help="write a commented starter manifest to MANIFEST; never overwrites", rich_help_panel="Run"
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="list missing and stale files (exit 10); send nothing", rich_help_panel="Run"),
    ] = False,
    batch_api: Annotated[
        bool,
        typer.Option(
            "--batch-api",
            help="use the provider's Batch API: cheaper, within 24 h (exit 10 until ready)",
            rich_help_panel="Batch API",
        ),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="with --batch-api: block until all results are in", rich_help_panel="Batch API"),
    ] = False,
    cancel: Annotated[
        bool,
        typer.Option(
            "--cancel", help="cancel pending batch jobs and download finished results", rich_help_panel="Batch API"
        ),
    ] = False,
    gallery: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.html|FOLDER/",
            help="write a web page with all images when done, or with --check",
            rich_help_panel="Run",
        ),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="adopt existing files that aren't in the journal", rich_help_panel="Journal"),
    ] = False,
    if_exists: Annotated[
        Literal["skip", "overwrite", "fail"] | None,
        typer.Option(
            metavar="ACTION",
            help="existing files not in the journal: skip, overwrite or fail  [default: fail]",
            rich_help_panel="Journal",
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="list saved files whose rows no longer exist", rich_help_panel="Journal"),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="with --prune: delete them", rich_help_panel="Journal")] = False,
) -> None:
    """Create the missing or changed images of a manifest.

    Examples:
      imagecli batch --init assets.toml  # write a starter manifest
      imagecli batch assets.toml --provider sandbox  # no key needed
      imagecli batch assets.csv --dry-run
      imagecli batch assets.jsonl -j 16 --rate 50 --max-cost 10
      imagecli batch assets.toml --batch-api  # half the price, within a day
      imagecli batch assets.toml --check --gallery review.html
      jq -c '.[]' rows.json | imagecli batch -
    """
    from imagecli.batch.shards import parse_shard
    from imagecli.commands.batch.check import dry_run_batch, run_check
    from imagecli.commands.batch.context import (
        ConcurrencyOptions,
        check_batch_api_options,
        check_exclusive_modes,
        open_batch_context,
        parse_gallery_option,
        refuse_sandbox_without_wait,
    )
    from imagecli.commands.batch.prune import run_prune
    from imagecli.web.gallery_target import check_gallery_target

    dry_run = cost_flags.dry_run
    modes = {"--init": init, "--prune": prune, "--check": check, "--dry-run": dry_run, "--cancel": cancel}
    check_exclusive_modes(modes, yes=yes)
    without_gallery = {"--init": init, "--prune": prune, "--dry-run": dry_run}
    target = parse_gallery_option(gallery, ctx.obj, without_gallery) if gallery is not None else None
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
        {"model": model, "quality": quality, "sidecar": sidecar or None},
        build_display_options(display_flags, ctx.obj),
        with_key=not (dry_run or check or prune),
        expects_key=dry_run or check,
        only=only or (),
        adopt=adopt,
        if_exists=if_exists,
        shard=parse_shard(shard) if shard else None,
        batch_api=batch_api,
        allow_outside=allow_outside,
        gallery=target,
    )
    if target:
        check_gallery_target(target)
    if prune:
        raise typer.Exit(run_prune(context, yes=yes))
    if check:
        raise typer.Exit(run_check(context))
    if batch_api and not wait:
        refuse_sandbox_without_wait(context)
    concurrency = ConcurrencyOptions(jobs=jobs, rate=rate, fail_fast=fail_fast)
    if dry_run:
        raise typer.Exit(dry_run_batch(context, concurrency))
    if batch_api:
        from imagecli.commands.batch.api_run import BatchApiMode, run_batch_api

        raise typer.Exit(run_batch_api(context, BatchApiMode(wait=wait, cancel=cancel)))
    from imagecli.commands.batch.run import run_batch

    raise typer.Exit(run_batch(context, concurrency))
