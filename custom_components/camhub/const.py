"""Names and numbers of the hub."""

from datetime import timedelta
import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "camhub"
LOGGER: Final = logging.getLogger(__package__)

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CAMERA,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.SWITCH,
)

# Of entries. One of a higher version is a newer CamHub's; a higher minor version can be read all the same.
ENTRY_VERSION: Final = 1
ENTRY_MINOR_VERSION: Final = 1

# What an entry stores: everything that came from the user is one sealed value.
CONF_PROVIDER: Final = "provider"
CONF_CREDENTIALS: Final = "credentials"
# A hash of the normalised address, for devices that have no serial number to know them by.
CONF_MATCH: Final = "match"
# What a device that was discovered is known by, whatever its address.
CONF_FOUND: Final = "found"
# Counts the changes of the credentials, so that the newer of two copies is known.
CONF_GENERATION: Final = "generation"

# Minutes between two looks at an account.
OPTION_INTERVAL: Final = "interval"
DEFAULT_INTERVAL: Final = 5
# Seconds for which a picture counts as fresh; the dashboard of Home Assistant asks every 10 s.
OPTION_PICTURE_AGE: Final = "picture_age"
DEFAULT_PICTURE_AGE: Final = 8

# Hours after which a camera that is dark all the time is told of, 0 for never.
OPTION_DARK: Final = "dark"
DEFAULT_DARK: Final = 6

# Per camera: whether it is told of when it is dark, and the shortest time between its pictures, in seconds.
OPTION_CAMERAS: Final = "cameras"
CAMERA_TELL: Final = "tell"
CAMERA_FLOOR: Final = "floor"

# Pictures fetched at once by a sweep: beyond 16-32 the event loop, not the cameras, is the limit.
SWEEP_CONCURRENCY: Final = 8
# Home Assistant gives up on a still after 10 s; answering a little sooner leaves our own words.
STILL_PATIENCE: Final = 9.0

# Floor of pictures of events, in seconds: something moves, so a battery camera is awake.
EVENT_FLOOR: Final = 30.0
# Rounds of a sweep over the cameras that were asked to wait.
SWEEP_ROUNDS: Final = 5
# The longest pause between two rounds, in seconds: services count their calls by the minute.
SWEEP_PAUSE: Final = 120.0
# Seconds for which a player that does not tell its end is taken to play on.
PLAYER_LIFE: Final = 600.0
# A login that dies within so many days is announced.
OPTION_WARN_DAYS: Final = "warn_days"
DEFAULT_WARN_DAYS: Final = 7
# A refused login is told of at once, then not again for so many minutes.
OPTION_SILENCE: Final = "silence"
DEFAULT_SILENCE: Final = 60
# Who is told: a notify entity or a notify action.
OPTION_NOTIFY: Final = "notify"

# Per camera whose pictures are watched for motion: how. A camera that is not in there is not watched.
OPTION_MOTION: Final = "motion"
MOTION_SENSITIVITY: Final = "sensitivity"
MOTION_MINIMUM: Final = "minimum"
MOTION_COOL_DOWN: Final = "cool_down"
MOTION_ZONES: Final = "zones"
# Per camera: how it is recorded. One that is not in there is recorded by hand only.
OPTION_RECORDING: Final = "recording"
# How much of an account's recordings is kept, and where.
OPTION_KEPT: Final = "recordings_kept"
# What only one kind of camera has: the provider's own settings, by key.
OPTION_PROVIDER: Final = "provider"
# What takes pictures out of live sessions, and the browsers that may do it, sealed: an address may hold a key.
OPTION_CAPTURE: Final = "capture"
OPTION_BROWSERS: Final = "capture_browsers"

# Where clips are kept, and the keys to it: one sealed value.
OPTION_ARCHIVE: Final = "archive"
# Of which cameras a face service is asked who is before them, where and how often; and its keys, sealed.
OPTION_RECOGNITION: Final = "recognition"
OPTION_RECOGNITION_KEYS: Final = "recognition_keys"
# Settings that are sealed, each a text.
SEALED_OPTIONS: Final = (OPTION_ARCHIVE, OPTION_BROWSERS, OPTION_RECOGNITION_KEYS)
# On the bus when a camera begins to see something, and when it is known who it is.
EVENT_SEEN: Final = f"{DOMAIN}_seen"

# Per camera: who may see it. A camera that is not in there is for everyone.
OPTION_VIEWERS: Final = "viewers"
VIEWER_USERS: Final = "users"
VIEWER_GROUPS: Final = "groups"
# Seconds after which a stream that has not begun is given up.
OPTION_FIRST_BYTE: Final = "first_byte"
DEFAULT_FIRST_BYTE: Final = 30
# What one user may take from an account, 0 for no limit: streams at once, kB a second, MB a day.
OPTION_MAX_STREAMS: Final = "max_streams"
OPTION_MAX_RATE: Final = "max_rate"
OPTION_MAX_DAY: Final = "max_day"

# Where a clip is: at its maker, recorded here, or a preview of its maker's that lies here.
VENDOR: Final = "vendor"
LOCAL: Final = "local"
PREVIEWS: Final = "previews"

# More at once would fill the disk of whatever keeps it.
LONGEST_EXPORT: Final = timedelta(days=1)
NAME_LENGTH: Final = 256
