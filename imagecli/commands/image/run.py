"""What generate, edit and vary do once their options are resolved: validate, plan, then execute or print the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from imagecli.checks.check_request import check_model_life, check_request, unknown_model_warnings
from imagecli.checks.provider_fields import check_capabilities
from imagecli.commands.image.context import CommandContext, name_option_origins
from imagecli.commands.image.plan import RequestPlan, build_request_plan
from imagecli.commands.image.prompt import Prompt
from imagecli.config.project import PROJECT_FILE
from imagecli.domain import Edit, ImageRequest, all_input_sources
from imagecli.errors import OutputError
from imagecli.events import NoteEvent, WarningEvent, ignore_event
from imagecli.output.progress import open_progress
from imagecli.output.result import print_result, write_image_to_stdout
from imagecli.results import CommandResult
from imagecli.safe_open import is_below, real_path
from imagecli.templates import find_unset_names

MAX_NAMED = 3
"""Names without a value that a note lists."""


def run_requests(
    context: CommandContext, prompts: Sequence[Prompt], requests: Sequence[ImageRequest], *, endpoint_note: str = ""
) -> int:
    """Validates and plans *requests*, executes them or shows the plan, and returns the exit code.

    *prompts* are those of the requests. Raises UsageError or OutputError before anything is sent.
    """
    prompts, requests, repeat_notes = remove_repeated_requests(prompts, requests)
    requests = _resolve_sizes(requests, context)
    warnings = validate_requests(requests, context)
    plan = _plan_requests(prompts, requests, context)
    _check_output_root(plan, context)
    with open_progress(context.env, context.display) as progress:
        if plan.calls and not context.dry_run and (context.settings.state_dir / "rescued").is_dir():
            from imagecli.commands.image.save_rescued import save_rescued

            if save_rescued(plan, context, progress):
                plan = _plan_requests(prompts, requests, context)
        notes = (*_settings_notes(context, prompts, endpoint_note), *_reference_notes(requests), *context.notes)
        for event in (*repeat_notes, *notes, *warnings, *plan.notes):
            progress(event)
        # Imported only now: what was refused before needs neither requests nor Pillow.
        if context.dry_run:
            from imagecli.commands.image.dry_run import dry_run

            result = dry_run(plan, context, progress)
        elif plan.calls:
            from imagecli.commands.image.execute import execute_plan

            result = execute_plan(plan, context, progress)
            if result.all_errors and context.painted_mask:
                from imagecli.commands.image.painted_mask import with_saved_mask

                context, note = with_saved_mask(context, context.painted_mask)
                progress(note)
            if result.all_errors and not result.saved and context.typed_prompt:
                from imagecli.commands.image.typed_prompt import typed_prompt_note

                progress(typed_prompt_note(context, context.typed_prompt))
            if result.all_errors:
                from imagecli.commands.image.rest_hint import with_rest_hint

                result = with_rest_hint(result._replace(skipped=plan.skipped), prompts, requests, context)
        else:
            result = CommandResult(command=context.command)
        result = result._replace(skipped=plan.skipped, notes=tuple(progress.remarks), partials=tuple(progress.partials))
    for call_result in result.outcomes:
        if call_result.stdout_image:
            result = write_image_to_stdout(call_result.stdout_image, result, context.env, progress)
    if context.settings.history and any(outcome.is_recorded for outcome in result.outcomes):
        # Imported only now: the images are saved.
        from imagecli.commands.image.record_history import record_history

        result = record_history(result, plan.calls, prompts, context, progress)
    if result.saved and (context.display.preview != "none" or context.open_images):
        from imagecli.commands.image.show_results import show_results

        result = show_results(result, context)
    return print_result(result, context.display, context.env, paths=context.output.kind != "stdout")


def remove_repeated_requests(
    prompts: Sequence[Prompt], requests: Sequence[ImageRequest]
) -> tuple[list[Prompt], list[ImageRequest], list[NoteEvent]]:
    """*prompts* and *requests* without repetitions, and a note for each of these: a glob and a name can overlap.

    The requests of a command differ only in their images and the values of --var.
    """
    unique: dict[object, tuple[Prompt, ImageRequest]] = {}
    notes: dict[str, NoteEvent] = {}
    for prompt, request in zip(prompts, requests, strict=True):
        sources = request.input_sources
        files = tuple(real_path(source.path.parent) / source.path.name if source.path else None for source in sources)
        if (key := (files, tuple(prompt.variables.items()))) not in unique:
            unique[key] = prompt, request
            continue
        subject = f"{sources[0].label} with the same prompt" if sources else f"the prompt {prompt.text!r}"
        message = f"{subject} is given more than once, and requested only once; -n 2 creates two images"
        notes[subject] = NoteEvent(code="repeated", message=message)
    return [prompt for prompt, _ in unique.values()], [request for _, request in unique.values()], [*notes.values()]


def check_requests(context: CommandContext, prompts: Sequence[Prompt], requests: Sequence[ImageRequest]) -> bool:
    """Checks everything that `run_requests` checks before it sends the first request. Writes and sends nothing.

    Returns whether it would send any. Raises what it raises, and the error that it would print.
    """
    from imagecli.commands.image.dry_run import dry_run

    requests = _resolve_sizes(requests, context)
    validate_requests(requests, context)
    plan = _plan_requests(prompts, requests, context)
    _check_output_root(plan, context)
    if not plan.calls:
        return False
    for error in dry_run(plan, context, ignore_event).errors:
        raise error
    if context.settings.no_key:
        raise context.settings.no_key
    return True


def _resolve_sizes(requests: Sequence[ImageRequest], context: CommandContext) -> Sequence[ImageRequest]:
    """*requests*, with the sizes of those whose result is pasted into their image."""
    if not any(isinstance(request, Edit) and request.composition for request in requests):
        return requests
    from imagecli.pipeline.resolve_composed import resolve_composed_edits

    return resolve_composed_edits(requests, context.model, context.settings.provider)


def _plan_requests(prompts: Sequence[Prompt], requests: Sequence[ImageRequest], context: CommandContext) -> RequestPlan:
    return build_request_plan(
        prompts, requests, context.output, context.settings.if_exists, context.model, context.env.now()
    )


def validate_requests(requests: Iterable[ImageRequest], context: CommandContext) -> tuple[WarningEvent, ...]:
    """Warnings about *requests*, each once. Raises UsageError if the model or provider can't execute one."""
    settings, model = context.settings, context.model
    with name_option_origins(settings):
        warnings = list(check_model_life(model, settings.provider, settings.base_url, context.env.now().date()))
        for request in requests:
            warnings += check_request(request, model, context.catalog.models.values())
            warnings += check_capabilities(request, settings.provider)
    return tuple(dict.fromkeys(warnings))


