"""Which pictures and masks are taken, and the refusals of those that are not.

Classic rows speak with the wordings of the DALL·E time, the others with `image_generation_user_error`.
"""

from __future__ import annotations

from imagecli.catalog import ModelRow
from imagecli.domain import InputRule, Operation, Size
from imagecli.sandbox.forms import Form
from imagecli.sandbox.job import Upload
from imagecli.sandbox.refusals import Refusal


def check_pictures(form: Form, operation: Operation, row: ModelRow) -> tuple[object, ...]:
    return ()


def natural_size(looks: tuple[object, ...], row: ModelRow) -> Size:
    if row.sizes.set and not row.sizes.auto:
        return max(row.sizes.set, key=lambda size: (size.is_square, size.pixels))
    return Size(1024, 1024)
