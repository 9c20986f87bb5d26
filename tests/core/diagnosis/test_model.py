"""Evidence is bounded, and one value has one digest."""

from core.diagnosis.model import MAX_PIECE_BYTES, MAX_PIECES, Piece, bounded


def piece(content, name="e1"):
    return Piece(name, "log", "log", "store:4", 1.0, (0.0, 1.0), content)


def test_the_order_of_keys_does_not_change_the_digest():
    assert piece({"a": 1, "b": 2}).digest == piece({"b": 2, "a": 1}).digest
    assert piece({"a": 1}).digest != piece({"a": 1.5}).digest


def test_a_long_log_keeps_its_newest_lines():
    lines = [{"at": n, "text": "x" * 100} for n in range(2_000)]
    kept, dropped = bounded([piece({"lines": lines})])
    assert dropped == 0
    assert kept[0].content["lines"][-1]["at"] == 1_999
    assert kept[0].content["cut"] is True
    assert 100 < len(kept[0].content["lines"]) < 1_000


def test_what_cannot_be_cut_counts_as_not_seen():
    kept, _ = bounded([piece({"text": "x" * (MAX_PIECE_BYTES + 1)})])
    assert not kept[0].ok
    assert kept[0].content is None


def test_more_pieces_than_fit_are_counted_not_lost_silently():
    kept, dropped = bounded(piece({"n": n}, f"e{n}") for n in range(MAX_PIECES + 7))
    assert (len(kept), dropped) == (MAX_PIECES, 7)


def test_what_is_too_much_in_all_is_dropped_from_the_end():
    kept, dropped = bounded(piece({"text": "x" * 30_000}, f"e{n}") for n in range(40))
    assert kept[0].id == "e0"
    assert len(kept) + dropped == 40
    assert dropped > 0
