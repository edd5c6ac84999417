"""JSON that is, or nearly is, a message of etcd's."""

from __future__ import annotations

from binascii import b2a_base64

from hypothesis import strategies as st

from fake_etcd.transport.gateway.fields import JsonMessage, Kind

_INTEGERS = {
    Kind.INT32: st.integers(-(2**31), 2**31 - 1),
    Kind.UINT32: st.integers(0, 2**32 - 1),
    Kind.INT64: st.integers(-(2**63), 2**63 - 1),
    Kind.UINT64: st.integers(0, 2**64 - 1),
}


_ODD: list[object] = [
    None,
    True,
    0,
    -1,
    1.0,
    1.5,
    1e300,
    2**31,
    2**63,
    "",
    "x",
    "1",
    "1e1",
    "-0",
    " 1",
    "YQ",
    "-_8=",
    "NOPUT",
    "\u2028",
    [],
    [None],
    {},
    {"key": 1},
]


def jsons(
    table: JsonMessage, depth: int = 3, *, is_odd: bool = False
) -> st.SearchStrategy[dict[str, object]]:
    """JSON of a message, with a few unknown fields in it.

    Args:
        is_odd: whether some values may be of another type than their fields.
    """
    fields: dict[str, st.SearchStrategy[object]] = {"unknown": st.none() | st.booleans()}
    unions: set[str] = set()
    for field in table.by_number.values():
        if field.oneof in unions:
            continue
        if field.oneof:
            unions.add(field.oneof)
        one: st.SearchStrategy[object]
        if field.message is not None:
            if not depth:
                continue
            one = jsons(field.message, depth - 1, is_odd=is_odd)
        elif field.kind is Kind.BOOL:
            one = st.booleans()
        elif field.kind is Kind.STRING:
            one = st.text(max_size=8)
        elif field.kind is Kind.BYTES:
            one = st.binary(max_size=8).map(lambda value: b2a_base64(value)[:-1].decode())
        elif field.kind is Kind.ENUM:
            one = st.sampled_from(sorted(field.enum_numbers)) | st.integers(0, 9)
        else:
            one = _INTEGERS[field.kind] | _INTEGERS[field.kind].map(str)
        if is_odd:
            one = st.integers(0, 9).flatmap(
                lambda dice, one=one: st.sampled_from(_ODD) if dice == 7 else one  # type: ignore[misc]
            )
        name = field.json_name if field.number % 2 else field.name
        fields[name] = st.lists(one, max_size=2) if field.is_repeated else one | st.none()
    return st.fixed_dictionaries({}, optional=fields)
