"""The page's own files: the secret in it, and nothing outside its folder."""

from __future__ import annotations

import pytest
import yarl


async def test_the_page_holds_the_secret_of_this_start(http, server):
    async with http.get(f"{server.url}/") as answer:
        text = await answer.text()
        assert answer.content_type == "text/html"
        assert answer.headers["Cache-Control"] == "no-store"
    assert f'<meta name="local-secret" content="{server.secret}">' in text
    assert text.count("local-secret") == 1


async def test_scripts_have_the_type_that_browsers_demand(http, server):
    async with http.get(f"{server.url}/static/main.js") as answer:
        assert answer.status == 200
        assert answer.content_type in ("text/javascript", "application/javascript")


@pytest.mark.parametrize(
    "path",
    ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "a/../../server.py", ".hidden", "x//y"],
)
async def test_nothing_outside_the_folder_is_served(http, server, path):
    url = yarl.URL(f"{server.url}/static/{path}", encoded=True)
    async with http.get(url) as answer:
        assert answer.status == 404
