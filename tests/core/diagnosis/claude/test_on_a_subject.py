"""Claude over a live subject: its PD, its metrics and its log are asked, and cited."""

from core.clock import ManualClock
from core.diagnosis.claims import run
from core.diagnosis.claude.loop import diagnose
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending, Live, Means, Task
from core.diagnosis.rules.decide import diagnose as by_rules
from tests.claude_server import KEY, ClaudeServer, answers, calls, claim
from tests.core.diagnosis.claude.desk_rig import Book
from tests.core.subjects.tikv.test_explain import driven, finished, logged, taken
from tests.world import World


async def test_what_a_killed_store_s_sources_say_now_is_evidence(
    clock: ManualClock, tmp_path
) -> None:
    async with World(clock) as world:
        logs = {world.stores[2].address: logged(tmp_path, clock, 3)}
        async with driven(clock, world, logs=logs, prometheus=world.prometheus.url) as drive:
            await world.kill_store(2)
            await drive.run(30)
            seen = await taken(drive)
            about = Task(seen, by_rules(seen))
            watched = drive.watched
            live = Live(
                watched.ask,
                watched.entities(),
                watched.pd_paths(),
                tuple(watched.readings().items()),
            )
            probe = seen.piece("probe", "store:2")
            assert probe is not None
            asked = calls(
                ("ask_pd", {"path": "/schedulers"}),
                ("filter_log", {"entity": "store:2", "text": "statistics", "minutes": 10}),
                ("ask_prometheus", {"query": "store/qps", "entity": "store:2", "minutes": 10}),
                ("ask_pd", {"path": "/admin/log"}),
            )
            said = answers(
                "process_killed",
                "store:2",
                claim(probe.id, "store:2", "now.ok", "equals", False, words="It does not answer."),
                claim("q2", "store:2", "lines", "count_at_least", 3, where="statistics"),
                claim("q1", "pd", "status", "equals", 200, words="PD answers."),
            )
            async with ClaudeServer(asked, said) as claude:
                settings = ClaudeSettings(api_key=KEY, base_url=claude.url, larger="")
                means = Means(settings, Book(), clock, live)
                result = await finished(clock, diagnose(about, means))

    told = claude.bodies[1]["messages"][-1]["content"]
    assert [bool(one.get("is_error")) for one in told] == [False, False, False, True]
    assert [(one.id, one.kind, one.entity) for one in result.added] == [
        ("q1", "pd", "pd"),
        ("q2", "log", "store:2"),
        ("q3", "reading", "store:2"),
    ]
    assert result.ending is Ending.ANSWERED, result.why
    assert result.diagnosis is not None
    assert len(result.diagnosis.claims) == 3
    assert all(run(one, result.snapshot).stands for one in result.diagnosis.claims)
