"""What pictures are called in the album, which all accounts share."""


def account_prefix(entry_id: str) -> str:
    """Return what the names of all pictures of an account begin with."""
    return f"{entry_id}/"


def picture_key(entry_id: str, camera_id: str) -> str:
    """Return the name of a camera's picture."""
    return f"{account_prefix(entry_id)}{camera_id}"


def event_picture_key(entry_id: str, camera_id: str) -> str:
    """Return the name of the picture of what a camera saw last."""
    return f"{picture_key(entry_id, camera_id)}/event"
