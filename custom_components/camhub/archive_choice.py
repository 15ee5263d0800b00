"""Which archive an account uses (stored as one sealed value, since it contains keys), and how it is created."""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from enum import StrEnum
from hashlib import sha256
import json
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import LOGGER, OPTION_ARCHIVE
from .credential_store import CredentialStore
from .exposure import is_media
from .kernel.addresses import checked, parsed
from .kernel.clock import Clock
from .kernel.errors import Unsupported, WrongKey
from .kernel.provider import SessionFactory
from .kernel.secret import Credentials
from .on_demand import AIOBOTOCORE, async_on_demand
from .recording.archives import Archive
from .recording.archives.folder import FolderArchive
from .recording.archives.pi import PiArchive
from .recording.naming import DEFAULT_PATTERN, name_of
from .recording.queue import Job

# What identifies an archive, so that a clip that is still queued goes to the one chosen now.
_PLACE: Final = ("kind", "folder", "endpoint", "bucket", "prefix", "address")


class ArchiveKind(StrEnum):
    """Where clips go."""

    NONE = "none"
    FOLDER = "folder"
    S3 = "s3"
    PI = "pi"


async def async_archive_choice(store: CredentialStore, entry: ConfigEntry[Any]) -> Credentials:
    """Return what an account chose; empty if it can no longer be decrypted."""
    if not (sealed := entry.options.get(OPTION_ARCHIVE)):
        return Credentials()
    try:
        return Credentials(json.loads(await store.async_unseal(sealed)))
    except WrongKey:
        LOGGER.warning("The archive of %s does not open with the key; enter it again", entry.title)
        return Credentials()


def kind_of(choice: Credentials) -> ArchiveKind:
    """Return where clips go."""
    return ArchiveKind(choice.text("kind", ArchiveKind.NONE))


def key_of(choice: Credentials) -> str:
    """Return a key that identifies the archive, hashed."""
    place = json.dumps([choice.text(field) for field in _PLACE])
    return f"{kind_of(choice)}-{sha256(place.encode()).hexdigest()[:12]}"


def listed(choice: Credentials, key: str) -> Sequence[str]:
    """Return a list of the choice, empty for all."""
    found = choice.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []


def number(choice: Credentials, key: str) -> int:
    """Return a number of the choice, 0 where there is none."""
    found = choice.get(key)
    return int(found) if isinstance(found, int | float) else 0


def namer(choice: Credentials, account: str, cameras: dict[str, str], zone: tzinfo) -> Callable[[Job, str], str]:
    """Return what names a clip; `cameras` are names by id."""

    def name(job: Job, ending: str) -> str:
        pattern = choice.text("pattern") or DEFAULT_PATTERN
        camera = cameras.get(job.camera, job.camera)
        return name_of(job, pattern=pattern, account=account, camera=camera, zone=zone, ending=ending)

    return name


async def async_make(hass: HomeAssistant, choice: Credentials, session: SessionFactory, clock: Clock) -> Archive:
    """Return the archive; raises Unsupported."""
    match kind_of(choice):
        case ArchiveKind.FOLDER:
            folder = Path(choice.text("folder"))
            if not folder.is_absolute() or not await hass.async_add_executor_job(_is_allowed, hass, folder):
                raise Unsupported("not an allowed folder", reason="archive_not_allowed")
            return FolderArchive(folder)
        case ArchiveKind.S3:
            if endpoint := choice.text("endpoint"):
                _check_address(endpoint, "archive_unreachable")
            return await _bucket(hass, choice)
        case ArchiveKind.PI:
            _check_address(choice.text("address"), "archive_not_pi")
            verify = choice.flag("verify_tls", default=True)
            return PiArchive(session(verify_tls=verify), choice.text("address"), choice.secret("token"), clock)
        case ArchiveKind.NONE:
            raise Unsupported("no archive", reason="archive_none")


def _check_address(address: str, reason: str) -> None:
    """Raise Unsupported for what is not a web address, or for a forbidden one."""
    url = parsed(address)
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise Unsupported("not a web address", reason=reason)
    checked(url)


def _is_allowed(hass: HomeAssistant, folder: Path) -> bool:
    """Return whether Home Assistant may write to a folder: a media folder, or one that its configuration allows."""
    return is_media(hass, folder) or hass.config.is_allowed_path(str(folder / "clip"))


async def _bucket(hass: HomeAssistant, choice: Credentials) -> Archive:
    """Create the S3 archive; its library is installed on first use."""
    module = await async_on_demand(hass, "recording.archives.s3", AIOBOTOCORE, "archive_no_library")
    settings = {
        key: choice.text(key) or None for key in ("endpoint", "region", "encryption", "kms_key", "storage_class")
    }
    bucket = module.Bucket(
        name=choice.text("bucket"),
        access_key=choice.text("access_key"),
        secret_key=choice.secret("secret_key"),
        prefix=choice.text("prefix"),
        path_style=bool(choice.text("endpoint")),
        **settings,
    )
    archive: Archive = module.S3Archive(bucket)
    return archive
