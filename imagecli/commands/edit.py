"""`imagecli edit`: edits images as a prompt describes."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completers
from imagecli.commands.flags import CommonFlags, InputFlags, PromptFlags, with_flag_groups


@with_flag_groups
def edit(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [PROMPT]",
            help="images, one edit each; last a description of the result; - reads stdin",
        ),
    ],
    prompt_flags: PromptFlags,
    input_flags: InputFlags,
    common: CommonFlags,
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="edit only the transparent (or white) area of this mask",
            rich_help_panel="Inputs",
        ),
    ] = None,
    mask_rect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="edit only this rectangle (pixels or percent); repeatable",
            rich_help_panel="Inputs",
        ),
    ] = None,
    mask_ellipse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="edit only the ellipse inside this rectangle; repeatable",
            rich_help_panel="Inputs",
        ),
    ] = None,
    mask_invert: Annotated[
        bool,
        typer.Option("--mask-invert", help="edit everything but the mask's area", rich_help_panel="Inputs"),
    ] = False,
    mask_fit: Annotated[
        bool,
        typer.Option("--mask-fit", help="scale the mask to the image's size", rich_help_panel="Inputs"),
    ] = False,
    markup: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="transparent PNG of the image's size with hints, such as arrows",
            rich_help_panel="Inputs",
        ),
    ] = None,
    input_fidelity: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="high (preserves faces and logos) or low",
            rich_help_panel="Inputs",
            autocompletion=completers.word_completer("input_fidelity"),
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="FILE", help="additional input image of each edit; repeatable", rich_help_panel="Inputs"
        ),
    ] = None,
) -> None:
    """Edit images with a prompt.

    Examples:
      imagecli edit photo.jpg "the same room at night, lit by candles"
      imagecli edit photo.jpg "a red sofa in the room" --mask sofa.png
      imagecli edit photo.jpg "a red sofa" --mask-rect 10%,50%,60%,40%
      imagecli edit *.jpg "the same photo at night" -o night/  # one edit of each
      imagecli edit cup.jpg "the cup on this table" --image table.jpg
      cat in.jpg | imagecli edit - "a watercolor of it" -o - > out.png
    """
    from imagecli.commands.image.context import build_input_fit, open_command_context
    from imagecli.commands.image.image_words import divide_words
    from imagecli.commands.image.input_sources import read_input_source
    from imagecli.commands.image.prompt import check_one_stdin, read_prompts
    from imagecli.commands.image.run import run_requests
    from imagecli.domain import Edit
    from imagecli.mask_shapes import build_mask_source, parse_shape

    shapes = [
        *(parse_shape("rect", text, "--mask-rect") for text in mask_rect or ()),
        *(parse_shape("ellipse", text, "--mask-ellipse") for text in mask_ellipse or ()),
    ]
    files = images or []
    check_one_stdin(*words, *files, mask, markup, prompt_flags.prompt_option, prompt_flags.prompt_file)
    divided = divide_words(words, prompt_flags, ctx.obj, "edit")
    sources = [read_input_source(name, ctx.obj) for name in divided.images]
    further = [read_input_source(name, ctx.obj) for name in files]
    prompts = read_prompts(divided.prompt, prompt_flags, ctx.obj)
    context = open_command_context(ctx.obj, "edit", common, prompts[0].variables)
    if prompt_flags.editor:
        from imagecli.commands.image.ask_for_prompt import ask_for_prompt

        context, prompts = ask_for_prompt(context, prompts, editor=True)
    mask_file = read_input_source(mask, ctx.obj) if mask else None
    mask_source = build_mask_source(mask_file, shapes, invert=mask_invert, fit=mask_fit)
    markup_source = read_input_source(markup, ctx.obj) if markup else None
    requests = [
        Edit(
            prompt=prompt.text or "",
            images=(source, *further),
            mask=mask_source,
            markup=markup_source,
            input_fit=build_input_fit(input_flags),
            options=context.options._replace(input_fidelity=input_fidelity),
        )
        for source in sources
        for prompt in prompts
    ]
    raise typer.Exit(run_requests(context, prompts * len(sources), requests))
