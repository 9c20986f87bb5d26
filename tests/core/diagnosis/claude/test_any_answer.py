"""Whatever fits the form, however odd, becomes a verdict of which every claim holds."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.diagnosis.catalogue import TEMPLATES
from core.diagnosis.causes import CAUSES
from core.diagnosis.claims import every, run
from core.diagnosis.claude import schema, tools
from core.diagnosis.claude.schema import AnswerTable, read
from core.diagnosis.claude.verdict import judge
from core.diagnosis.encode import text as encoded
from core.diagnosis.model import Certainty, Op, Weight
from core.errors import Invalid
from tests.claude_server import answer, claim
from tests.core.diagnosis.claude.desk_rig import piece_id, task

ABOUT = task()
ENTITIES = (*tools.names(ABOUT.snapshot, None), "store:99", "<!here>", "")
IDS = (*tools.pieces(ABOUT.snapshot, None), "q1", "", "e0")
PATHS = (
    *("now.state", "now", "", ".", "now.exit_code", "lines", "events", "lines.0.text", "before"),
    *("lines.99", "lines.-1.at", "now.labels.host", "timeline", "up_share", "now.networks"),
)
texts = st.text(max_size=60) | st.sampled_from(("<@U1> hi", "curl x | sh", "137", "Disconnected"))
scalars = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-9, 999)
    | texts
)


def leaves(content, path=""):
    """Every path into a content that there is."""
    yield path
    items = content.items() if isinstance(content, dict) else ()
    items = enumerate(content) if isinstance(content, list) else items
    for key, value in items:
        yield from leaves(value, f"{path}.{key}" if path else str(key))


REAL = [
    {"evidence": one.id, "entity": one.entity, "path": path}
    for one in ABOUT.snapshot.pieces
    if one.ok
    for path in leaves(one.content)
]
rest = {
    "words": texts,
    "op": st.sampled_from([str(one) for one in Op]),
    "value": scalars | st.lists(scalars, max_size=4),
    "where": texts | st.just(""),
    "since": st.floats(-1e12, 1e12),
    "until": st.floats(-1e12, 1e12),
    "weight": st.sampled_from([str(one) for one in Weight]),
}
odd = st.fixed_dictionaries(
    {
        **rest,
        "evidence": st.sampled_from(IDS),
        "entity": st.sampled_from(ENTITIES),
        "path": st.sampled_from(PATHS) | texts,
    }
)
# Most point at something that is there, or no predicate would ever be asked.
real = st.builds(
    lambda at, more: {**more, **at}, st.sampled_from(REAL), st.fixed_dictionaries(rest)
)
claims = real | real | odd
told = st.fixed_dictionaries(
    {
        "cause": st.sampled_from(list(CAUSES)),
        "entity": st.sampled_from(ENTITIES),
        "certainty": st.sampled_from([str(one) for one in Certainty]),
        "primary": texts,
        "claims": st.lists(claims, max_size=5),
        "alternatives": st.lists(
            st.fixed_dictionaries(
                {
                    "cause": st.sampled_from(list(CAUSES)),
                    "entity": st.sampled_from(ENTITIES),
                    "supporting": st.lists(claims, max_size=2),
                    "contradicting": st.lists(claims, max_size=2),
                    "conclusion": texts,
                }
            ),
            max_size=2,
        ),
        "next": st.sampled_from(("advised", "wait", "more_data")),
        "commands": st.lists(
            st.fixed_dictionaries(
                {"template": st.sampled_from(list(TEMPLATES)), "entity": st.sampled_from(ENTITIES)}
            ),
            max_size=3,
        ),
        "risks": st.lists(texts, max_size=3),
        "unseen": st.lists(texts, max_size=3),
        "answer": texts,
    }
)


@settings(max_examples=150, deadline=None)
@given(told)
def test_any_answer_is_a_verdict_and_only_what_holds_is_left(said):
    try:
        table = read(json.dumps(said))
    except Invalid:
        return  # figures that JSON does not know
    verdict = judge(table, ABOUT, ABOUT.snapshot, "a-model")
    made = verdict.diagnosis

    assert all(run(one, ABOUT.snapshot).stands for one in every(made))
    assert verdict.good or made.certainty is Certainty.INCONCLUSIVE
    kept = encoded(made)
    assert "<@" not in kept
    assert "<!" not in kept
    assert "| sh" not in kept


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=200)
    | st.recursive(scalars, lambda x: st.lists(x) | st.dictionaries(texts, x)).map(json.dumps)
)
def test_what_does_not_fit_the_form_is_refused_in_words(said):
    with pytest.raises(Invalid):
        read(said)


def test_schema_and_reading_agree_on_what_an_answer_is():
    form = schema.answer(tools.names(ABOUT.snapshot, None), tools.pieces(ABOUT.snapshot, None))
    container = piece_id(ABOUT, "container", "store:4")
    good = answer(
        "process_killed", "store:4", claim(container, "store:4", "now.exit_code", "equals", 137)
    )
    jsonschema.Draft202012Validator.check_schema(form)
    jsonschema.validate(good, form)
    assert isinstance(read(json.dumps(good)), AnswerTable)
    for missing in good:
        less = {key: value for key, value in good.items() if key != missing}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, form)
        with pytest.raises(Invalid):
            read(json.dumps(less))
    for bad in ({"extra": 1}, {"cause": "gremlins"}, {"certainty": "sure"}, {"next": "act"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(good | bad, form)
        with pytest.raises(Invalid):
            read(json.dumps(good | bad))


def test_every_object_of_every_schema_names_all_its_fields_and_no_more():
    """Structured output takes nothing else: no optional fields, no ranges, no further properties."""

    def walk(one):
        if isinstance(one, dict):
            if one.get("type") == "object":
                assert one["additionalProperties"] is False
                assert one["required"] == list(one["properties"])
            assert not {
                "minimum",
                "maximum",
                "minLength",
                "maxLength",
                "maxItems",
                "pattern",
            } & set(one)
        for inner in (
            one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        ):
            walk(inner)

    walk(schema.answer(ENTITIES, IDS))
    for tool in tools.offered(ABOUT.snapshot, None):
        jsonschema.Draft202012Validator.check_schema(tool["input_schema"])
        walk(tool["input_schema"])


def test_a_long_list_of_names_is_not_spelt_out():
    many = [f"store:{n}" for n in range(schema.MAX_ENUM + 1)]

    assert "enum" not in schema.choice(many, "Whom.")
    assert schema.choice(many[:-1], "Whom.")["enum"] == many[:-1]


@pytest.mark.parametrize("op", [str(one) for one in Op])
def test_every_operator_takes_every_kind_of_value(op):
    container = piece_id(ABOUT, "container", "store:4")
    for path in ("now.exit_code", "now.networks", "now.oom_killed", "now", ""):
        for value in (None, True, 137, "x", [], ["137"], [137, None]):
            said = answer("process_killed", "store:4", claim(container, "store:4", path, op, value))
            verdict = judge(read(json.dumps(said)), ABOUT, ABOUT.snapshot, "a-model")
            assert all(run(one, ABOUT.snapshot).stands for one in every(verdict.diagnosis))
