"""The sweeper: `python -m infra.local.sweeper DATA ENDPOINT [SECONDS]`. What AWS does behind the scenes.

Every round it reads the rules from the emulator: S3 lifecycle (expiration of current and noncurrent versions, abort of
multipart uploads) and DynamoDB TTL. On AWS both may lag by days; here they lag by one round.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.datadir import REGION, DataDir
from infra.local.lifecycle import abort_after, expiry_after, matches, noncurrent_after, ttl_window
from infra.local.processes import end_with_parent

ROUND_SECONDS = 30.0


class Sweeper:
    """One emulator's sweeper."""

    def __init__(self, data: DataDir, endpoint_url: str) -> None:
        secrets = data.secrets
        session = boto3.session.Session(secrets.root_key_id, secrets.root_secret, region_name=REGION)
        self._s3 = session.client("s3", endpoint_url=endpoint_url)
        self._dynamodb = session.client("dynamodb", endpoint_url=endpoint_url)

    def sweep(self, now: datetime) -> dict[str, int]:
        """One round; returns how many things of each kind went."""
        gone = {"objects": 0, "versions": 0, "uploads": 0, "items": 0}
        for bucket in self._s3.list_buckets()["Buckets"]:
            for rule in self._rules(bucket["Name"]):
                gone["objects"] += self._expire_objects(bucket["Name"], rule, now)
                gone["versions"] += self._expire_versions(bucket["Name"], rule, now)
                gone["uploads"] += self._abort_uploads(bucket["Name"], rule, now)
        for pages in self._dynamodb.get_paginator("list_tables").paginate():
            for table in pages["TableNames"]:
                gone["items"] += self._expire_items(table, now)
        return gone

    def _rules(self, bucket: str) -> list[dict[str, Any]]:
        try:
            rules = self._s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
                return []
            raise
        return [rule for rule in rules if rule["Status"] == "Enabled"]

    def _expire_objects(self, bucket: str, rule: dict[str, Any], now: datetime) -> int:
        age = expiry_after(rule)
        if age is None:
            return 0
        gone = 0
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for found in page.get("Contents", []):
                if not matches(rule, found["Key"], self._tags_if_needed(bucket, rule, found["Key"])):
                    continue
                if _midnight_after(found["LastModified"] + age) <= now:
                    self._s3.delete_object(Bucket=bucket, Key=found["Key"])
                    gone += 1
        return gone

    def _tags_if_needed(self, bucket: str, rule: dict[str, Any], key: str) -> dict[str, str]:
        if "Tag" not in json.dumps(rule.get("Filter", {})):
            return {}
        tags = self._s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def _expire_versions(self, bucket: str, rule: dict[str, Any], now: datetime) -> int:
        age = noncurrent_after(rule)
        if age is None:
            return 0
        gone = 0
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for found in page.get("Versions", []):
                if found["IsLatest"] or not matches(rule, found["Key"], {}):
                    continue
                # The moment it became noncurrent is not kept by the emulator; its own age is the earliest bound.
                if _midnight_after(found["LastModified"] + age) <= now:
                    self._s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
                    gone += 1
        return gone

    def _abort_uploads(self, bucket: str, rule: dict[str, Any], now: datetime) -> int:
        age = abort_after(rule)
        if age is None:
            return 0
        gone = 0
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", []):
                if matches(rule, upload["Key"], {}) and _midnight_after(upload["Initiated"] + age) <= now:
                    self._s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                    gone += 1
        return gone

    def _expire_items(self, table: str, now: datetime) -> int:
        ttl = self._dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if ttl.get("TimeToLiveStatus") != "ENABLED":
            return 0
        keys = [part["AttributeName"] for part in self._dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
        gone = 0
        for item in self._items_due(table, ttl["AttributeName"], now.timestamp()):
            key = {name: item[name] for name in keys}
            gone += self._delete_if_unchanged(table, key, ttl["AttributeName"], item[ttl["AttributeName"]])
        return gone

    def _items_due(self, table: str, attribute: str, now_seconds: float) -> Iterator[dict[str, Any]]:
        earliest, latest = ttl_window(now_seconds)
        scan = self._dynamodb.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression="#t BETWEEN :earliest AND :latest",
            ExpressionAttributeNames={"#t": attribute},
            ExpressionAttributeValues={":earliest": {"N": str(earliest)}, ":latest": {"N": str(latest)}},
        )
        for page in scan:
            yield from page["Items"]

    def _delete_if_unchanged(self, table: str, key: dict[str, Any], attribute: str, value: dict[str, str]) -> int:
        try:
            self._dynamodb.delete_item(
                TableName=table,
                Key=key,
                ConditionExpression="#t = :t",
                ExpressionAttributeNames={"#t": attribute},
                ExpressionAttributeValues={":t": value},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return 0  # its life was extended meanwhile
        return 1


def _midnight_after(moment: datetime) -> datetime:
    """S3 rounds up to the next midnight UTC."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == moment else day + timedelta(days=1)


def main() -> None:
    """Sweeps until the supervisor ends it."""
    folder, endpoint_url, *seconds = sys.argv[1:]
    end_with_parent()
    sweeper = Sweeper(DataDir(Path(folder)), endpoint_url)
    pause = float(seconds[0]) if seconds else ROUND_SECONDS
    while True:
        started = time.monotonic()
        try:
            gone = sweeper.sweep(datetime.now(UTC))
            if any(gone.values()):
                print(json.dumps({"level": "INFO", "event": "swept", **gone}))
        except (ClientError, BotoCoreError) as error:
            # The emulator may be restarting; the next round finds what this one missed.
            print(json.dumps({"level": "WARNING", "event": "sweep_failed", "error": str(error)}))
        threading.Event().wait(max(0.0, pause - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
