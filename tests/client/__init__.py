"""Tests of `imagecli.client`."""
