"""Tests of the outside world, with real files, processes and servers."""
