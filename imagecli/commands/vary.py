"""`imagecli vary`: creates variations of images."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.choices import Strength, Via
from imagecli.commands import completers
from imagecli.commands.flags import CommonFlags, InputFlags, PromptFlags, with_flag_groups


@with_flag_groups
def vary(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [PROMPT]",
            help="images to vary one by one, then an optional prompt; - reads stdin",
            autocompletion=completers.complete_images,
        ),
    ],
    prompt_flags: PromptFlags,
    input_flags: InputFlags,
    common: CommonFlags,
    via: Annotated[
        Via,
        typer.Option(metavar="ENDPOINT", help="endpoint: auto, variations or edits", rich_help_panel="Variation"),
    ] = "auto",
    strength: Annotated[
        Strength | None,
        typer.Option(
            metavar="WORD",
            help="strength of the change: subtle, medium or strong  [default: medium]",
            rich_help_panel="Variation",
        ),
    ] = None,
) -> None:
    """Create variations of images.

    Uses the variations endpoint if the model has one, else an edit with a built-in prompt. A PROMPT replaces that one.

    Examples:
      imagecli vary photo.jpg
      imagecli vary photo.jpg -n 3 --strength strong
      imagecli vary photo.jpg "keep the colors, change the season"
      imagecli vary *.jpg -o variations/
      imagecli vary photo.jpg --model dall-e-2 --provider sandbox  # legacy endpoint
    """
    from imagecli import plan_calls
    from imagecli.commands.image.context import build_input_fit, open_command_context
    from imagecli.commands.image.image_words import divide_words
    from imagecli.commands.image.input_sources import read_input_source
    from imagecli.commands.image.prompt import check_one_stdin, is_prompt_required, read_preset, read_prompts
    from imagecli.commands.image.run import run_requests
    from imagecli.commands.image.typed_prompt import keep_typed_prompt

    check_one_stdin(*words, prompt_flags.prompt_option, prompt_flags.prompt_file)
    preset = read_preset(prompt_flags, ctx.obj)
    needs_prompt = is_prompt_required(preset, default=False)
    divided = divide_words(words, prompt_flags, ctx.obj, "vary", needs_prompt=needs_prompt)
    sources = [read_input_source(name, ctx.obj) for name in divided.images]
    prompts = read_prompts(divided.prompt, prompt_flags, ctx.obj, preset)
    context = open_command_context(ctx.obj, "vary", common, prompts[0].variables, preset)
    if prompt_flags.editor:
        from imagecli.commands.image.ask_for_prompt import ask_for_prompt

        context, prompts = ask_for_prompt(context, prompts, editor=True)
    with keep_typed_prompt(context):
        variations = [
            plan_calls.build_variation(
                source,
                prompt.text,
                context.options,
                build_input_fit(input_flags),
                via=via,
                strength=strength,
                provider=context.settings.provider,
                base_url=context.settings.base_url,
                row=context.model,
                catalog=context.catalog,
            )
            for source in sources
            for prompt in prompts
        ]
        requests = [request for request, _ in variations]
        code = run_requests(context, prompts * len(sources), requests, endpoint_note=variations[0][1])
    raise typer.Exit(code)
