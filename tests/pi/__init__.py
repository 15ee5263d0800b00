"""Tests of the Raspberry Pi's server."""
