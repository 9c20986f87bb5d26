"""Which way leads to Slack, with proxies in the environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = "import sys; from bot.proxies import proxy_for; print(proxy_for(sys.argv[1], None))"


@pytest.mark.parametrize(
    ("url", "env", "proxy"),
    [
        ("https://slack.com/api/", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://slack.com/api/", {"HTTP_PROXY": "http://p:2"}, "http://p:2"),
        ("https://slack.com/api/", {"HTTPS_PROXY": ""}, "None"),
        ("https://slack.com/api/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".com"}, "None"),
        ("http://127.0.0.1:8080/api/", {"HTTP_PROXY": "http://p:1"}, "None"),
        ("http://localhost:8080/api/", {"HTTPS_PROXY": "http://p:1"}, "None"),
        ("http://[::1]:8080/api/", {"HTTPS_PROXY": "http://p:1"}, "None"),
    ],
)
def test_the_environments_proxy_is_taken_except_to_this_machine_and_past_no_proxy(
    url: str, env: dict[str, str], proxy: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASK, url], env=env, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == proxy
