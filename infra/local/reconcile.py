"""Repairs what the emulator's CloudFormation drops without a word, and proves it: what the template says is what is.

Each aspect of a resource is read back from the service, written by the service's own API when it is missing, and read
again; a difference that remains is an error. So is a resource of the template that the emulator did not make at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.local.datadir import ACCOUNT, REGION, LaptopError

MakeClient = Callable[[str], Any]
Resources = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Aspect:
    """One property of one resource: what it should be, how to read it (None: not set), how to set it."""

    what: str
    wanted: Any
    read: Callable[[], Any]
    write: Callable[[], Any]


class Resolver:
    """The values of `Ref`, `Fn::GetAtt … Arn` and `Fn::Sub` in the properties that are repaired here."""

    def __init__(self, template: dict[str, Any], resources: Resources, parameters: dict[str, str]) -> None:
        defaults = {n: p.get("Default") for n, p in template.get("Parameters", {}).items()}
        self._parameters = {**defaults, **{n: v for n, v in parameters.items() if n in defaults}}
        self._resources = resources

    def __call__(self, value: Any) -> Any:
        """The value with every intrinsic function replaced. Raises LaptopError for one that is not understood."""
        if isinstance(value, list):
            return [self(v) for v in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            name = value["Ref"]
            return self._resources[name][1] if name in self._resources else self._parameters[name]
        if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][1] == "Arn":
            return self._arn(value["Fn::GetAtt"][0])
        if any(name.startswith("Fn::") for name in value):
            raise LaptopError(f"the laptop cannot repair a property that uses {next(iter(value))}: {value}")
        return {name: self(v) for name, v in value.items()}

    def _arn(self, logical_id: str) -> str:
        kind, physical = self._resources[logical_id]
        if kind == "AWS::KMS::Key":
            return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{physical}"
        raise LaptopError(f"the laptop does not know the ARN of {logical_id} ({kind})")


def reconcile(
    template: dict[str, Any], resources: Resources, make: MakeClient, parameters: dict[str, str]
) -> list[str]:
    """Brings the emulator to what `template` says; returns what had to be repaired. Raises LaptopError if it cannot."""
    refuse_ignored(template, resources)
    resolve = Resolver(template, resources, parameters)
    repaired = []
    for logical_id, resource in template["Resources"].items():
        if logical_id not in resources:
            continue
        aspects_of = _ASPECTS.get(resource["Type"])
        if aspects_of is None:
            continue
        aspects = aspects_of(resolve, resource.get("Properties", {}), resources[logical_id][1], make)
        repaired += [f"{logical_id} {aspect.what}" for aspect in aspects if _settle(logical_id, aspect)]
    return repaired


def refuse_ignored(template: dict[str, Any], resources: Resources) -> None:
    """Raises LaptopError for resources that the template declares and the emulator does not have."""
    missing = [
        f"{logical_id} ({resource['Type']})"
        for logical_id, resource in template["Resources"].items()
        if "Condition" not in resource and (logical_id not in resources or "-noop-" in resources[logical_id][1])
    ]
    if missing:
        raise LaptopError("the emulator ignored " + ", ".join(missing))


def _settle(logical_id: str, aspect: Aspect) -> bool:
    if aspect.read() == aspect.wanted:
        return False
    aspect.write()
    present = aspect.read()
    if present != aspect.wanted:
        raise LaptopError(f"{logical_id}: {aspect.what} is {present!r}, not {aspect.wanted!r}, and cannot be repaired")
    return True


def _unless(code: str, read: Callable[[], Any]) -> Any:
    """What `read` returns, or None for the error that says it is not set."""
    try:
        return read()
    except ClientError as error:
        if error.response["Error"]["Code"] == code:
            return None
        raise


def _table(resolve: Resolver, properties: dict[str, Any], name: str, make: MakeClient) -> Iterator[Aspect]:
    dynamodb = make("dynamodb")
    if "TimeToLiveSpecification" in properties:
        ttl = resolve(properties["TimeToLiveSpecification"])
        yield Aspect(
            "time to live",
            (ttl["AttributeName"], "ENABLED" if ttl["Enabled"] else "DISABLED"),
            lambda: _ttl(dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]),
            lambda: dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl),
        )
    backups = resolve(properties.get("PointInTimeRecoverySpecification", {}))
    enabled = bool(backups.get("PointInTimeRecoveryEnabled"))
    yield Aspect(
        "point-in-time recovery",
        "ENABLED" if enabled else "DISABLED",
        lambda: dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"
        ]["PointInTimeRecoveryStatus"],
        lambda: dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        ),
    )
    if "SSESpecification" in properties:
        sse = resolve(properties["SSESpecification"])
        request = {("Enabled" if n == "SSEEnabled" else n): v for n, v in sse.items()}
        yield Aspect(
            "encryption",
            (sse["SSEEnabled"], sse.get("KMSMasterKeyId", "").rsplit("/", 1)[-1]),
            lambda: _sse(dynamodb.describe_table(TableName=name)["Table"], named="KMSMasterKeyId" in sse),
            lambda: dynamodb.update_table(TableName=name, SSESpecification=request),
        )
    protected = bool(properties.get("DeletionProtectionEnabled"))
    yield Aspect(
        "deletion protection",
        protected,
        lambda: bool(dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled")),
        lambda: dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected),
    )


def _ttl(described: dict[str, Any]) -> tuple[str | None, str]:
    return described.get("AttributeName"), described["TimeToLiveStatus"]


def _sse(table: dict[str, Any], *, named: bool) -> tuple[bool, str]:
    described = table.get("SSEDescription", {})
    key = described.get("KMSMasterKeyArn", "").rsplit("/", 1)[-1] if named else ""
    return described.get("Status") == "ENABLED", key


def _bucket(resolve: Resolver, properties: dict[str, Any], name: str, make: MakeClient) -> Iterator[Aspect]:
    s3 = make("s3")
    if "LifecycleConfiguration" in properties:
        rules = [lifecycle_rule(rule) for rule in resolve(properties["LifecycleConfiguration"])["Rules"]]
        yield Aspect(
            "lifecycle",
            rules,
            lambda: _unless(
                "NoSuchLifecycleConfiguration", lambda: s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
            ),
            lambda: s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules}),
        )
    if "VersioningConfiguration" in properties:
        status = resolve(properties["VersioningConfiguration"])["Status"]
        yield Aspect(
            "versioning",
            status,
            lambda: s3.get_bucket_versioning(Bucket=name).get("Status"),
            lambda: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status}),
        )
    if "BucketEncryption" in properties:
        yield _encryption(s3, name, resolve(properties["BucketEncryption"])["ServerSideEncryptionConfiguration"])
    if "PublicAccessBlockConfiguration" in properties:
        block = resolve(properties["PublicAccessBlockConfiguration"])
        yield Aspect(
            "public access block",
            block,
            lambda: _unless(
                "NoSuchPublicAccessBlockConfiguration",
                lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
            ),
            lambda: s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block),
        )
    if "CorsConfiguration" in properties:
        cors = [cors_rule(rule) for rule in resolve(properties["CorsConfiguration"])["CorsRules"]]
        yield Aspect(
            "CORS",
            cors,
            lambda: _unless("NoSuchCORSConfiguration", lambda: s3.get_bucket_cors(Bucket=name)["CORSRules"]),
            lambda: s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": cors}),
        )
    for kind, wanted in properties.get("NotificationConfiguration", {}).items():
        yield _notifications(s3, name, kind, len(wanted))


def _encryption(s3: Any, bucket: str, rules: list[dict[str, Any]]) -> Aspect:
    wanted = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled")),
        }
        for rule in rules
    ]
    return Aspect(
        "encryption",
        wanted,
        lambda: _unless(
            "ServerSideEncryptionConfigurationNotFoundError",
            lambda: s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"],
        ),
        lambda: s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": wanted}),
    )


def _notifications(s3: Any, bucket: str, kind: str, count: int) -> Aspect:
    def read() -> int:
        return len(s3.get_bucket_notification_configuration(Bucket=bucket).get(kind, []))

    # The emulator keeps these; should it stop, there is nothing to repair them with but the queue's policy order.
    return Aspect(f"{kind} of the notifications", count, read, lambda: None)


def lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as CloudFormation writes it, in the form of the S3 API. Raises LaptopError for unknown members."""
    known = {"Id", "Status", "Prefix", "TagFilters", "ExpirationInDays", "AbortIncompleteMultipartUpload"}
    known |= {"NoncurrentVersionExpiration", "NoncurrentVersionExpirationInDays", "ExpiredObjectDeleteMarker"}
    if unknown := set(rule) - known:
        raise LaptopError(f"the laptop does not know the lifecycle rule members {', '.join(sorted(unknown))}")
    prefix, tags = rule.get("Prefix", ""), rule.get("TagFilters", [])
    converted: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": prefix}}
    if tags:
        converted["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}}
    if "Id" in rule:
        converted["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        converted["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif rule.get("ExpiredObjectDeleteMarker"):
        converted["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    noncurrent = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
    noncurrent = rule.get("NoncurrentVersionExpirationInDays", noncurrent)
    if noncurrent is not None:
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(noncurrent)}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        converted["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return converted


def cors_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as CloudFormation writes it, in the form of the S3 API."""
    renamed = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {renamed.get(name, name): value for name, value in rule.items()}


def _function(resolve: Resolver, properties: dict[str, Any], name: str, make: MakeClient) -> Iterator[Aspect]:
    lambdas = make("lambda")
    if "ReservedConcurrentExecutions" in properties:
        reserved = int(resolve(properties["ReservedConcurrentExecutions"]))
        yield Aspect(
            "reserved concurrency",
            reserved,
            lambda: lambdas.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions"),
            lambda: lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved),
        )


_ASPECTS: dict[str, Callable[[Resolver, dict[str, Any], str, MakeClient], Iterator[Aspect]]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::S3::Bucket": _bucket,
    "AWS::Serverless::Function": _function,
    "AWS::Lambda::Function": _function,
}
