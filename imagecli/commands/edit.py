"""`imagecli edit`: a picture and words → the picture, changed."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completion
from imagecli.commands.option_groups import grouped
from imagecli.commands.options import CommonOptions, InputOptions, PromptOptions


@grouped
def edit(
    ctx: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="the picture to change; - reads stdin")],
    words: PromptOptions,
    inputs: InputOptions,
    common: CommonOptions,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="what the whole new picture shows; - reads stdin")
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="PNG of the picture's size; where it is transparent may change",
            rich_help_panel="Inputs",
        ),
    ] = None,
    markup: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="transparent PNG of the picture's size, with arrows or circles that show what is meant",
            rich_help_panel="Inputs",
        ),
    ] = None,
    input_fidelity: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="high keeps faces and logos; high or low",
            rich_help_panel="Inputs",
            autocompletion=completion.words("input_fidelity"),
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="FILE", help="a further picture to draw on; repeatable", rich_help_panel="Inputs"
        ),
    ] = None,
) -> None:
    """Change a picture by words.

    \b
      imagecli edit photo.jpg "the same room at night, lit by candles"
      imagecli edit photo.jpg "a red sofa in the room" --mask sofa.png
      imagecli edit cup.jpg "the cup on this table" --image table.jpg
      cat in.jpg | imagecli edit - "a watercolour of it" -o - > out.png
    """
    from dataclasses import replace

    from imagecli.commands.image.context import open_desk
    from imagecli.commands.image.flags import framing_of
    from imagecli.commands.image.prompt import check_one_stdin, no_prompt, read_source, read_words
    from imagecli.domain import Edit

    names = [image, *(images or [])]
    check_one_stdin(*names, mask, markup, prompt, words.prompt_option, words.prompt_file)
    sources = tuple(read_source(name, ctx.obj) for name in names)
    texts = read_words(prompt, words, ctx.obj, sources[0])
    if texts[0].prompt is None:
        raise no_prompt(sources[0])
    desk = open_desk(ctx.obj, "edit", common, texts[0].variables)
    cut = read_source(mask, ctx.obj) if mask else None
    drawn = read_source(markup, ctx.obj) if markup else None
    framing = framing_of(inputs)
    rendering = replace(desk.rendering, input_fidelity=input_fidelity)
    desk.buy(
        [
            (
                Edit(
                    prompt=text.prompt or "",
                    images=sources,
                    mask=cut,
                    markup=drawn,
                    framing=framing,
                    rendering=rendering,
                ),
                text,
            )
            for text in texts
        ]
    )
