"""Tests of `imagecli.config`."""
