"""Tests of `imagecli.providers`."""
