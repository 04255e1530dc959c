"""A headless Chromium of this machine, which tests drive and whose complaints they read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync"]
WIDTH, HEIGHT = 1500, 950


def executable() -> str:
    """The browser's path; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    return found


@dataclass(frozen=True)
class Browser:
    """A page, and what went wrong in it.

    Attributes:
        page: the page.
        base: address of the server.
        errors: errors of the console and of scripts.
    """

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page of the server."""
        self.page.goto(self.base + path, wait_until="domcontentloaded")

    def says(self, text: str, seconds: float = 30) -> None:
        """Wait until the page shows a text.

        Raises:
            TimeoutError: of playwright, if it doesn't.
        """
        self.page.get_by_text(text).first.wait_for(state="visible", timeout=seconds * 1000)


@contextmanager
def browse(base: str) -> Iterator[Browser]:
    """A browser of its own profile on a server."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1)
            browser = Browser(page, base)
            page.on("console", lambda message: browser.errors.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: browser.errors.append(str(error)))
            yield browser
        finally:
            chromium.close()
