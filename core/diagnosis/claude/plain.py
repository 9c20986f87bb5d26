"""Makes a model's words harmless: plain text of bounded length, with no mention, link or command in it.

A command reaches a reader only as a template of the catalogue, so a sentence that reads like one is
left out, whoever put it into the model's mouth.
"""

from __future__ import annotations

import re
import unicodedata

from core.redact import redact

LEFT_OUT = "(left out: it read like a command)"
NO_LINK = "(link left out)"

_SPACES = re.compile(r"\s+")
_LINK = re.compile(
    r"(?i)\b[a-z][a-z0-9+.-]{1,20}://\S*|\bwww\.\S+|\bmailto:\S*|\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/\S*"
)
# What Slack reads as a mention of somebody or something.
_MARKUP = re.compile(r"<(?=\S)")
_AT = re.compile(r"[@\uFF20](?=\w)")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_RUNS = (
    r"curl|wget|sudo|bash|zsh|chmod|chown|pd-ctl|tikv-ctl|tiup|systemctl|pkill|killall|iptables|nft|ssh"
    r"|scp|mkfs\S*|xargs|psql|mysql|redis-cli|etcdctl|nsenter|crontab|base64|eval"
)
_COMMAND = re.compile(
    rf"(?:^|[\s'\"(:])(?:{_RUNS})\s+\S"
    r"|\b(?:docker|podman|kubectl|helm|nerdctl|crictl)\s+(?:\S+\s+){0,3}?(?:run|exec|rm|rmi|kill|stop|start|restart"
    r"|pause|unpause|delete|apply|scale|drain|cordon|edit|patch|cp|network|volume|system|compose|update|rollout)\s+\S"
    r"|\b(?:rm|kill|sh|dd|nc|python3?|perl|ruby|node)\s+(?:-\w|if=)"
    r"|\$\(|\$\{|&&|\|\||\|\s*(?:sh|bash|tee|xargs|sudo)\b|>>?\s*/|(?:^|\s)--[a-z][\w-]*|(?:^|\s)\$\s"
    r"|(?i:\b(?:drop\s+(?:table|database)|delete\s+from|truncate\s+table|alter\s+system|powershell)\b)"
    r"|\b(?:apt|apt-get|yum|dnf|apk|pip3?|npm)\s+(?:-\S+\s+)*(?:install|remove|upgrade)\b"
    r"|\b(?:GET|POST|PUT|DELETE|PATCH)\s+/"
)


_LOUD = re.compile(r"(?i)<[!@#]|\b[a-z][a-z0-9+.-]{1,20}://|@(?:here|channel|everyone)\b|\bwww\.|`")


def quiet(text: str) -> bool:
    """Whether text that must stay as it is (a query, a value that is looked for) mentions, links and
    commands nothing."""
    said = unicodedata.normalize("NFKC", text)
    return not (_LOUD.search(said) or _COMMAND.search(said)) and text.isprintable()


def _visible(text: str) -> str:
    """Without what the eye does not see: controls, directions, joiners, surrogates, private use."""
    return "".join(
        " " if one in "\n\r\t" else one
        for one in text
        if one in "\n\r\t" or not unicodedata.category(one).startswith("C")
    )


def plain(text: str, limit: int) -> str:
    """At most `limit` characters on one line that mean nothing to Slack or to a shell."""
    # NFKC first: a full-width bracket or letter must not be a way around what follows.
    seen = unicodedata.normalize("NFKC", _visible(text[: limit * 4]))
    seen = redact(_SPACES.sub(" ", seen).strip())
    seen = seen.replace("`", "'")
    kept = [LEFT_OUT if _COMMAND.search(one) else one for one in _SENTENCE.split(seen)]
    seen = " ".join(dict.fromkeys(kept))
    seen = _LINK.sub(NO_LINK, seen)
    seen = _AT.sub("(at)", _MARKUP.sub("‹", seen))
    return seen if len(seen) <= limit else seen[: limit - 1].rstrip() + "…"
