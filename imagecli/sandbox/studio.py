"""From a form to its pictures: the way that live requests and the lines of a batch share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagecli.catalog import Catalog
from imagecli.domain import Operation
from imagecli.sandbox.failing import Saboteur
from imagecli.sandbox.forms import Form
from imagecli.sandbox.job import Job
from imagecli.sandbox.moderation import check_moderation
from imagecli.sandbox.rules import judge
from imagecli.sandbox.shelf import Shelf
from imagecli.sandbox.tally import Tally

if TYPE_CHECKING:
    from imagecli.sandbox.painter.pictures import Painted


class Studio:
    """What takes requests for pictures, one server's for all its requests."""

    def __init__(self, catalog: Catalog, saboteur: Saboteur, shelf: Shelf) -> None:
        self.catalog = catalog
        self.saboteur = saboteur
        self.shelf = shelf
        self._tally = Tally()

    def judge(self, form: Form, operation: Operation, request_id: str) -> Job:
        """The job that *form* asks for. Raises ApiError."""
        job = judge(form, operation, self.catalog)
        check_moderation(job.prompt, request_id)
        return job

    def number(self, job: Job, form: Form) -> range:
        """The indices of the job's pictures, which no later request for the same gets."""
        return self._tally.take(job, form)

    @staticmethod
    def paint(job: Job, numbers: range) -> Iterator[Painted]:
        """The pictures of these indices, each when it is asked for."""
        from imagecli.sandbox.painter import paint

        return (paint(job, index) for index in numbers)
