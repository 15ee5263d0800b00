"""The demo as a user meets it: a real Home Assistant process, driven by a real Chromium."""
