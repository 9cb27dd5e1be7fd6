"""Tests of the worker: processes of the installed command on a real broker."""
