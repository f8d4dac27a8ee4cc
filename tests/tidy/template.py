"""Reading a packaged SAM template: resources by type, references, defaults of parameters, globals."""

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
#: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
DEFAULT_TIMEOUT_SECONDS = 3
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
DEFAULT_VISIBILITY_SECONDS = 30
DEFAULT_MESSAGE_SECONDS = 4 * 24 * 3600


class Template:
    """A parsed template. Look-ups of what is absent give an empty value, so that a check reports and does not crash."""

    def __init__(self, parsed: Node) -> None:
        self.parsed = parsed
        self.resources: dict[str, Node] = parsed.get("Resources", {})

    def of(self, *types: str) -> Iterator[tuple[str, Node]]:
        """(logical id, properties) of every resource of those types."""
        for name, resource in self.resources.items():
            if resource["Type"] in types:
                yield name, resource.get("Properties", {})

    def functions(self) -> Iterator[tuple[str, Node]]:
        """(logical id, properties) of every function, with the template's globals filled in."""
        common = self.parsed.get("Globals", {}).get("Function", {})
        for name, properties in self.of(*FUNCTION_TYPES):
            environment = {**_variables(common), **_variables(properties)}
            yield name, {**common, **properties, "Environment": {"Variables": environment}}

    def value(self, node: Any) -> Any:
        """A literal, or what a Ref to a parameter gives by default."""
        if isinstance(node, dict) and isinstance(node.get("Ref"), str):
            return self.parsed.get("Parameters", {}).get(node["Ref"], {}).get("Default", node)
        return node

    def number(self, node: Any, otherwise: int) -> int:
        """A whole number given literally or by a parameter's default; `otherwise` when it is not given."""
        found = self.value(node)
        return otherwise if found is None else int(found)

    def is_secret_parameter(self, name: str) -> bool:
        return str(self.parsed.get("Parameters", {}).get(name, {}).get("NoEcho", "")).lower() == "true"


def _variables(properties: Node) -> Node:
    variables: Node = properties.get("Environment", {}).get("Variables", {})
    return variables


def target(node: Any) -> str:
    """The logical id that `Ref`, `Fn::GetAtt` or a bare `${Name}` of `Fn::Sub` points to; empty for anything else."""
    if not isinstance(node, dict):
        return ""
    if isinstance(node.get("Ref"), str):
        return str(node["Ref"])
    attribute = node.get("Fn::GetAtt")
    if isinstance(attribute, str):
        return attribute.split(".")[0]
    if isinstance(attribute, list) and attribute:
        return str(attribute[0])
    text = node.get("Fn::Sub")
    if isinstance(text, str) and text.startswith("${") and text.endswith("}") and text.count("${") == 1:
        return text[2:-1].split(".")[0]
    return ""


def listed(node: Any) -> list[Any]:
    """IAM and CloudFormation take one thing where they take a list."""
    if node is None:
        return []
    return list(node) if isinstance(node, list) else [node]


def text_of(node: Any) -> str:
    """A name or ARN as text, with `${…}` where it is filled in at deployment."""
    if isinstance(node, str):
        return node
    if not isinstance(node, dict):
        return ""
    if "Fn::Sub" in node:
        sub = node["Fn::Sub"]
        return str(sub[0] if isinstance(sub, list) else sub)
    if "Fn::Join" in node:
        separator, parts = node["Fn::Join"]
        return str(separator).join(text_of(part) for part in parts)
    return "${" + target(node) + "}" if target(node) else ""


def identity_policies(template: Template) -> Iterator[tuple[str, Node]]:
    """(where, statement) of every policy that gives a role or function rights."""
    for name, properties in template.of("AWS::IAM::Role"):
        for policy in listed(properties.get("Policies")):
            yield from ((name, statement) for statement in statements(policy.get("PolicyDocument", {})))
    for name, properties in template.of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        yield from ((name, statement) for statement in statements(properties.get("PolicyDocument", {})))
    for name, properties in template.functions():
        for policy in listed(properties.get("Policies")):
            if isinstance(policy, dict) and "Statement" in policy:
                yield from ((name, statement) for statement in statements(policy))


def statements(document: Node) -> list[Node]:
    return listed(document.get("Statement"))
