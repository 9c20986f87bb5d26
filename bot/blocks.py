"""Block Kit pieces: what a message of ours is made of. Pure.

Text from data goes into plain_text and rich_text elements, which read no markup. A text object may
be mrkdwn only where every part of it is ours (`Ours`) or holds nothing that could be markup
(`bot.text.harmless`); `said` decides that, and falls back to plain_text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from bot.flat import flatten
from bot.text import clean, cut, escape, harmless

Block = dict[str, Any]
Element = dict[str, Any]
MAX_MRKDWN = 3000
_LATEST = 99_999_999_999.0
_WEB = re.compile(r"https?://[^\s<>|]{1,2900}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: `text` is a full sentence (notifications, screen readers); blocks what is seen."""

    text: str
    blocks: tuple[Block, ...] = ()

    def digest(self) -> str:
        """Equal for messages that look the same: whether an edit would change anything."""
        plain = {"text": self.text, "blocks": self.blocks}
        canonical = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:40]

    def fallback(self) -> Message:
        """The same message as text alone: everything that its blocks say, in one text."""
        said = flatten(self.blocks) if self.blocks else self.text
        return Message(said or self.text)

    def payload(self) -> dict[str, Any]:
        """As arguments of chat.postMessage, chat.update and answers to commands."""
        # Blocks are always named: an edit without them would leave the old ones in place.
        return {"text": self.text, "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True)
class Ours:
    """Markup that we wrote, and the same in plain words for where no markup is read."""

    markup: str
    plain: str


Part = str | Ours


def said(*parts: Part, limit: int = MAX_MRKDWN) -> Element:
    """A text object of our markup and of data: mrkdwn if all of the data is harmless, else plain."""
    cleaned = [p if isinstance(p, Ours) else clean(p, limit, lines=20) for p in _strings(parts)]
    if all(isinstance(p, Ours) or harmless(p) for p in cleaned):
        text = "".join(p.markup if isinstance(p, Ours) else escape(p) for p in cleaned)
        if len(text) <= limit:
            return {"type": "mrkdwn", "text": text or " ", "verbatim": True}
    text = "".join(p.plain if isinstance(p, Ours) else p for p in cleaned)
    return {"type": "plain_text", "text": cut(text, limit) or " ", "emoji": False}


def _strings(parts: Iterable[Part]) -> list[Part]:
    # Spaces at the ends of our literals matter, and cleaning would trim them.
    out: list[Part] = []
    for part in parts:
        if isinstance(part, str) and part != part.strip():
            lead = part[: len(part) - len(part.lstrip())]
            tail = part[len(part.rstrip()) :] if part.strip() else ""
            out += [Ours(lead, lead), part.strip(), Ours(tail, tail)]
        else:
            out.append(part)
    return out


def plain(text: Any, limit: int, *, lines: int = 1) -> Element:
    """A plain_text object of cleaned text; never empty."""
    return {"type": "plain_text", "text": clean(text, limit, lines=lines) or "—", "emoji": False}


def bold(text: str) -> Ours:
    """Bold words of ours."""
    return Ours(f"*{text}*", text)


def code(text: str) -> Ours:
    """A command of ours, as code."""
    return Ours(f"`{text}`", text)


def utc(at: float) -> str:
    """A time for where no date token works: "15:30 UTC", with the date once it is not obvious."""
    return f"{datetime.fromtimestamp(_bounded(at), UTC):%Y-%m-%d %H:%M} UTC"


def _bounded(at: float) -> float:
    return min(max(at, 0.0), _LATEST) if at == at else 0.0


def date(at: float, form: str = "{date_short_pretty} {time}") -> Ours:
    """A time that each reader sees in their own zone; UTC for whoever cannot."""
    words = utc(at)
    return Ours(f"<!date^{int(_bounded(at))}^{form}|{words}>", words)


def clock(at: float) -> Ours:
    """A time of day with seconds, in the reader's own zone."""
    return date(at, "{time_secs}")


def link(url: str, label: str) -> Ours:
    """A link of ours (from configuration); just its label where the address is no web address."""
    if not is_web(url):
        return Ours(escape(clean(label, 60)), clean(label, 60))
    safe = url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return Ours(f"<{safe}|{escape(clean(label, 60))}>", clean(label, 60))


def mention(target: str) -> Ours:
    """A user or group of the configuration ("<@U1>", "<!subteam^S1>"); "" stays empty."""
    return Ours(target, "")


# Blocks.


def header(text: str) -> Block:
    """The title of a message."""
    return {"type": "header", "text": plain(text, 150)}


def section(*parts: Part, accessory: Element | None = None) -> Block:
    """A paragraph."""
    block: Block = {"type": "section", "text": said(*parts)}
    return block | ({"accessory": accessory} if accessory else {})


def fields(*texts: Element) -> Block:
    """Up to ten cells in two columns."""
    return {"type": "section", "fields": list(texts)[:10]}


def field(label: str, *parts: Part) -> Element:
    """One cell: a label of ours, and below it what was found."""
    return said(Ours(f"*{label}*\n", f"{label}\n"), *parts, limit=2000)


def context(*texts: Element) -> Block:
    """Small print, up to ten pieces."""
    return {"type": "context", "elements": list(texts)[:10]}


def divider() -> Block:
    """A thin line."""
    return {"type": "divider"}


def actions(*elements: Element | None) -> Block:
    """A row of buttons; None leaves one out."""
    return {"type": "actions", "elements": [e for e in elements if e is not None]}


Style = Literal["primary", "danger"]


def button(
    action_id: str,
    text: str,
    value: str,
    *,
    style: Style | None = None,
    confirm: Element | None = None,
    label: str = "",
) -> Element:
    """A button; `label` is what a screen reader says instead of its text."""
    made: Element = {
        "type": "button",
        "action_id": action_id,
        "text": plain(text, 75),
        "value": clean(value, 2000),
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    if label:
        made["accessibility_label"] = clean(label, 75)
    return made


def confirmation(title: str, text: str, yes: str, no: str, *, danger: bool = True) -> Element:
    """A dialogue before a wide or destructive action: target, reach and way back."""
    made: Element = {
        "title": plain(title, 100),
        "text": plain(text, 300, lines=6),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return made | ({"style": "danger"} if danger else {})


def overflow(action_id: str, options: Sequence[tuple[str, str]]) -> Element:
    """A menu of (text, value)."""
    listed = [{"text": plain(t, 75), "value": clean(v, 150)} for t, v in list(options)[:5]]
    return {"type": "overflow", "action_id": action_id, "options": listed}


TaskStatus = Literal["in_progress", "complete", "error"]


def plan(title: str, tasks: Sequence[tuple[str, TaskStatus]]) -> Block:
    """Work in steps, as cards that are ticked off. Not every workspace takes it: whoever sends it
    has the same in words."""
    named = [(f"t{n}", clean(text, 200) or "—", how) for n, (text, how) in enumerate(tasks[:20])]
    cards = [{"type": "task_card", "task_id": i, "title": t, "status": s} for i, t, s in named]
    return {"type": "plan", "title": clean(title, 300) or "—", "tasks": cards}


# Rich text: the one block in which data, dates, people and styles stand beside each other.


def rich(*parts: Element | None) -> Block:
    """A rich text block of sections and lists; None leaves one out."""
    return {"type": "rich_text", "elements": [p for p in parts if p is not None]}


def line(*pieces: Element | str | None) -> Element:
    """One paragraph of rich text."""
    return {"type": "rich_text_section", "elements": _pieces(pieces)}


def bullets(lines: Iterable[Sequence[Element | str]]) -> Element | None:
    """A list; None if it would be empty."""
    items = [{"type": "rich_text_section", "elements": _pieces(one)} for one in lines]
    return {"type": "rich_text_list", "style": "bullet", "elements": items} if items else None


def preformatted(text: str) -> Element:
    """Text to copy, as it is, in a box of its own; no markup in it is read."""
    inner = clean(text, 3000, lines=40) or " "
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": inner}]}


def _pieces(pieces: Iterable[Element | str | None]) -> list[Element]:
    made = [words(p) if isinstance(p, str) else p for p in pieces if p]
    return made or [words(" ")]


def words(text: str, *, bold: bool = False, italic: bool = False, code: bool = False) -> Element:
    """Cleaned text in a rich text section; spaces and line ends at its ends are kept."""
    inner = clean(text, 2992, lines=40)
    lead = text[: len(text) - len(text.lstrip(" \n"))][:4]
    tail = text[len(text.rstrip(" \n")) :][:4] if inner else ""
    made: Element = {"type": "text", "text": f"{lead}{inner}{tail}" or " "}
    styles = {"bold": bold, "italic": italic, "code": code}
    chosen = {name: True for name, on in styles.items() if on}
    return made | ({"style": chosen} if chosen else {})


def moment(at: float, form: str = "{date_short_pretty} {time}") -> Element:
    """A date in rich text, in the reader's own zone."""
    return {"type": "date", "timestamp": int(_bounded(at)), "format": form, "fallback": utc(at)}


def user(user_id: str) -> Element:
    """A mention of a user in rich text."""
    return {"type": "user", "user_id": user_id}


def group(group_id: str) -> Element:
    """A mention of a user group in rich text."""
    return {"type": "usergroup", "usergroup_id": group_id}


def web(url: str, label: str) -> Element:
    """A link of ours in rich text; just its label where the address is no web address."""
    name = clean(label, 60) or "link"
    return {"type": "link", "url": url, "text": name} if is_web(url) else words(name)


def is_web(url: str) -> bool:
    """Whether this is an address that Slack can link to."""
    return _WEB.fullmatch(url) is not None
