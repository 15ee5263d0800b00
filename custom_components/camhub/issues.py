"""Repair issues: each belongs to one account, or to the encryption key of all."""

from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN

ENTRY: Final = "entry_id"
CAMERA: Final = "camera_id"
# Problems of the key, which concern all accounts; every other reason concerns the data of one account.
KEY_PROBLEMS: Final = ("key_exposed", "key_malformed", "key_missing", "key_unreadable")
# Issues that are fixed on a page of the account's options (a step of `options_flow.py`).
PAGES: Final = {
    "archive_failing": "archive",
    "archive_open": "archive",
    "archive_unreadable": "archive",
    "browsers_unreadable": "capture",
    "disk_full": "recordings_kept",
    "recognition_keys_unreadable": "recognition",
    "recognition_no_collection": "recognition",
    "recognition_refused": "recognition",
    "recordings_open": "recordings_kept",
}
UNREADABLE: Final = "login_unreadable"
NEWER: Final = "stored_newer"


@callback
def async_raise(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    issue_id: str,
    key: str,
    *,
    fixable: bool = False,
    error: bool = False,
    camera_id: str | None = None,
    **placeholders: str,
) -> None:
    """Create or update an account's issue; `error` if something does not work now."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={ENTRY: entry.entry_id, **({CAMERA: camera_id} if camera_id else {})},
        is_fixable=fixable or key in PAGES,
        severity=ir.IssueSeverity.ERROR if error else ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders={"account": entry.title, **placeholders},
    )


@callback
def async_clear(hass: HomeAssistant, entry_id: str, *, keep: set[str] | None = None) -> None:
    """Delete the issues of an account, except those to keep."""
    gone = {
        issue_id
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.data is not None and issue.data.get(ENTRY) == entry_id
    } - (keep or set())
    for issue_id in gone:
        ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_raise_unreadable(hass: HomeAssistant, entry: ConfigEntry[Any], reason: str) -> None:
    """Create the issue for credentials that cannot be decrypted: because of the key, or of this account's data."""
    if reason == NEWER:
        async_raise(hass, entry, f"{NEWER}_{entry.entry_id}", NEWER, error=True)
        return
    if reason not in KEY_PROBLEMS:
        async_raise(hass, entry, f"{UNREADABLE}_{entry.entry_id}", UNREADABLE, fixable=True, error=True)
        return
    ir.async_create_issue(
        hass, DOMAIN, reason, is_fixable=False, severity=ir.IssueSeverity.ERROR, translation_key=reason
    )


@callback
def async_clear_key_problems(hass: HomeAssistant) -> None:
    """Delete the issues about the key."""
    for reason in KEY_PROBLEMS:
        ir.async_delete_issue(hass, DOMAIN, reason)
