"""Which container is which entity, and which is never broken: whole names only, never a guess."""

from __future__ import annotations

import pytest

from core.chaos.drivers.docker_seen import Spared, match, opted_in, seen
from core.chaos.drivers.docker_spared import own_ids, spared
from core.errors import Refused
from tests.docker_engine import ID, container


def labelled(service, project="p", **labels):
    found = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    return {"Config": {"Labels": {**found, **labels}}}


def one(number, service="", project="p", status="running", **more):
    made = container(
        Id=f"{number:064x}",
        Name=f"/{project}-{service}-1",
        State={"Status": status, "StartedAt": "2026-11-21T09:00:00Z"},
        **labelled(service, project),
    )
    made["NetworkSettings"] = {
        "Networks": {"front": {"IPAddress": f"10.0.0.{number}", "Aliases": [f"alias-{number}"]}},
        "Ports": {"20160/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(30000 + number)}]},
    }
    return {**made, **more}


@pytest.mark.parametrize(
    "name",
    [
        "kv1",
        "kv1:20160",
        "http://kv1:2379",
        "p-kv1-1",
        "alias-1:20160",
        "10.0.0.1",
        "10.0.0.1:20160",
        "127.0.0.1:30001",
        "localhost:30001",
        "https://[::1]:30001/",
        "0.0.0.0:30001",
    ],
)
def test_a_container_is_found_by_each_of_its_whole_names(name):
    among = seen([one(1, "kv1"), one(2, "kv2"), one(11, "kv11")])
    assert match("store:1", [name], among).container.service == "kv1"


@pytest.mark.parametrize(
    "name",
    [
        "kv",
        "1",
        "p-kv1",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:20160",
        "10.0.0",
        "",
        "alias",
        "::::",
    ],
)
def test_a_part_of_a_name_or_a_bare_loopback_means_nobody(name):
    among = seen([one(1, "kv1"), one(2, "kv2")])
    with pytest.raises(Refused, match="No container is store:1"):
        match("store:1", [name], among)


def test_several_are_refused_by_name_but_what_a_service_left_over_does_not_count():
    among = seen([one(1, "kv1", "a"), one(2, "kv1", "b"), one(3, "kv3", "a", status="exited")])
    with pytest.raises(Refused, match=r"2 containers could be store:1 .*a-kv1-1.*b-kv1-1"):
        match("store:1", ["kv1"], among)
    assert match("store:3", ["kv3"], among).container.status == "exited"
    left_over = one(4, "kv1", "a", status="exited")
    assert match("x", ["kv1"], seen([one(1, "kv1", "a"), left_over])).container.status == "running"
    elsewhere = one(4, "kv1", "b", status="exited")
    with pytest.raises(Refused, match="2 containers could be x"):
        match("x", ["kv1"], seen([one(1, "kv1", "a"), elsewhere]))
    assert len(seen([one(1, "kv1", "a"), one(2, "kv1", "b")], project="b")) == 1


def test_one_off_jobs_of_a_service_are_not_the_service():
    job = one(1, "kv1") | labelled("kv1", **{"com.docker.compose.oneoff": "True"})
    assert seen([job]) == ()


@pytest.mark.parametrize(
    ("label", "wanted", "yes"),
    [
        ({"tocsin.chaos": "allow"}, "tocsin.chaos=allow", True),
        ({"tocsin.chaos": "deny"}, "tocsin.chaos=allow", False),
        ({"tocsin.chaos": ""}, "tocsin.chaos=allow", False),
        ({}, "tocsin.chaos=allow", False),
        ({"anything": "x"}, "anything", True),
        ({"my": "a=b"}, "my=a=b", True),
    ],
)
def test_opting_in_is_by_the_whole_label(label, wanted, yes):
    (found,) = seen([one(1, "kv1") | labelled("kv1", **label)])
    assert opted_in(found, wanted) is yes


def test_our_own_container_and_our_database_are_spared():
    (plain,) = seen([one(1, "kv1")])
    assert Spared().why(plain) == ""
    full = plain.container.id
    for ids in ({full}, {full[:12]}):
        assert "bot runs in" in Spared(ids=frozenset(ids)).why(plain)
    assert Spared(ids=frozenset({full[:6], ""})).why(plain) == ""
    assert "database" in Spared(hosts=frozenset({"alias-1"})).why(plain)
    assert "database" in Spared(ports=frozenset({30001})).why(plain)
    (mounting,) = seen([one(1, "db", Mounts=[{"Source": "/run/pg"}])])
    assert "database" in Spared(paths=("/run/pg/socket",)).why(mounting)
    assert Spared(paths=("/run/pgx",)).why(mounting) == ""
    (sharing,) = seen([one(1, "side", HostConfig={"NetworkMode": f"container:{ID}"})])
    assert "shares the network" in Spared(ids=frozenset({ID})).why(sharing)


@pytest.mark.parametrize(
    ("database", "spares"),
    [
        (".state/tocsin.db", Spared()),
        ("postgresql://u@db/tocsin", Spared(hosts=frozenset({"db"}))),
        ("postgresql://u@127.0.0.1:6432/t", Spared(ports=frozenset({6432}))),
        ("postgresql://u@localhost/t", Spared(ports=frozenset({5432}))),
        ("postgresql://u@/t?host=/run/pg", Spared(paths=("/run/pg",))),
    ],
)
def test_where_the_database_is_tells_what_holds_it(database, spares, tmp_path):
    assert spared(database, tmp_path, "host") == spares


def test_a_process_knows_the_container_that_it_runs_in_and_takes_no_other_for_it(tmp_path):
    folder = "/var/lib/docker/containers"
    ours, other, group = (char * 64 for char in "abc")
    (tmp_path / "mountinfo").write_text(
        f"1 2 3:4 {folder}/{ours}/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
        f"1 2 3:4 {folder}/{other}/mounts/shm {folder}/{other}/mounts/shm rw - tmpfs shm rw\n"
        "short line\n"
    )
    (tmp_path / "cgroup").write_text(f"4:memory:/docker/{group}\n0::/\n")
    assert own_ids(tmp_path, "host") == {ours, group}
    assert own_ids(tmp_path / "none", "0123456789ab") == {"0123456789ab"}
    assert own_ids(tmp_path / "none", "db-host") == frozenset()
