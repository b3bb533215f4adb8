"""From Allure results to a page: `healthgate report`. Allure draws it; everything around that is here."""


class NotRenderedError(Exception):
    """There is no page; the text says in one line what was seen, what was expected and where to fix it."""
