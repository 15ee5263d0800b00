"""The Raspberry Pi camera server of CamHub."""
