"""`imagecli generate`: creates images from a prompt."""

from typing import Annotated

import typer

from imagecli.commands.flags import CommonFlags, PromptFlags, with_flag_groups


@with_flag_groups
def generate(
    ctx: typer.Context,
    prompt_flags: PromptFlags,
    common: CommonFlags,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="description of the image; - reads stdin  [default: ask on a terminal]"),
    ] = None,
) -> None:
    """Create images from text.

    Examples:
      imagecli generate "a white siamese cat"
      imagecli generate "a white siamese cat" --provider sandbox  # no key needed
      imagecli generate "a lighthouse" -n 3 -s landscape -o light-{n:02}.webp
      imagecli generate "a {animal} in a hat" --var animal=cat --var animal=owl
      imagecli generate "a rocket" --preset icon  # see imagecli help settings
      imagecli generate "an app icon" --quality low --dry-run  # print the price
      git log -1 --format=%s | imagecli generate - -o - > commit.png
    """
    from imagecli.commands.image.context import open_command_context
    from imagecli.commands.image.prompt import check_one_stdin, read_preset, read_prompts
    from imagecli.commands.image.run import run_requests
    from imagecli.domain import Generate
    from imagecli.errors import UsageError
    from imagecli.quoting import shell_quote

    check_one_stdin(prompt, prompt_flags.prompt_option, prompt_flags.prompt_file)
    preset = read_preset(prompt_flags, ctx.obj)
    prompts = read_prompts(prompt, prompt_flags, ctx.obj, preset)
    if prompts[0].text is None and not (prompt_flags.editor or ctx.obj.can_ask):
        options = f" --preset {shell_quote(preset.name)}" if preset else ""
        raise UsageError("missing prompt", hint=f'imagecli generate "a white siamese cat"{options}')
    context = open_command_context(ctx.obj, "generate", common, prompts[0].variables, preset)
    if prompts[0].text is None or prompt_flags.editor:
        from imagecli.commands.image.ask_for_prompt import ask_for_prompt

        context, prompts = ask_for_prompt(context, prompts, editor=prompt_flags.editor)
    requests = [Generate(prompt=words.text or "", options=context.options) for words in prompts]
    if context.typed_prompt is None:
        raise typer.Exit(run_requests(context, prompts, requests))
    from imagecli.commands.image.typed_prompt import keep_typed_prompt

    with keep_typed_prompt(context):
        code = run_requests(context, prompts, requests)
    raise typer.Exit(code)
