"""Queues, roles, buckets, tables, keys and logs of the packaged template keep the rules, and each check can fail."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.tidy import template_access, template_queues, template_storage
from tests.tidy.template import Template, target, text_of
from tests.tidy.tree import ROOT

Check = Callable[[Template], list[str]]

CHECKS: list[Check] = [
    template_queues.failures_are_not_reported,
    template_queues.visibility_is_short,
    template_queues.poison_has_no_end,
    template_queues.dead_letters_raise_no_alarm,
    template_queues.logs_are_kept_for_ever,
    template_access.roles_are_shared,
    template_access.rights_are_too_wide,
    template_access.strangers_are_let_in,
    template_access.variables_hold_secrets,
    template_access.literal_secrets,
    template_access.keys_do_not_rotate,
    template_storage.tables_are_careless,
    template_storage.buckets_are_careless,
]

ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]}
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [{"Fn::GetAtt": ["Photos", "Arn"]}, {"Fn::Sub": "${Photos.Arn}/*"}],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}

#: A small template that keeps every rule; each planted change breaks one.
GOOD: dict[str, Any] = {
    "Parameters": {"WorkSeconds": {"Type": "Number", "Default": 60}, "Hidden": {"Type": "String", "NoEcho": True}},
    "Globals": {"Function": {"Timeout": {"Ref": "WorkSeconds"}, "Environment": {"Variables": {"MODE": "live"}}}},
    "Resources": {
        "Worker": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Role": {"Fn::GetAtt": ["WorkerRole", "Arn"]},
                "LoggingConfig": {"LogGroup": {"Ref": "WorkerLogs"}},
                "Environment": {"Variables": {"PEPPERS_SECRET": {"Ref": "Peppers"}}},
                "Events": {
                    "Jobs": {
                        "Type": "SQS",
                        "Properties": {
                            "Queue": {"Fn::GetAtt": ["Jobs", "Arn"]},
                            "FunctionResponseTypes": ["ReportBatchItemFailures"],
                        },
                    }
                },
            },
        },
        "WorkerRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Policies": [
                    {
                        "PolicyName": "own",
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:PutItem"],
                                    "Resource": {"Fn::GetAtt": ["UploadsTable", "Arn"]},
                                },
                                {"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"},
                            ]
                        },
                    }
                ]
            },
        },
        "WorkerLogs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 360,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5},
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600}},
        "DeadAlarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}],
            },
        },
        "Photos": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "PublicAccessBlockConfiguration": dict.fromkeys(template_storage.PUBLIC_ACCESS_BLOCKS, True),
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Status": "Enabled",
                            "ExpirationInDays": 3,
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        }
                    ]
                },
            },
        },
        "PhotosPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Photos"}, "PolicyDocument": {"Statement": [TLS_ONLY]}},
        },
        "UploadsTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "SSESpecification": {"SSEEnabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            },
        },
        "VaultTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {"BillingMode": "PAY_PER_REQUEST", "SSESpecification": {"SSEEnabled": True}},
        },
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
        "Peppers": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}},
    },
}

STATEMENT = "WorkerRole.Properties.Policies.0.PolicyDocument.Statement.0"
ENVIRONMENT = "Worker.Properties.Environment.Variables"
POLICY = "PhotosPolicy.Properties.PolicyDocument"

#: (check, path under Resources, what stands there instead; None takes it away)
PLANTED: list[tuple[Check, str, Any]] = [
    (template_queues.failures_are_not_reported, "Worker.Properties.Events.Jobs.Properties.FunctionResponseTypes", None),
    (template_queues.visibility_is_short, "Jobs.Properties.VisibilityTimeout", 359),
    (template_queues.visibility_is_short, "Worker.Properties.Timeout", 61),
    (template_queues.visibility_is_short, "Worker.Properties.Events.Jobs.Properties.MaximumBatchingWindowInSeconds", 1),
    (template_queues.visibility_is_short, "Worker.Properties.Events.Jobs.Properties.Queue", "arn:aws:sqs:::elsewhere"),
    (template_queues.poison_has_no_end, "Jobs.Properties.RedrivePolicy", None),
    (template_queues.poison_has_no_end, "Jobs.Properties.RedrivePolicy.maxReceiveCount", 4),
    (template_queues.poison_has_no_end, "Dead.Properties.MessageRetentionPeriod", 60),
    (template_queues.dead_letters_raise_no_alarm, "DeadAlarm", None),
    (template_queues.dead_letters_raise_no_alarm, "DeadAlarm.Properties.MetricName", "NumberOfMessagesSent"),
    (template_queues.logs_are_kept_for_ever, "WorkerLogs.Properties.RetentionInDays", None),
    (template_queues.logs_are_kept_for_ever, "Worker.Properties.LoggingConfig", None),
    (template_access.roles_are_shared, "Other", copy.deepcopy(GOOD["Resources"]["Worker"])),
    (template_access.roles_are_shared, "Worker.Properties.Role", "arn:aws:iam::123456789012:role/admin"),
    (template_access.roles_are_shared, "Worker.Properties.Policies", ["AmazonDynamoDBFullAccess"]),
    (template_access.roles_are_shared, "WorkerRole.Properties.ManagedPolicyArns", ["arn:aws:iam::aws:policy/Admin"]),
    (template_access.rights_are_too_wide, f"{STATEMENT}.Action", "*"),
    (template_access.rights_are_too_wide, f"{STATEMENT}.Action", ["dynamodb:Get*"]),
    (template_access.rights_are_too_wide, f"{STATEMENT}.Resource", "*"),
    (template_access.rights_are_too_wide, f"{STATEMENT}.Resource", {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:1:*"}),
    (template_access.rights_are_too_wide, f"{STATEMENT}.Resource", ["arn:aws:dynamodb:us-east-1:1:table/*"]),
    (template_access.rights_are_too_wide, f"{STATEMENT}.NotAction", "iam:*"),
    (template_access.strangers_are_let_in, POLICY, ALLOW_ALL),
    (template_access.strangers_are_let_in, "Key.Properties.KeyPolicy", ALLOW_ALL),
    (template_access.variables_hold_secrets, f"{ENVIRONMENT}.PEPPERS_SECRET", "a-pepper"),
    (template_access.variables_hold_secrets, f"{ENVIRONMENT}.OTHER", {"Ref": "Hidden"}),
    (template_access.variables_hold_secrets, f"{ENVIRONMENT}.OTHER", "{{resolve:secretsmanager:a}}"),
    (template_access.variables_hold_secrets, f"{ENVIRONMENT}.OTHER", "a1b2" * 8),
    (template_access.literal_secrets, "Peppers.Properties.SecretString", "a-pepper"),
    (template_access.literal_secrets, "Dead.Metadata", {"note": "AK" + "IA" + "Q7" * 8}),
    (template_access.keys_do_not_rotate, "Key.Properties.EnableKeyRotation", None),
    (template_storage.tables_are_careless, "UploadsTable.Properties.BillingMode", "PROVISIONED"),
    (template_storage.tables_are_careless, "UploadsTable.Properties.SSESpecification", None),
    (template_storage.tables_are_careless, "UploadsTable.Properties.PointInTimeRecoverySpecification", None),
    (template_storage.tables_are_careless, "UploadsTable.Properties.TimeToLiveSpecification.Enabled", False),
    (
        template_storage.tables_are_careless,
        "VaultTable.Properties.PointInTimeRecoverySpecification",
        {"PointInTimeRecoveryEnabled": True},
    ),
    (template_storage.tables_are_careless, "StrayTable", copy.deepcopy(GOOD["Resources"]["UploadsTable"])),
    (
        template_storage.buckets_are_careless,
        "Photos.Properties.PublicAccessBlockConfiguration.RestrictPublicBuckets",
        False,
    ),
    (template_storage.buckets_are_careless, "Photos.Properties.BucketEncryption", None),
    (template_storage.buckets_are_careless, "Photos.Properties.OwnershipControls", None),
    (template_storage.buckets_are_careless, f"{POLICY}.Statement.0.Condition", {}),
    (template_storage.buckets_are_careless, "Photos.Properties.LifecycleConfiguration.Rules.0.Status", "Disabled"),
    (
        template_storage.buckets_are_careless,
        "Photos.Properties.LifecycleConfiguration.Rules.0.AbortIncompleteMultipartUpload",
        None,
    ),
    (template_storage.buckets_are_careless, "Photos.Properties.VersioningConfiguration", {"Status": "Enabled"}),
]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template that `make run` and `make package` deploy."""
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "-m", "infra.build.package", "--out", str(folder), "--thin"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Template(json.loads((folder / "sam.json").read_text()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_packaged_template_keeps_the_rule(check: Check, template: Template) -> None:
    assert check(template) == []


def test_the_packaged_template_holds_what_the_checks_are_about(template: Template) -> None:
    kinds = {resource["Type"] for resource in template.resources.values()}
    expected = {resource["Type"] for resource in GOOD["Resources"].values()}
    assert expected - kinds == set()
    assert len(template_queues.sources(template)) >= 3
    listed_tables = template_storage.TEMPORARY_TABLES | template_storage.PERMANENT_TABLES
    assert {name for name, _ in template.of("AWS::DynamoDB::Table")} == listed_tables


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_template_passes(check: Check) -> None:
    assert check(Template(GOOD)) == []


@pytest.mark.parametrize(("check", "path", "instead"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_violation_is_found(check: Check, path: str, instead: Any) -> None:
    broken = copy.deepcopy(GOOD)
    place(broken["Resources"], path.split("."), instead)
    assert len(check(Template(broken))) >= 1


def test_every_check_meets_a_violation() -> None:
    assert {check for check, _, _ in PLANTED} == set(CHECKS)


def place(node: Any, path: list[str], instead: Any) -> None:
    """Puts `instead` at the end of the path, or takes away what is there."""
    step: Any = int(path[0]) if isinstance(node, list) else path[0]
    if len(path) > 1:
        place(node[step], path[1:], instead)
    elif instead is None:
        del node[step]
    else:
        node[step] = instead


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"Ref": "Jobs"}, "Jobs"),
        ({"Fn::GetAtt": ["Jobs", "Arn"]}, "Jobs"),
        ({"Fn::GetAtt": "Jobs.Arn"}, "Jobs"),
        ({"Fn::Sub": "${Jobs.Arn}"}, "Jobs"),
        ({"Fn::Sub": "${Jobs.Arn}/${Other}"}, ""),
        ("Jobs", ""),
    ],
)
def test_references_are_followed(node: Any, name: str) -> None:
    assert target(node) == name


def test_names_are_read_as_text() -> None:
    assert text_of({"Fn::Join": [":", ["arn", {"Ref": "Jobs"}]]}) == "arn:${Jobs}"
    assert text_of({"Fn::Sub": ["${a}", {}]}) == "${a}"
    assert text_of({"Fn::ImportValue": "x"}) == ""
