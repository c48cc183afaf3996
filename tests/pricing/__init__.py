"""Tests of `imagecli.pricing`: the cost of requests, and the cost limit."""
