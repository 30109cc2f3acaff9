"""One browser for all tests of the page."""

import pytest
from chromium_page import CHROMIUM, Page


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: apt-get install chromium")
    page = Page(tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


@pytest.fixture
def page(browser):
    """The browser, of which nothing is remembered from the tests before."""
    browser.messages.clear()
    browser.requested.clear()
    return browser
