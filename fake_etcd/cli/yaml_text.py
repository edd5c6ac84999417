"""YAML as etcd reads it, refused in its words: what PyYAML says, in those of Go's parser.

Go: sigs.k8s.io/yaml, whose parser is libyaml's in Go: problems are the same, in other words, and
with the line alone. Of several documents the first counts, tags that are unknown do not.
"""

from __future__ import annotations

import re

import yaml

_NO_LINE = 0

_PROBLEMS = (
    (r"expected ',' or '([]}])', but got .*", r"did not find expected ',' or '\1'"),
    (r"mapping values are not allowed here", "mapping values are not allowed in this context"),
    (r"mapping keys are not allowed here", "mapping keys are not allowed in this context"),
    (
        r"sequence entries are not allowed here",
        "block sequence entries are not allowed in this context",
    ),
    (r"found character .* that cannot start any token", None),
    (r"expected the node content, but found .*", "did not find expected node content"),
    (r"expected '<document start>', but found .*", "did not find expected <document start>"),
    (
        r"expected escape sequence of \d+ hexadecimal numbers, but found .*",
        "did not find expected hexdecimal number",
    ),
    (r"found unknown escape character .*", "found unknown escape character"),
    (r"found undefined alias '(.*)'", r"unknown anchor '\1' referenced"),
    (r"failed to decode base64 data: .*", "!!binary value contains invalid base64 data"),
)
"""PyYAML's problems, and the parser's of Go; those that are not here are the same there."""

_OF_COLLECTIONS = {
    "while parsing a block collection": "did not find expected '-' indicator",
    "while parsing a block mapping": "did not find expected key",
}
"""What it says instead of "expected <block end>", by what is around."""

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)")


_VERSION = re.compile(r"%YAML\s+(\S+)")


class YamlError(ValueError):
    """What is wrong with it, in Go's words."""


class _Loader(yaml.SafeLoader):
    """Takes exponents without a point for numbers, and passes over tags that it does not know."""


def _untagged(loader: _Loader, suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode), "there are no other nodes"
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("", _untagged)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def load(text: str) -> object:
    """The first document; None for an empty one.

    Raises:
        YamlError

    >>> load("a: 1e3")
    {'a': 1000.0}
    """
    version = _VERSION.match(text)
    if version is not None and version[1] != "1.1":
        raise YamlError("found incompatible YAML document")
    try:
        document: object = next(iter(yaml.load_all(text, _Loader)), None)
    except yaml.reader.ReaderError:
        raise YamlError("control characters are not allowed") from None
    except yaml.MarkedYAMLError as error:
        raise YamlError(_words(error, text)) from None
    return document


def _words(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = _problem(error)
    line = _NO_LINE
    if not isinstance(error, (yaml.composer.ComposerError, yaml.constructor.ConstructorError)):
        line = _line(error, text)
    return f"line {line}: {problem}" if line else problem


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if problem.startswith("expected <block end>"):
        return _OF_COLLECTIONS.get(error.context or "", problem)
    for pattern, words in _PROBLEMS:
        match = re.fullmatch(pattern, problem, re.DOTALL)
        if match:
            return match.expand(words or "found character that cannot start any token")
    return problem


def _line(error: yaml.MarkedYAMLError, text: str) -> int:
    """What Go's parser takes for the line: counted from 0, but by its scanner from 1."""
    mark = error.problem_mark
    if mark is None:
        return _NO_LINE
    line: int = mark.line
    is_at_end = mark.index >= len(text) and mark.column > 0
    if is_at_end and error.context != "while scanning a quoted scalar":
        line += 1  # its scanner begins a line of its own there
    if line and isinstance(error, yaml.scanner.ScannerError):
        line += 1
    return line
