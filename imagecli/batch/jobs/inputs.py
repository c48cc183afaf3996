"""Pictures on their way into a batch: each goes up once, however many rows send it, and lines name it by its id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from imagecli.api.jobs import Jobs
from imagecli.batch.purchase import Purchase
from imagecli.checks import inputs_of
from imagecli.domain import MEDIA_TYPES, Ask, Edit, Generate, InputImage
from imagecli.events import Listen
from imagecli.providers.uploads import FILENAME_ENDINGS, Uploads
from imagecli.run.inputs import Inputs


class SentInputs:
    """The input pictures of one run, up there."""

    def __init__(self, client: Jobs, inputs: Callable[[Purchase], Inputs]) -> None:
        """*inputs* are those that are fitted for a purchase's model."""
        self._client, self._inputs = client, inputs
        self._known: dict[object, Uploads] = {}
        self._ids: dict[str, str] = {}

    def uploads(self, purchase: Purchase, ask: Ask, listen: Listen) -> Uploads:
        """The pictures of *ask*, without their bytes. Raises InputImageError, and what sending them meets."""
        if isinstance(ask, Generate):
            return Uploads()
        layers = (ask.mask, ask.markup) if isinstance(ask, Edit) else ()
        key = (purchase.item.model.name, inputs_of(ask), layers, ask.framing)
        if key not in self._known:
            self._known[key] = self._sent(self._inputs(purchase).fitted(ask, lambda event: None).uploads, listen)
        return self._known[key]

    def _sent(self, fitted: Uploads, listen: Listen) -> Uploads:
        return Uploads(
            images=tuple(self._named(image, listen) for image in fitted.images),
            mask=self._named(fitted.mask, listen) if fitted.mask else None,
            markup=self._named(fitted.markup, listen) if fitted.markup else None,
        )

    def _named(self, image: InputImage, listen: Listen) -> InputImage:
        """*image* by its id. One that goes up as two sources is up there once."""
        digest = hashlib.sha256(image.data).hexdigest()
        if digest not in self._ids:
            self._ids[digest] = self._client.upload(
                image.data,
                filename=f"image.{FILENAME_ENDINGS.get(image.format, image.format)}",
                media_type=MEDIA_TYPES[image.format],
                purpose="vision",
                listen=listen,
            )
        return replace(image, data=b"", file_id=self._ids[digest])
