"""A Chromium that is signed in to the demo, for its pictures and the end-to-end tests."""

from collections.abc import Iterator
from contextlib import contextmanager
import re
import subprocess
import sys
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from .process import ROOT

# Background requests of Chromium would only be refused here, many at a time.
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
PATIENCE: Final = 60_000
"""Milliseconds; the machine may be a slow one."""


@contextmanager
def chromium(google: str) -> Iterator[Browser]:
    """Run the Chromium that script/setup found or installed; Google's own page is the one at this address."""
    found = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "script" / "chromium")], capture_output=True, text=True, check=True
    )
    rules = f"--host-resolver-rules=MAP nestservices.google.com:443 {google}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.stdout.strip(), args=[*QUIET, rules])
        yield browser
        browser.close()


def sign_in(browser: Browser, home: str, user: str, password: str, size: ViewportSize) -> BrowserContext:
    """Log in through Home Assistant's own page; the played Google has a certificate that no browser knows."""
    context = browser.new_context(viewport=size, ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(home)
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(re.compile("auth_callback"))
    page.locator("ha-sidebar").wait_for()
    page.close()
    return context


def visit(page: Page, home: str, path: str) -> None:
    """Go to a page of Home Assistant; its live pictures never finish loading, so that is not waited for."""
    page.goto(f"{home}{path}", wait_until="commit", timeout=PATIENCE)
