"""Pictures on their way into a batch: each goes up once, however many rows send it, and lines name it by its id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from imagecli.api.jobs import Jobs
from imagecli.batch.purchase import Purchase
from imagecli.domain import MEDIA_TYPES, Ask, InputImage
from imagecli.events import Listen
from imagecli.providers.uploads import FILENAME_ENDINGS, Uploads
from imagecli.run.inputs import Inputs


class SentInputs:
    """The input pictures of one run, up there."""

    def __init__(self, client: Jobs, inputs: Callable[[Purchase], Inputs]) -> None:
        """*inputs* are those that are fitted for a purchase's model."""
        self._client, self._inputs = client, inputs
        self._ids: dict[str, str] = {}

    def uploads(self, purchase: Purchase, ask: Ask, listen: Listen) -> Uploads:
        """The pictures of *ask*, without their bytes. Raises InputImageError, and what sending them meets."""
        fitted = self._inputs(purchase).fitted(ask, lambda event: None).uploads
        return Uploads(
            images=tuple(self._sent(image, listen) for image in fitted.images),
            mask=self._sent(fitted.mask, listen) if fitted.mask else None,
            markup=self._sent(fitted.markup, listen) if fitted.markup else None,
        )

    def _sent(self, image: InputImage, listen: Listen) -> InputImage:
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
