"""Tests of `imagecli.commands`."""
