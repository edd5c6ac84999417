"""Two transcripts side by side: the exchanges that differ, each with its request."""

from __future__ import annotations

from conformance.difference import differences
from conformance.transcript import Field, Part, Transcript, parse


def transcript(*exchanges: str) -> Transcript:
    return parse("A sentence.\n" + "\n".join(exchanges))


PUT = '> KV/Put key: "a"\n< PutResponse\n= OK'
RANGE = '> KV/Range key: "a"\n< RangeResponse count: 1\n= OK'


def test_equal_transcripts_have_no_differences() -> None:
    assert differences(transcript(PUT, RANGE), transcript(PUT, RANGE)) == []
    assert differences(transcript(), transcript()) == []


def test_the_sentence_is_not_compared() -> None:
    assert (
        differences(Transcript("A.", (Part("=", "OK"),)), Transcript("B.", (Part("=", "OK"),)))
        == []
    )


def test_only_the_exchange_that_differs_is_shown_with_its_request() -> None:
    other = RANGE.replace("count: 1", "count: 2")
    assert differences(transcript(PUT, RANGE, PUT), transcript(PUT, other, PUT)) == [
        "exchange 2:",
        '  > KV/Range key: "a"',
        "- < RangeResponse count: 1",
        "+ < RangeResponse count: 2",
        "  = OK",
    ]


def test_of_a_long_message_only_the_lines_that_differ_are_marked() -> None:
    def answer(mod_revision: str) -> Transcript:
        header = Field("header", (Field("cluster_id", "c" * 60), Field("member_id", "m" * 30)))
        kv = Field("kvs", (Field("key", '"a"'), Field("mod_revision", mod_revision)))
        return Transcript("", (Part(">", "r"), Part("<", "RangeResponse", (header, kv))))

    assert differences(answer("2"), answer("3")) == [
        "exchange 1:",
        "  > r",
        "  < RangeResponse",
        "      header {",
        f"          cluster_id: {'c' * 60}",
        f"          member_id: {'m' * 30}",
        "      }",
        '-     kvs { key: "a" mod_revision: 2 }',
        '+     kvs { key: "a" mod_revision: 3 }',
    ]


def test_an_exchange_that_is_missing() -> None:
    assert differences(transcript(PUT, RANGE), transcript(PUT)) == [
        "exchange 2:",
        '- > KV/Range key: "a"',
        "- < RangeResponse count: 1",
        "- = OK",
    ]


def test_an_exchange_too_many() -> None:
    assert differences(transcript(PUT), transcript(PUT, "> half-close")) == [
        "exchange 2:",
        "+ > half-close",
    ]


def test_another_request_is_a_difference() -> None:
    other = PUT.replace('"a"', '"b"')
    assert differences(transcript(PUT), transcript(other)) == [
        "exchange 1:",
        '- > KV/Put key: "a"',
        '+ > KV/Put key: "b"',
        "  < PutResponse",
        "  = OK",
    ]


def test_the_order_of_a_streams_messages_matters() -> None:
    one = transcript("> s", "< stream#1 A", "< stream#1 B", "> cancel")
    other = transcript("> s", "< stream#1 B", "< stream#1 A", "> cancel")
    assert differences(one, other) == [
        "exchange 1:",
        "  > s",
        "+ < stream#1 B",
        "  < stream#1 A",
        "- < stream#1 B",
    ]


def test_a_message_that_comes_after_another_request_differs() -> None:
    one = transcript("> s", "< A", "> t", "= OK")
    other = transcript("> s", "> t", "< A", "= OK")
    assert differences(one, other) == [
        "exchange 1:",
        "  > s",
        "- < A",
        "exchange 2:",
        "  > t",
        "+ < A",
        "  = OK",
    ]


def test_what_comes_before_anything_was_done_is_an_exchange() -> None:
    assert differences(transcript("< A", PUT), transcript("< B", PUT)) == [
        "exchange 1:",
        "- < A",
        "+ < B",
    ]
