"""The door to everything about inputs: what one is, what is sent in its place, and what lies on it."""

from __future__ import annotations

from imagecli.pictures.fit import Fitted as Fitted
from imagecli.pictures.fit import fit as fit
from imagecli.pictures.look import Look as Look
from imagecli.pictures.look import look as look
from imagecli.pictures.markup import fit_markup as fit_markup
from imagecli.pictures.mask import coverage as coverage
from imagecli.pictures.mask import fit_mask as fit_mask
