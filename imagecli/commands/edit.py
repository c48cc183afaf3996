"""`imagecli edit`: edits an image as a prompt describes."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completers
from imagecli.commands.flags import CommonFlags, InputFlags, PromptFlags, with_flag_groups


@with_flag_groups
def edit(
    ctx: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="image to edit; - reads stdin")],
    prompt_flags: PromptFlags,
    input_flags: InputFlags,
    common: CommonFlags,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="description of the complete new image; - reads stdin")
    ] = None,
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
        typer.Option("--image", metavar="FILE", help="additional input image; repeatable", rich_help_panel="Inputs"),
    ] = None,
) -> None:
    """Edit an image with a prompt.

    Examples:
      imagecli edit photo.jpg "the same room at night, lit by candles"
      imagecli edit photo.jpg "a red sofa in the room" --mask sofa.png
      imagecli edit photo.jpg "a red sofa" --mask-rect 10%,50%,60%,40%
      imagecli edit cup.jpg "the cup on this table" --image table.jpg
      cat in.jpg | imagecli edit - "a watercolor of it" -o - > out.png
    """

    from imagecli.commands.image.context import build_input_fit, open_command_context
    from imagecli.commands.image.input_sources import read_input_source
    from imagecli.commands.image.prompt import check_one_stdin, no_prompt_error, read_prompts
    from imagecli.commands.image.run import run_requests
    from imagecli.domain import Edit
    from imagecli.mask_shapes import build_mask_source, parse_shape

    shapes = [
        *(parse_shape("rect", text, "--mask-rect") for text in mask_rect or ()),
        *(parse_shape("ellipse", text, "--mask-ellipse") for text in mask_ellipse or ()),
    ]
    names = [image, *(images or [])]
    check_one_stdin(*names, mask, markup, prompt, prompt_flags.prompt_option, prompt_flags.prompt_file)
    sources = tuple(read_input_source(name, ctx.obj) for name in names)
    prompts = read_prompts(prompt, prompt_flags, ctx.obj, sources[0])
    if prompts[0].text is None and not prompt_flags.editor:
        raise no_prompt_error(sources[0])
    context = open_command_context(ctx.obj, "edit", common, prompts[0].variables)
    if prompts[0].text is None:
        from imagecli.commands.image.ask_for_prompt import ask_for_prompt

        context, prompts = ask_for_prompt(context, prompts, editor=prompt_flags.editor)
    mask_file = read_input_source(mask, ctx.obj) if mask else None
    mask_source = build_mask_source(mask_file, shapes, invert=mask_invert, fit=mask_fit)
    markup_source = read_input_source(markup, ctx.obj) if markup else None
    requests = [
        Edit(
            prompt=one.text or "",
            images=sources,
            mask=mask_source,
            markup=markup_source,
            input_fit=build_input_fit(input_flags),
            options=context.options._replace(input_fidelity=input_fidelity),
        )
        for one in prompts
    ]
    raise typer.Exit(run_requests(context, prompts, requests))
