"""The work of `imagecli info`: describes each file, and looks up how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagecli.batch.find_journal_entry import find_journal_entry
from imagecli.commands.image.input_sources import read_input_source
from imagecli.commands.image.prompt import check_one_stdin
from imagecli.config.paths import find_folders
from imagecli.creation_record import CreationRecord, record_from_json
from imagecli.domain import MAX_IMAGE_BYTES, InputFile
from imagecli.env import Env
from imagecli.errors import ImagecliError, InputImageError, UsageError, most_severe_exit_code
from imagecli.events import WarningEvent
from imagecli.history.database import HistoryError, open_history
from imagecli.history.query import HistoryImage, find_by_sha256
from imagecli.images.describe_image import describe_image
from imagecli.output.errors import print_error
from imagecli.output.info import DescribedFile, FoundRecord, print_described_file, print_info_json
from imagecli.output.terminal import DisplayOptions, sanitize, write_line
from imagecli.request_options import visible_options
from imagecli.storage.read import read_bounded
from imagecli.storage.sidecar import find_sidecars


def show_info(words: Sequence[str], env: Env, *, as_json: bool) -> int:
    """Prints what each file is, and an error for each that is no complete image. Returns the exit code."""
    check_one_stdin(*words)
    display = DisplayOptions(json=as_json)
    files: list[DescribedFile] = []
    errors: list[ImagecliError] = []
    printed_warnings: set[WarningEvent] = set()
    for word in words:
        problem: ImagecliError | None = None
        try:
            file = _describe_file(word, env)
            problem = _damage_error(file)
            files.append(file)
            if not as_json:
                print_described_file(file, env, is_first=len(files) == 1)
                for warning in set(file.warnings) - printed_warnings:
                    write_line(env.stderr, f"imagecli: warning: {sanitize(warning.message)}")
                printed_warnings.update(file.warnings)
        except UsageError as error:
            problem = error
        if problem:
            errors.append(problem)
            if not as_json:
                print_error(problem, display, env)
    exit_code = most_severe_exit_code([error.exit_code for error in errors]) if errors else 0
    if as_json:
        print_info_json(files, errors, exit_code, env)
    return exit_code


def _describe_file(word: str, env: Env) -> DescribedFile:
    """Raises UsageError if it can't be read, or is not an image."""
    source = read_input_source(word, env)
    data = source.data
    if data is None:
        assert source.path is not None
        data = read_bounded(source.path, MAX_IMAGE_BYTES)
    description = describe_image(data, source.label)
    record, warnings = _find_record(source.path, description.sha256, env)
    return DescribedFile(
        name=source.label,
        path=source.path,
        description=description,
        record=record,
        warnings=warnings,
        other_sidecar=_find_other_sidecar(source.path, description.sha256),
    )


def _damage_error(file: DescribedFile) -> InputImageError | None:
    problem = file.description.problem
    if problem is None:
        return None
    return InputImageError(f"{file.name} is damaged: {problem}", hint="download or create it again")


def _find_record(path: Path | None, sha256: str, env: Env) -> tuple[FoundRecord | None, tuple[WarningEvent, ...]]:
    """How the image with these bytes was made, and a warning if the history can't be read.

    The history comes first: anyone can write the other two.
    """
    warning = None
    try:
        with open_history(find_folders(env).state) as (connection, warning):
            if images := find_by_sha256(connection, sha256):
                return _from_history(images[0]), ()
    except HistoryError as error:
        warning = WarningEvent(code=error.code, message=error.message)
    return _find_beside(path, sha256) if path else None, (warning,) if warning else ()


def _from_history(image: HistoryImage) -> FoundRecord:
    record = CreationRecord(
        command=image.command,
        provider=image.provider,
        model=image.model,
        prompt=image.prompt,
        revised_prompt=image.revised_prompt,
        options=visible_options(image.options),
        inputs=tuple(
            InputFile(role=file.role, name=file.name, path=None, sha256=file.sha256 or "") for file in image.inputs
        ),
        created=f"{image.created:%Y-%m-%dT%H:%M:%SZ}",
        request_id=image.request_id,
        usage=image.usage,
        cost_usd=image.cost_usd,
    )
    return FoundRecord(record=record, place="history", source=f"@{image.id}")


def _find_beside(path: Path, sha256: str) -> FoundRecord | None:
    """As a sidecar or a batch journal in the folders of *path* has it."""
    for place, document in find_sidecars(path):
        if document["sha256"] == sha256:
            return FoundRecord(record=record_from_json(document), place="sidecar", source=str(place))
    if match := find_journal_entry(path, sha256):
        entry = match.entry
        record = CreationRecord(command="batch", provider=entry.provider, model=entry.model, cost_usd=entry.cost_usd)
        return FoundRecord(record=record, place="journal", source=str(match.journal), item=entry.id)
    return None


def _find_other_sidecar(path: Path | None, sha256: str) -> Path | None:
    """The sidecar of the image, if it describes other bytes: the image was changed."""
    sidecars = list(find_sidecars(path)) if path else []
    if any(document["sha256"] == sha256 for _, document in sidecars):
        return None
    return next((place for place, _ in sidecars), None)
