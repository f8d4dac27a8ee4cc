"""Joins the fragments of infra/stack into one CloudFormation template. Pure but for reading the files."""

from pathlib import Path
from typing import Any

import yaml

# CloudFormation's short forms and the long ones they stand for.
_SHORT_FORMS = {"Ref": "Ref", "Condition": "Condition"}
_FUNCTIONS = (
    "Base64",
    "Cidr",
    "FindInMap",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Select",
    "Split",
    "Sub",
    "Transform",
    "And",
    "Equals",
    "Not",
    "Or",
)


class FragmentError(Exception):
    """The fragments contradict each other or are not templates; the message names file and path."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, and without YAML 1.1's dates (`2012-10-17` stays text)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(name: str) -> Any:
    def construct(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
            if name == "Fn::GetAtt":
                value = str(value).split(".", 1)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.MappingNode):
            value = loader.construct_mapping(node, deep=True)
        else:
            raise FragmentError(f"{node.start_mark}: cannot read this tag")
        return {name: value}

    return construct


for _tag, _name in {**_SHORT_FORMS, **{f: f"Fn::{f}" for f in _FUNCTIONS}}.items():
    _Loader.add_constructor(f"!{_tag}", _short_form(_name))


def parse(text: str, source: str) -> dict[str, Any]:
    """One fragment as long-form CloudFormation. Raises FragmentError naming `source`."""
    try:
        parsed = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader subclass
    except yaml.YAMLError as error:
        raise FragmentError(f"{source}: {' '.join(str(error).split())}") from None
    if not isinstance(parsed, dict):
        raise FragmentError(f"{source}: a fragment is a mapping of template sections")
    return parsed


def merge(into: dict[str, Any], fragment: dict[str, Any], source: str, path: str = "") -> None:
    """Adds `fragment` to `into`, member by member.

    Mappings join, lists append, equal scalars agree; two different scalars in one place raise FragmentError.
    """
    for key, value in fragment.items():
        where = f"{path}.{key}" if path else str(key)
        present = into.get(key)
        if key not in into:
            into[key] = value
        elif isinstance(present, dict) and isinstance(value, dict):
            merge(present, value, source, where)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(value)
        elif present != value:
            raise FragmentError(f"{source}: {where} is {value!r} here and {present!r} in another fragment")


def read_stack(folder: Path) -> dict[str, Any]:
    """The merged template of every *.yaml in `folder`, by name. Raises FragmentError; an empty folder is one."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise FragmentError(f"{folder}: no fragments")
    template: dict[str, Any] = {}
    for file in files:
        merge(template, parse(file.read_text(), file.name), file.name)
    return template
