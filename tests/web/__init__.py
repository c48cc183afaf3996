"""Tests of the pages in `imagecli/web/`."""
