"""S3: one bucket, private objects, grants for a single object that end by themselves."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.session import client

#: A download link lives this long at the most; it is made on demand and never stored.
DOWNLOAD_SECONDS = 300
DELETE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """A presigned POST: send `fields`, then the file last, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]


class ObjectMissing(Exception):
    """There is no object under that key (never written, expired or deleted)."""


class Objects:
    """The objects of one bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def upload_form(self, key: str, *, content_type: str, size_bytes: int, sha256_hex: str, seconds: int) -> Form:
        """A form that S3 accepts for exactly this key, type, size and content, until `seconds` from now.

        The conditions are in the signed policy (Amazon S3 API, "Creating a POST policy"), so S3 itself refuses
        anything else.
        """
        checksum = base64.b64encode(bytes.fromhex(sha256_hex)).decode()
        fields = {
            "Content-Type": content_type,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": checksum,
            "success_action_status": "201",
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", size_bytes, size_bytes])
        signed = client("s3").generate_presigned_post(
            self.bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=seconds
        )
        return Form(signed["url"], signed["fields"])

    def download_url(self, key: str, *, content_type: str, filename: str) -> str:
        """A URL for one GET-able object, good for DOWNLOAD_SECONDS, with a fixed type and no caching."""
        return str(
            client("s3").generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self.bucket,
                    "Key": key,
                    "ResponseContentType": content_type,
                    "ResponseContentDisposition": f'attachment; filename="{filename}"',
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=DOWNLOAD_SECONDS,
            )
        )

    def fetch(self, key: str, to: Path, *, max_bytes: int) -> int:
        """Streams the object into a file and returns its size in bytes; at most `max_bytes` + 1 are written.

        Raises ObjectMissing.
        """
        body = self._get(key)
        written = 0
        with to.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk[: max_bytes + 1 - written])
                written = file.tell()
                if written > max_bytes:
                    break
        return written

    def read(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing."""
        return bytes(self._get(key).read())

    def write(self, key: str, data: bytes, content_type: str) -> None:
        client("s3").put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType=content_type, ChecksumAlgorithm="SHA256"
        )

    def delete(self, key: str) -> None:
        """Afterwards the object is not there; it is no error if it was not there before."""
        client("s3").delete_object(Bucket=self.bucket, Key=key)

    def delete_prefix(self, prefix: str, *, but: Collection[str] = ()) -> int:
        """Deletes every object under `prefix`, `but` these, and returns how many there were."""
        deleted = 0
        for page in (
            client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": DELETE_BATCH})
        ):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", ()) if item["Key"] not in but]
            if keys:
                answer = client("s3").delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
                for left in answer.get("Errors", ()):  # the call succeeds even when some keys did not
                    self.delete(left["Key"])
                deleted += len(keys)
        return deleted

    def _get(self, key: str) -> Any:
        try:
            return client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise ObjectMissing(key) from None
            raise
