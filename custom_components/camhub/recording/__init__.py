"""Motion, recordings and clips, whatever the camera."""
