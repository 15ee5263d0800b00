"""A real Home Assistant with CamHub and simulated cameras, for the demo and the end-to-end tests."""
