"""The keys of pictures in the album, which all accounts share."""


def account_prefix(entry_id: str) -> str:
    """Return the prefix of the keys of an account's pictures."""
    return f"{entry_id}/"


def picture_key(entry_id: str, camera_id: str) -> str:
    """Return the key of a camera's picture."""
    return f"{account_prefix(entry_id)}{camera_id}"


def event_picture_key(entry_id: str, camera_id: str) -> str:
    """Return the key of the picture of a camera's last event."""
    return f"{picture_key(entry_id, camera_id)}/event"
