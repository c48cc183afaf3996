"""Tests of `imagecli.pipeline`."""
