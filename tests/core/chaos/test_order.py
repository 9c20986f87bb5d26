"""Orders: what is understood, what is refused at once, and the row that remains."""

from __future__ import annotations

import pytest

from core.chaos import order as orders
from core.chaos.catalog.read import Catalog
from core.chaos.order import Known, Rules, order, rules
from core.chaos.settings import SubjectChaos, subject_chaos
from core.chaos.story import experiment_of, of
from core.clock import ManualClock
from core.config import FileConfig
from core.db import Database
from core.errors import Invalid, NotFound, Refused
from core.runs import store
from tests.core.chaos.rig import KILL

OPEN = SubjectChaos(enabled=True, drivers=("pd",))
RULES = Rules(
    Catalog({"kill-store": KILL}),
    subjects={
        "prod": Known("scripted", OPEN),
        "shut": Known("scripted"),
        "etcd": Known("etcd", OPEN),
    },
)


async def test_the_only_subject_that_fits_and_opted_in_is_meant(
    db: Database, clock: ManualClock
) -> None:
    run = await db.write(order, RULES, name="kill-store", by="cli:me", duration_s=5.0)

    assert (run.subject, run.target, run.requested_by) == ("prod", "", "cli:me")
    assert experiment_of(of(run)) == KILL
    assert of(run).duration_s == 5.0


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"name": "kil-store"}, NotFound, "Did you mean kill-store?"),
        ({"subject": "nope"}, NotFound, "There is etcd, prod, shut"),
        ({"subject": "etcd"}, Invalid, "is for scripted; etcd is of kind etcd"),
        ({"subject": "shut"}, Refused, "does not opt in"),
        ({"target": "x" * 300}, Invalid, "no target"),
        ({"target": "store\n1"}, Invalid, "no target"),
        ({"duration_s": 9999.0}, Refused, "At most 600 s"),
    ],
)
async def test_what_cannot_be_is_refused_at_once_and_leaves_no_row(
    db: Database, how: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?")):
        await db.write(order, RULES, **{"name": "kill-store", "by": "x", **how})

    assert await db.read(store.listing) == []


async def test_several_subjects_that_fit_must_be_told_apart(db: Database) -> None:
    both = Rules(
        RULES.catalog, subjects={"a": Known("scripted", OPEN), "b": Known("scripted", OPEN)}
    )

    with pytest.raises(Invalid, match="Say on which subject: one of a, b"):
        await db.write(order, both, name="kill-store", by="x")


async def test_where_nothing_fits_it_says_so_instead_of_asking_which(
    db: Database,
) -> None:
    shut = Rules(RULES.catalog, subjects={"shut": Known("scripted"), "e": Known("etcd", OPEN)})

    with pytest.raises(Invalid, match="kill-store is for scripted, and nothing here that fits opt"):
        await db.write(order, shut, name="kill-store", by="x")


def test_the_rules_of_a_configuration_hold_its_own_experiments_and_who_opted_in() -> None:
    file = FileConfig.model_validate(
        {
            "chaos": {"max_duration": "2m", "max_targets": 3},
            "experiments": [
                {"name": "mine", "title": "Mine", "fault": "pause", "selector": "store:1"}
            ],
            "subjects": [
                {
                    "name": "prod",
                    "kind": "tikv",
                    "pd": ["pd:2379"],
                    "chaos": {"enabled": True, "drivers": ["docker"], "project": "p"},
                },
                {"name": "other", "kind": "tikv", "pd": ["pd:2379"]},
            ],
        }
    )

    made = rules(file)

    assert made.limits.max_duration_s == 120.0
    assert made.catalog.get("mine").selector == "store:1"
    assert "kill-store" in made.catalog.experiments
    assert made.subjects["prod"].chaos.project == "p"
    assert not made.subjects["other"].chaos.enabled


@pytest.mark.parametrize(
    ("chaos", "said"),
    [
        ({"enbled": True}, "unknown key 'enbled' \\(did you mean 'enabled'\\?\\)"),
        ({"enabled": True}, "names no driver"),
        ({"faults": ["kil"]}, "There is no fault 'kil'; did you mean 'kill'"),
        ({"enabled": True, "drivers": ["magic"]}, "There is no driver 'magic'"),
        ({"enabled": True, "drivers": ["twin"]}, "needs the twin's state directory"),
        ("yes", "must be a table"),
    ],
)
def test_a_chaos_table_that_cannot_be_names_its_subject_and_the_key(chaos, said: str) -> None:
    file = FileConfig.model_validate(
        {"subjects": [{"name": "prod", "kind": "tikv", "pd": ["pd:2379"], "chaos": chaos}]}
    )

    with pytest.raises(Invalid, match=said) as error:
        orders.rules(file)
    assert "'prod'" in error.value.text


def test_the_address_of_our_own_database_is_never_shown() -> None:
    own = subject_chaos({"database": "postgresql://tocsin:hunter2@db/tocsin"}, "subject 'a'")

    assert "hunter2" in own.database
    assert "hunter2" not in repr(own)
