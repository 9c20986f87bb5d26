"""Filling a disk: how much at most, where, and never to its end."""

from __future__ import annotations

import os

import pytest

from core.chaos.drivers import docker_disk as disk
from core.chaos.drivers.docker_seen import seen
from core.errors import Invalid, Refused
from tests.docker_engine import container

GIB = 2**30


def one(*mounts):
    return seen([{**container(), "Mounts": mounts}])[0]


def mount(at, **more):
    usual = {"Type": "volume", "Name": "v", "Source": f"/var/v{at}", "Driver": "local", "RW": True}
    return {**usual, "Destination": at, **more}


@pytest.mark.parametrize(
    ("params", "total", "free", "takes"),
    [
        ({"pct": 90}, 100 * GIB, 20 * GIB, 10 * GIB),
        ({"pct": 100}, 100 * GIB, 10 * GIB, 9 * GIB),
        ({"pct": 100}, 10 * GIB, 5 * GIB, 5 * GIB - GIB // 2),
        ({}, 100 * GIB, 10 * GIB, 5 * GIB),
    ],
)
def test_so_much_is_taken_and_a_reserve_is_left(params, total, free, takes):
    assert disk.amount(one(), params, total, free) == takes


@pytest.mark.parametrize(
    ("params", "total", "free", "why"),
    [
        ({"pct": 90}, 1000 * GIB, 900 * GIB, "max_gib = 20"),
        ({"pct": 50}, 100 * GIB, 20 * GIB, "80 % full"),
        ({"pct": 100}, 100 * GIB, GIB // 2, "leaves 1.0 GiB free"),
        ({"pct": 95}, 0, 0, "100 % full"),
    ],
)
def test_too_much_and_too_little_are_refused(params, total, free, why):
    with pytest.raises(Refused, match=why):
        disk.amount(one(), params, total, free)


@pytest.mark.parametrize("params", [{"pct": 0}, {"pct": 101}, {"pct": "all"}, {"max_gib": -1}])
def test_figures_out_of_bounds_are_invalid(params):
    with pytest.raises(Invalid):
        disk.amount(one(), params, 100 * GIB, 50 * GIB)


def test_the_place_is_the_only_volume_or_the_one_that_holds_the_path():
    data, log = mount("/data"), mount("/data/log", Type="bind")
    assert disk.place(one(data), {}).source == "/var/v/data"
    assert disk.place(one(data, log), {"path": "/data/log/x"}).folder == "/data/log"
    assert disk.place(one(data, log), {"path": "/data/logs"}).folder == "/data"
    assert disk.place(one(data), {"path": "/tmp"}).source == "", "its own layer"
    assert not disk.place(one(mount("/data", Driver="nfs")), {}).plain
    assert disk.place(one(data, mount("/etc/x", RW=False)), {}).folder == "/data"


@pytest.mark.parametrize(
    ("mounts", "params", "why"),
    [
        ((), {}, "has no volume"),
        ((mount("/a"), mount("/b")), {}, "several volumes"),
        ((mount("/a", RW=False),), {"path": "/a"}, "not a writable volume"),
    ],
)
def test_no_place_is_guessed(mounts, params, why):
    with pytest.raises(Refused, match=why):
        disk.place(one(*mounts), params)


@pytest.mark.parametrize("path", ["data", "/data/../etc", "/.."])
def test_a_path_that_leads_elsewhere_is_invalid(path):
    with pytest.raises(Invalid):
        disk.place(one(mount("/data")), {"path": path})


@pytest.mark.parametrize("said", ["", "4096 10", "4096 ten 5", "stat: not found", "1 2 3 4"])
def test_a_size_that_is_none_is_refused(said):
    with pytest.raises(Refused):
        disk.size_said(said)
    assert disk.size_said("4096 10 5\r\n") == (40960, 20480)


def asked(folder, size=3 * 2**20, least=0):
    found = os.stat(folder)
    return {
        "folder": str(folder),
        "name": ".tocsin-x",
        "inode": [found.st_dev, found.st_ino],
        "bytes": size,
        "least_free": least,
    }


def test_the_file_is_made_once_as_large_as_was_said_and_for_its_owner(tmp_path):
    disk.fill(asked(tmp_path))
    made = tmp_path / ".tocsin-x"
    assert made.stat().st_size == 3 * 2**20
    assert made.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="No file can be made"):
        disk.fill(asked(tmp_path))


def test_it_stops_where_the_space_that_is_to_stay_free_begins(tmp_path):
    disk.fill(asked(tmp_path, least=2**62))
    assert (tmp_path / ".tocsin-x").stat().st_size == 0


def test_another_folder_or_a_link_is_refused(tmp_path):
    wanted = asked(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(Refused, match="planned for"):
        disk.fill({**wanted, "folder": str(other)})
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(Refused, match="cannot be opened"):
        disk.fill({**wanted, "folder": str(tmp_path / "link")})
    assert list(other.iterdir()) == []
