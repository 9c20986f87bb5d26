"""`tocsin local` as a process of its own, and a person in front of its page."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright, expect

from tests.bot.local.page.conftest import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "tests" / "screenshots"
CARD = "#scroller .message:not(.ephemeral):has(.block-header)"
START_S = 90.0


@asynccontextmanager
async def browsing(
    width: int = 1280, height: int = 900, timeout_s: float = 30.0
) -> AsyncIterator[Page]:
    """An empty page of a browser of that size; what is waited for may take so long."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(timeout_s * 1000)
        expect.set_options(timeout=timeout_s * 1000)
        yield await context.new_page()
        await browser.close()


@dataclass
class Demo:
    """The running program: its page's address, its database, and what it printed."""

    process: asyncio.subprocess.Process
    url: str
    db: str
    said: list[str] = field(default_factory=list)

    def children(self) -> set[int]:
        """The twin's processes."""
        task = Path(f"/proc/{self.process.pid}/task")
        found = " ".join(p.read_text() for p in task.glob("*/children"))
        return {int(pid) for pid in found.split()}

    async def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout
        self.said += (await self.process.stdout.read()).decode().splitlines()
        return await asyncio.wait_for(self.process.wait(), 20)

    async def tocsin(self, *words: str) -> tuple[int, str]:
        """A command in a second terminal, on the demo's database: exit code and what it printed."""
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *words, "--db", self.db),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await ran.communicate()
        assert ran.returncode is not None
        return ran.returncode, out.decode()


async def start(state: Path, port: int = 0) -> asyncio.subprocess.Process:
    """Start the program; what it prints is one stream."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "local", "--port", str(port), "--state", str(state)),
        *("--db", str(state.with_name("tocsin.db"))),
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("TOCSIN", "SLACK"))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def running(state: Path) -> AsyncIterator[Demo]:
    """The program, ready; it is ended with the block if it has not ended before."""
    process = await start(state)
    try:
        yield await asyncio.wait_for(_ready(process), START_S)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), 20)


async def _ready(process: asyncio.subprocess.Process) -> Demo:
    assert process.stdout
    demo = Demo(process, "", "")
    while not demo.said or "Ctrl-C" not in demo.said[-1]:
        line = (await process.stdout.readline()).decode()
        assert line, f"it ended at once: {demo.said}"
        demo.said.append(line.rstrip())
    printed = "\n".join(demo.said)
    address, database = re.search(r"http://\S+", printed), re.search(r"--db (\S+)", printed)
    assert address, printed
    assert database, printed
    demo.url, demo.db = address[0], database[1]
    return demo


def alive(pid: int) -> bool:
    """Whether it still runs: one that has ended and waits for its parent's look does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@dataclass
class Person:
    """Whoever sits in front of the page."""

    page: Page

    def card(self, words: str = "store-2") -> Locator:
        """The card about it."""
        return self.page.locator(CARD).filter(has_text=words).first

    def whisper(self, words: str) -> Locator:
        """The latest message that only this person sees, with these words."""
        return self.page.locator("#scroller .message.ephemeral").filter(has_text=words).last

    async def panel(self, verb: str, name: str) -> None:
        """A button of the panel."""
        await self.page.click(f"[aria-label='{verb} {name}']")

    async def click(self, button: str, words: str = "store-2") -> None:
        """A button of the card."""
        await self.card(words).locator(".button", has_text=button).click()

    async def say(self, text: str) -> None:
        """Type into the channel's composer and send."""
        area = self.page.locator("#composer textarea")
        await area.fill(text)
        await area.press("Enter")
        if await area.input_value():  # the first Enter took a completion
            await area.press("Escape")
            await area.press("Enter")
        await expect(area).to_have_value("")

    async def become(self, name: str) -> None:
        """Act as somebody else."""
        await self.page.click("#me")
        await self.page.locator(".menu-item", has_text=name).click()
        await expect(self.page.locator("#me .me-name")).to_contain_text(name)

    async def shoot(self, name: str) -> None:
        """A picture of the page."""
        SHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"story-{name}.png")
