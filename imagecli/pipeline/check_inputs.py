"""Checks the input images of all requests before the first one is sent, and reports all problems at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imagecli.domain import Generate, ImageRequest
from imagecli.errors import InputImageError
from imagecli.events import EventHandler, NoteEvent
from imagecli.pipeline.prepare_call import MAX_CACHED_INPUTS, InputCache, inputs_key

MAX_PRINTED: Final = 20
"""Problems that are printed one by one; the others are counted."""

MANY: Final = 20
"""Checking more images than this takes seconds, which a note explains."""


class InputImagesError(InputImageError):
    """Several input images that can't be sent."""

    code = "input_images"

    def __init__(self, problems: Sequence[InputImageError], total: int) -> None:
        message = f"{len(problems):,} of {total:,} inputs can't be sent; nothing was sent"
        super().__init__(message, hint="fix or omit the images listed above")
        self.problems = tuple(problems)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each problem, with its hint, and one that counts those not listed."""
        printed = [
            f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            for problem in self.problems[:MAX_PRINTED]
        ]
        more = len(self.problems) - len(printed)
        return (*printed, f"{more:,} more") if more else tuple(printed)


def check_inputs(requests: Sequence[ImageRequest], inputs: InputCache, on_event: EventHandler) -> None:
    """Checks the images of all *requests*. Raises InputImageError, or InputImagesError if several can't be sent.

    A few sets of images are fitted completely and kept in *inputs*. Of many, each is only checked for damage, unless
    its pixels decide, and fitted when its request is about to be sent: memory does not grow, and the first request is
    sent earlier.
    """
    distinct = {inputs_key(request): request for request in requests if not isinstance(request, Generate)}
    problems: dict[str, InputImageError] = {}
    if len(distinct) > MANY:
        message = f"checking {len(distinct):,} images before the first request"
        on_event(NoteEvent(code="checking", message=message))
    for request in distinct.values():
        try:
            if len(distinct) <= MAX_CACHED_INPUTS or inputs.depends_on_pixels(request):
                inputs.fit_inputs(request, on_event)
            else:
                inputs.check_undamaged(request)
        except InputImageError as error:
            problems.setdefault(error.message, error)
    if len(problems) > 1:
        raise InputImagesError(tuple(problems.values()), len(distinct))
    for problem in problems.values():
        raise problem
