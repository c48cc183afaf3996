"""Tests of `imagecli.output`."""
