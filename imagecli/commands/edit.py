"""`imagecli edit`: edits images as a prompt describes."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.choices import Anchor
from imagecli.commands import completers
from imagecli.commands.flags import CommonFlags, InputFlags, PromptFlags, with_flag_groups


@with_flag_groups
def edit(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [PROMPT]",
            help="images to edit one by one, then the prompt; - reads stdin",
            autocompletion=completers.complete_images,
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
    paint: Annotated[
        bool,
        typer.Option(
            "--paint", help="paint the mask in the browser, starting from any other mask", rich_help_panel="Inputs"
        ),
    ] = False,
    keep_outside: Annotated[
        bool,
        typer.Option(
            "--keep-outside", help="restore the original outside the mask, at full size", rich_help_panel="Inputs"
        ),
    ] = False,
    crop_to_mask: Annotated[
        bool,
        typer.Option(
            "--crop-to-mask", help="send only the region of the mask; implies --keep-outside", rich_help_panel="Inputs"
        ),
    ] = False,
    crop_padding: Annotated[
        str | None,
        typer.Option(
            metavar="PX|%",
            help="margin around the mask for --crop-to-mask  [default: 50%]",
            rich_help_panel="Inputs",
        ),
    ] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="extend the image: 16:9, or left=256,right=10%; keeps the original",
            rich_help_panel="Inputs",
        ),
    ] = None,
    anchor: Annotated[
        Anchor | None,
        typer.Option(
            metavar="WHERE",
            help="position of the original with --extend 16:9, such as top-left",
            rich_help_panel="Inputs",
        ),
    ] = None,
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
            "--image",
            metavar="FILE",
            help="additional input image of each edit; repeatable",
            rich_help_panel="Inputs",
            autocompletion=completers.complete_images,
        ),
    ] = None,
) -> None:
    """Edit images with a prompt.

    Examples:
      imagecli edit photo.jpg "the same room at night, lit by candles"
      imagecli edit photo.jpg "a red sofa in the room" --mask sofa.png
      imagecli edit photo.jpg "a red sofa" --paint
      imagecli edit photo.jpg "a red sofa" --mask-rect 10%,50%,60%,40%
      imagecli edit *.jpg "the same photo at night" -o night/  # one edit of each
      imagecli edit photo.jpg "a red sofa" --mask sofa.png --crop-to-mask
      imagecli edit photo.jpg --extend 16:9
      imagecli edit cup.jpg "the cup on this table" --image table.jpg
      cat in.jpg | imagecli edit - "a watercolor of it" -o - > out.png
    """
    from imagecli.commands.image.context import build_input_fit, open_command_context
    from imagecli.commands.image.image_words import divide_words
    from imagecli.commands.image.input_sources import read_input_source
    from imagecli.commands.image.prompt import check_one_stdin, is_prompt_required, read_preset, read_prompts
    from imagecli.commands.image.run import run_requests
    from imagecli.commands.image.typed_prompt import keep_typed_prompt
    from imagecli.composition_options import EXTEND_PROMPT, build_composition_options, parse_extension, parse_padding
    from imagecli.domain import Edit
    from imagecli.events import NoteEvent
    from imagecli.mask_shapes import build_mask_source, parse_shape

    shapes = [
        *(parse_shape("rect", text, "--mask-rect") for text in mask_rect or ()),
        *(parse_shape("ellipse", text, "--mask-ellipse") for text in mask_ellipse or ()),
    ]
    files = images or []
    check_one_stdin(*words, *files, mask, markup, prompt_flags.prompt_option, prompt_flags.prompt_file)
    extension = parse_extension(extend) if extend else None
    preset = read_preset(prompt_flags, ctx.obj)
    needs_prompt = is_prompt_required(preset, default=extension is None)
    divided = divide_words(words, prompt_flags, ctx.obj, "edit", needs_prompt=needs_prompt)
    sources = [read_input_source(name, ctx.obj) for name in divided.images]
    if paint:
        from imagecli.commands.image.paint_edit import check_can_paint

        check_can_paint(sources, has_markup=markup is not None)
    further = [read_input_source(name, ctx.obj) for name in files]
    mask_file = read_input_source(mask, ctx.obj) if mask else None
    markup_source = read_input_source(markup, ctx.obj) if markup else None
    mask_source = build_mask_source(mask_file, shapes, invert=mask_invert, fit=mask_fit)
    composition = build_composition_options(
        keep_outside=keep_outside,
        crop_to_mask=crop_to_mask,
        crop_padding=parse_padding(crop_padding) if crop_padding else None,
        extension=extension,
        anchor=anchor,
        has_mask=paint or mask_source is not None,
    )
    prompts = read_prompts(divided.prompt, prompt_flags, ctx.obj, preset)
    context = open_command_context(ctx.obj, "edit", common, prompts[0].variables, preset)
    if prompts[0].text is None and not prompt_flags.editor:
        prompts = [prompt._replace(text=EXTEND_PROMPT, name_text="extended") for prompt in prompts]
        note = NoteEvent(code="prompt", message=f"using the prompt: {EXTEND_PROMPT}")
        context = context._replace(notes=(*context.notes, note))
    if prompt_flags.editor:
        from imagecli.commands.image.ask_for_prompt import ask_for_prompt

        context, prompts = ask_for_prompt(context, prompts, editor=True)
    requests = [
        Edit(
            prompt=prompt.text or "",
            images=(source, *further),
            mask=mask_source,
            markup=markup_source,
            input_fit=build_input_fit(input_flags),
            composition=composition,
            options=context.options._replace(input_fidelity=input_fidelity),
        )
        for source in sources
        for prompt in prompts
    ]
    prompts = prompts * len(sources)
    with keep_typed_prompt(context):
        if not paint:
            raise typer.Exit(run_requests(context, prompts, requests))
        from imagecli.commands.image.paint_edit import paint_mask
        from imagecli.commands.image.painted_mask import discard_kept_mask, keep_painted_mask
        from imagecli.errors import EXIT_OK

        context, requests = paint_mask(context, prompts, requests)
        with keep_painted_mask(context):
            code = run_requests(context, prompts, requests)
        if code == EXIT_OK and context.painted_mask:
            discard_kept_mask(context.painted_mask)
    raise typer.Exit(code)
