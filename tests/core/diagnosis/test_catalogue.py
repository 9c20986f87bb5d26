"""A command is a template and ids that live things have, never text that somebody wrote."""

import pytest

from core.diagnosis.catalogue import TEMPLATES, arguments, fitting, render
from core.diagnosis.causes import CAUSES
from core.diagnosis.model import Command, Piece, Reason, Snapshot
from core.errors import Invalid


def snapshot(*pieces):
    return Snapshot("demo", "store_down", "store:4", 0.0, 1.0, Reason.SOON, pieces)


def piece(kind, content, entity="store:4"):
    return Piece("e1", kind, "", entity, 0.0, (0.0, 0.0), content)


def test_every_command_that_a_cause_names_is_in_the_catalogue():
    assert {name for cause in CAUSES.values() for name in cause.commands} <= set(TEMPLATES)


def test_a_command_gets_the_ids_that_the_evidence_names():
    seen = snapshot(piece("store", {"now": {}}), piece("container", {"now": {"name": "tikv-4"}}))
    assert arguments(seen, "store:4") == {"store_id": "4", "container": "tikv-4"}
    commands = fitting(("docker-start", "pd-store", "pd-stores"), seen, "store:4")
    assert [render(one) for one in commands] == [
        "docker start tikv-4",
        "pd-ctl -u $PD store 4",
        "pd-ctl -u $PD store",
    ]


def test_without_the_id_there_is_no_command():
    assert fitting(("docker-start",), snapshot(), "store:4") == ()


@pytest.mark.parametrize(
    "name", ["x; rm -rf /", "-v", "$(id)", "a b", "`id`", "a\nb", "", "x" * 200]
)
def test_a_container_with_a_hostile_name_gets_no_command(name):
    seen = snapshot(piece("container", {"now": {"name": name}}))
    assert "container" not in arguments(seen, "store:4")
    with pytest.raises(Invalid):
        render(Command("docker-start", {"container": name}))


@pytest.mark.parametrize(
    "command", [Command("rm", {}), Command("pd-store", {}), Command("pd-stores", {"store_id": "4"})]
)
def test_a_command_outside_the_catalogue_is_refused(command):
    with pytest.raises(Invalid):
        render(command)
