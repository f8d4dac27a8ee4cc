"""Checks of who may do what: roles, policies, secrets, keys. Each returns findings, one line each."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.tidy.habits import SECRETS
from tests.tidy.template import Node, Template, identity_policies, listed, statements, target, text_of

#: Actions for which AWS offers no resource to name: action → where AWS says so.
#: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WITHOUT_RESOURCE = {
    "cloudwatch:PutMetricData": "the metric's namespace can only be a condition",
    "xray:PutTelemetryRecords": "traces have no ARN",
    "xray:PutTraceSegments": "traces have no ARN",
}
SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|PEPPER|PRIVATE|CREDENTIAL|API_KEY")


def roles_are_shared(template: Template) -> list[str]:
    """Each function has a role of its own, in this template, for itself alone."""
    found, used = [], Counter[str]()
    for name, function in template.functions():
        role = target(function.get("Role"))
        if role:
            used[role] += 1
            if template.resources.get(role, {}).get("Type") != "AWS::IAM::Role":
                found.append(f"{name} has a role that the template does not hold")
        elif "Role" in function or not function.get("Policies"):
            found.append(f"{name} has no role of its own")
        ready_made = [policy for policy in listed(function.get("Policies")) if isinstance(policy, str)]
        found += [f"{name} takes the ready-made policy {policy}" for policy in ready_made]
    found += [f"{role} is the role of {count} functions" for role, count in used.items() if count > 1]
    for name, properties in template.of("AWS::IAM::Role"):
        taken = properties.get("ManagedPolicyArns", [])
        found += [f"{name} takes the ready-made policy {text_of(arn)}" for arn in taken]
    return found


def rights_are_too_wide(template: Template) -> list[str]:
    """Actions and resources are named; `*` stands only where AWS offers nothing finer."""
    found = []
    for where, statement in identity_policies(template):
        if statement.get("Effect") != "Allow":
            continue
        actions = [str(action) for action in listed(statement.get("Action"))]
        found += [f"{where} allows {key}" for key in ("NotAction", "NotResource") if key in statement]
        found += [f"{where} allows the actions {action}" for action in actions if "*" in action]
        wide = [
            text_of(resource) for resource in listed(statement.get("Resource")) if _is_everything(text_of(resource))
        ]
        found += [f"{where} allows {a} on {wide[0]}" for a in actions if wide and a not in WITHOUT_RESOURCE]
    return found


def _is_everything(resource: str) -> bool:
    """`*`, an ARN whose last part is only `*`, or something that could not be read."""
    parts = re.sub(r"\$\{[^}]*\}", "x", resource).split(":", 5)
    return resource in ("", "*") or (len(parts) == 6 and re.fullmatch(r"[a-z-]*[:/]?\*", parts[5]) is not None)


def strangers_are_let_in(template: Template) -> list[str]:
    """A policy on a queue, bucket, secret or key that allows `*` must say under which condition."""
    kinds = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SecretsManager::ResourcePolicy", "AWS::KMS::Key")
    found = []
    for name, properties in template.of(*kinds, "AWS::Lambda::Permission"):
        document = properties.get("PolicyDocument") or properties.get("KeyPolicy") or properties.get("ResourcePolicy")
        allowed = [s for s in statements(document or {}) if s.get("Effect") == "Allow" and not s.get("Condition")]
        found += [f"{name} allows anyone" for statement in allowed if _is_anyone(statement)]
        if properties.get("Principal") == "*":
            found.append(f"{name} lets anyone call")
    return found


def _is_anyone(statement: Node) -> bool:
    principal = statement.get("Principal")
    return principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))


def variables_hold_secrets(template: Template) -> list[str]:
    """A variable may hold the name of a secret, never a secret: anyone who may read a function's settings sees it."""
    found = []
    for function, properties in template.functions():
        for name, value in properties["Environment"]["Variables"].items():
            where = f"{function}.{name}"
            if "{{resolve:" in text_of(value):
                found.append(f"{where} resolves a secret into the variable")
            elif template.is_secret_parameter(target(value)):
                found.append(f"{where} holds a hidden parameter")
            elif isinstance(value, str) and (SECRET_NAME.search(name) or _looks_secret(value)):
                found.append(f"{where} holds a literal secret")
    return found


def _looks_secret(value: str) -> bool:
    random_text = len(value) >= 24 and re.fullmatch(r"[A-Za-z0-9+/_=-]+", value) and re.search(r"\d", value)
    return bool(random_text) or any(pattern.search(value) for pattern in SECRETS.values())


def literal_secrets(template: Template) -> list[str]:
    """A secret's value is drawn by AWS when the stack is made, or given later; it never stands in the template."""
    found = [
        f"{name} holds its value"
        for name, properties in template.of("AWS::SecretsManager::Secret")
        if isinstance(properties.get("SecretString"), str)
    ]
    return found + [f"{kind} at {where}" for where, text in _strings(template.parsed) for kind in _kinds(text)]


def _kinds(text: str) -> list[str]:
    return [kind for kind, pattern in SECRETS.items() if pattern.search(text)]


def _strings(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _strings(value, f"{where}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _strings(value, f"{where}/{number}")


def keys_do_not_rotate(template: Template) -> list[str]:
    return [
        f"{name} does not rotate"
        for name, key in template.of("AWS::KMS::Key")
        if key.get("EnableKeyRotation") is not True
    ]
