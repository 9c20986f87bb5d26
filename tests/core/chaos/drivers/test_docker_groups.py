"""Limits in control groups of both versions: what is there, what will be, and what is left alone."""

from __future__ import annotations

import os

import pytest

from core.chaos.drivers.docker_groups import draft, values, write
from core.chaos.drivers.docker_seen import seen
from core.chaos.model import Fault
from core.chaos.undo_docker_host import belongs, group, process
from core.errors import Refused
from tests.docker_engine import container

V1 = {"memory.limit_in_bytes": "9223372036854771712", "cpu.cfs_quota_us": "-1"}
V2 = {"memory.max": "max", "cpu.max": "max 100000"}


def folder(tmp_path, files):
    for name, value in {**files, "cpu.cfs_period_us": "50000"}.items():
        (tmp_path / name).write_text(value + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "fault", "wanted", "found"),
    [
        (
            V1,
            Fault.LIMIT_MEMORY,
            2**24,
            ("memory.limit_in_bytes", "9223372036854771712", "16777216"),
        ),
        (V1, Fault.LIMIT_CPU, 0.5, ("cpu.cfs_quota_us", "-1", "25000")),
        (V2, Fault.LIMIT_MEMORY, 2**24, ("memory.max", "max", "16777216")),
        (V2, Fault.LIMIT_CPU, 0.5, ("cpu.max", "max 100000", "50000 100000")),
        (V2, Fault.LIMIT_CPU, 0.001, ("cpu.max", "max 100000", "1000 100000")),
    ],
)
def test_each_version_of_the_kernel_is_spoken_to_in_its_own_words(
    tmp_path, files, fault, wanted, found
):
    assert values(fault, folder(tmp_path, files), wanted) == found


def test_without_the_process_in_sight_nothing_is_limited():
    (one,) = seen([container()])
    with pytest.raises(Refused, match="cannot take one off again"):
        draft(Fault.LIMIT_CPU, one, None, 0.5)
    with pytest.raises(Refused, match="no such limit now"):
        write({"controller": "cpu", "set": {}}, one, None)


def test_a_process_is_the_containers_only_if_its_control_group_names_it():
    pid = os.getpid()
    assert not belongs(pid, "ab" * 32)
    assert not belongs(2**30, "")
    mine = container(State={"Pid": pid})
    assert process("unix:///var/run/docker.sock", mine) is None
    assert process("tcp://far:2375", mine) is None
    assert group(2**30, "cpu") is None
