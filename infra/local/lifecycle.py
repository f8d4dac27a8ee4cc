"""S3 lifecycle rules and DynamoDB TTL: what is due when. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
"""

from datetime import timedelta
from typing import Any

# TTL ignores moments more than five years back: they are taken for mistakes.
MAX_TTL_LAG_SECONDS = 5 * 365 * 24 * 3600


def matches(rule: dict[str, Any], key: str, tags: dict[str, str]) -> bool:
    """Whether a rule's filter covers an object; a filter we do not know covers nothing."""
    if "Prefix" in rule:
        return key.startswith(rule["Prefix"])
    condition = rule.get("Filter") or {}
    if "And" in condition:
        condition = condition["And"]
    known = {"Prefix", "Tag", "Tags"}
    if set(condition) - known:
        return False
    required = [*condition.get("Tags", []), *([condition["Tag"]] if "Tag" in condition else [])]
    return key.startswith(condition.get("Prefix", "")) and all(tags.get(t["Key"]) == t["Value"] for t in required)


def expiry_after(rule: dict[str, Any]) -> timedelta | None:
    """The age at which current objects expire."""
    return _days(rule, "Expiration", "Days")


def noncurrent_after(rule: dict[str, Any]) -> timedelta | None:
    """The age at which noncurrent versions expire."""
    return _days(rule, "NoncurrentVersionExpiration", "NoncurrentDays")


def abort_after(rule: dict[str, Any]) -> timedelta | None:
    """The age at which unfinished multipart uploads are aborted."""
    return _days(rule, "AbortIncompleteMultipartUpload", "DaysAfterInitiation")


def _days(rule: dict[str, Any], action: str, member: str) -> timedelta | None:
    days = (rule.get(action) or {}).get(member)
    return None if days is None else timedelta(days=int(days))


def ttl_window(now_seconds: float) -> tuple[int, int]:
    """The first and the last Unix second whose items are due."""
    return int(now_seconds) - MAX_TTL_LAG_SECONDS, int(now_seconds)
