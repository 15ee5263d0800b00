"""A live session turned into one JPEG."""
