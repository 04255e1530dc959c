"""A headless Chromium of this machine, which tests drive and whose complaints they read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from fluxion_pipeline_tests.architecture.repository import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update", "--disable-sync"]
WIDTH, HEIGHT = 1280, 760
LARGEST = 150_000
"""Bytes of a picture in the documents."""


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

    def follow(self, link: Locator) -> Browser:
        """Click a link that opens a tab of its own; that tab."""
        with self.page.context.expect_page() as opened:
            link.click()
        return watched(opened.value, self.base, self.errors)

    @contextmanager
    def fresh(self) -> Iterator[Browser]:
        """A page of its own, with what the browser keeps of the server's scripts; its tabs are closed in the end."""
        context = self.page.context
        yield watched(context.new_page(), self.base, [])
        for page in context.pages:
            if page is not self.page:
                page.close()

    def picture(self, name: str) -> None:
        """A picture of the window for the documents, where ``FLUXION_SCREENSHOTS`` asks for it anew; it has to be small."""
        path = ROOT / "docs" / "img" / name
        if os.environ.get("FLUXION_SCREENSHOTS"):
            self.page.wait_for_timeout(2000)
            self.page.screenshot(path=path)
        assert path.stat().st_size < LARGEST


def watched(page: Page, base: str, errors: list[str]) -> Browser:
    """A page whose complaints are collected."""
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return Browser(page, base, errors)


@contextmanager
def browse(base: str) -> Iterator[Browser]:
    """A browser of its own profile on a server."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            page = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1).new_page()
            yield watched(page, base, [])
        finally:
            chromium.close()