def _check_output_root(plan: RequestPlan, context: CommandContext) -> None:
    """Raises OutputError if an output that a project file sets leaves the current folder through a link."""
    for folder in {folder for call in plan.calls for folder in call.folders}:
        if context.output_root and not is_below(folder, context.output_root):
            raise OutputError(
                f"output in {PROJECT_FILE} is outside the current folder: {real_path(folder)}",
                hint="use -o PATH to save there anyway",
            )


def _reference_notes(requests: Iterable[ImageRequest]) -> Iterator[NoteEvent]:
    """Which files `@last` and the like in *requests* stand for, each once."""
    sources = {source.reference: source for request in requests for source in all_input_sources(request)}
    for reference, source in sources.items():
        if reference:
            yield NoteEvent(code="reference", message=f"{reference} is {source.name}")


def _settings_notes(
    context: CommandContext, prompts: Sequence[Prompt], endpoint_note: str
) -> Iterator[NoteEvent | WarningEvent]:
    if endpoint_note:
        yield NoteEvent(code="endpoint", message=endpoint_note)
    if context.preset and context.preset.is_from_project and context.preset.prompt:
        texts = list(dict.fromkeys(prompt.text or "" for prompt in prompts))
        more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
        message = f"{context.preset} makes the prompt {texts[0]!r}{more}"
        yield NoteEvent(code="preset", message=message)
    if names := find_unset_names(prompts[0].typed or "", prompts[0].variables):
        placeholders = " ".join(f"{{{name}}}" for name in names[:MAX_NAMED])
        verb = "is" if len(names) == 1 else "are"
        message = f"{placeholders} {verb} sent as typed; --var {names[0]}=VALUE sets a value"
        yield NoteEvent(code="unset_name", message=message)
    if context.settings.image.model:
        yield from unknown_model_warnings(context.model, context.catalog.models)
    yield from context.settings.notes
    yield from context.settings.warnings
