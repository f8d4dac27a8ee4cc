"""Checks of buckets and tables. Each returns findings, one line each."""

from typing import Any

from tests.tidy.template import Node, Template, listed, statements, target

#: Every table is one or the other; a table that is neither is refused until somebody decides.
TEMPORARY_TABLES = frozenset({"GenerationsTable", "UploadsTable"})
PERMANENT_TABLES = frozenset(
    {"AccountsTable", "BillingTable", "CreditsTable", "KeysTable", "VaultTable", "WebhooksTable"}
)
#: Destroying a key row must be final, so that old ciphertext stays unreadable: no backup may hold it.
WITHOUT_BACKUPS = frozenset({"VaultTable"})

PUBLIC_ACCESS_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def tables_are_careless(template: Template) -> list[str]:
    """On demand, encrypted, backed up (except what must be destroyable), and temporary rows expire."""
    found = []
    for name, table in template.of("AWS::DynamoDB::Table"):
        recovery = table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is True
        checks = {
            "is not on demand": table.get("BillingMode") == "PAY_PER_REQUEST",
            "is not encrypted": table.get("SSESpecification", {}).get("SSEEnabled") is True,
            "has no point-in-time recovery": recovery or name in WITHOUT_BACKUPS,
            "must have no backups": not (recovery and name in WITHOUT_BACKUPS),
            "is declared neither temporary nor permanent": name in TEMPORARY_TABLES | PERMANENT_TABLES,
            "is temporary and nothing expires": _expires(table) or name not in TEMPORARY_TABLES,
        }
        found += [f"{name} {problem}" for problem, kept in checks.items() if not kept]
    return found


def _expires(table: Node) -> bool:
    ttl = table.get("TimeToLiveSpecification", {})
    return ttl.get("Enabled") is True and bool(ttl.get("AttributeName"))


def buckets_are_careless(template: Template) -> list[str]:
    """Closed to the public, encrypted, owned by us alone, TLS only, and everything in them expires."""
    secured = {target(policy.get("Bucket")) for _, policy in template.of("AWS::S3::BucketPolicy") if _needs_tls(policy)}
    found = []
    for name, bucket in template.of("AWS::S3::Bucket"):
        block = bucket.get("PublicAccessBlockConfiguration", {})
        rules = _enabled_rules(bucket)
        checks = {
            "is open to the public": all(block.get(setting) is True for setting in PUBLIC_ACCESS_BLOCKS),
            "is not encrypted": _is_encrypted(bucket),
            "has other owners": _is_ours_alone(bucket),
            "answers without TLS": name in secured,
            "keeps objects for ever": any(_ends(rule) for rule in rules),
            "keeps half uploads for ever": any("AbortIncompleteMultipartUpload" in rule for rule in rules),
            "keeps old versions for ever": _old_versions_end(bucket, rules),
        }
        found += [f"{name} {problem}" for problem, kept in checks.items() if not kept]
    return found


def _is_encrypted(bucket: Node) -> bool:
    rules = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    return any(rule.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules)


def _is_ours_alone(bucket: Node) -> bool:
    rules = bucket.get("OwnershipControls", {}).get("Rules", [])
    return [rule.get("ObjectOwnership") for rule in rules] == ["BucketOwnerEnforced"]


def _enabled_rules(bucket: Node) -> list[Node]:
    rules: list[Any] = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    return [rule for rule in rules if rule.get("Status") == "Enabled"]


def _ends(rule: Node) -> bool:
    return bool(rule.get("ExpirationInDays") or rule.get("Expiration", {}).get("Days"))


def _old_versions_end(bucket: Node, rules: list[Node]) -> bool:
    if bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled":
        return True
    return any("NoncurrentVersionExpiration" in rule or "NoncurrentVersionExpirationInDays" in rule for rule in rules)


def _needs_tls(policy: Node) -> bool:
    """A Deny of everything to everyone when `aws:SecureTransport` is false, on the bucket and on what is in it."""
    return any(
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and listed(statement.get("Action")) in (["s3:*"], ["*"])
        and len(listed(statement.get("Resource"))) >= 2
        and str(statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
        for statement in statements(policy.get("PolicyDocument", {}))
    )
