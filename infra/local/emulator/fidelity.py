"""Where MiniStack answers otherwise than AWS and our template, written for AWS, is right."""

import json
from email.utils import parseaddr
from typing import Any

from ministack.core import iam_actions
from ministack.services import s3
from ministack.services.cloudformation import provisioners

_SECRET = "AWS::SecretsManager::Secret"


def repair() -> None:
    """Makes all repairs, before the emulator serves."""
    _secrets_by_arn()
    _mail_by_identity()
    _forms_by_checksum()


def _secrets_by_arn() -> None:
    """`Ref` of a secret is its ARN, so that policies can name it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    handlers = provisioners._RESOURCE_HANDLERS[_SECRET]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def create_by_arn(*arguments: Any) -> tuple[str, dict[str, str]]:
        _, attributes = create(*arguments)
        return attributes["Arn"], attributes

    def update_by_arn(physical_id: str, *arguments: Any, **options: Any) -> tuple[str, dict[str, str]]:
        _, attributes = update(_name(physical_id), *arguments, **options)
        return attributes["Arn"], attributes

    def delete_by_arn(physical_id: str, *arguments: Any) -> Any:
        return delete(_name(physical_id), *arguments)

    handlers.update(create=create_by_arn, update=update_by_arn, delete=delete_by_arn)


def _name(physical_id: str) -> str:
    """The secret's name: its ARN without prefix and the six characters that AWS adds."""
    return physical_id.rpartition(":secret:")[2].rpartition("-")[0] if ":secret:" in physical_id else physical_id


def _mail_by_identity() -> None:
    """Sending is allowed or denied on the sender's identity, not on everything.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
    """
    extract = iam_actions.extract_resource_arn

    def extract_sender(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> str:
        if service == "ses" and method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
            sender = parseaddr(json.loads(body).get("FromEmailAddress", ""))[1]
            return f"arn:aws:ses:{region}:{account}:identity/{sender}"
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = extract_sender


def _forms_by_checksum() -> None:
    """The file of an upload form must have the checksum that the form names.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    post = s3._post_object

    def post_checked(bucket_name: str, body: bytes, headers: dict[str, str]) -> Any:
        parts = s3._parse_multipart_form(headers.get("content-type", ""), body)
        file = next((value for name, _, _, value in parts if name == "file"), b"")
        fields = {name.lower(): value.decode("latin-1") for name, _, _, value in parts if name != "file"}
        _, wrong = s3._resolve_object_checksums(file, fields)
        if wrong is None:
            return post(bucket_name, body, headers)
        # What the policy refuses is told first.
        region = s3.bucket_region(bucket_name)
        return (
            s3._enforce_signed_post_policy(fields, bucket_name, region, len(file), "x-amz-credential" in fields)
            or wrong
        )

    s3._post_object = post_checked
