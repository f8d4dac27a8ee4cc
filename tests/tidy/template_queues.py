"""Checks of queues, their workers and their alarms. Each returns findings, one line each."""

from tests.tidy.template import (
    DEFAULT_MESSAGE_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_VISIBILITY_SECONDS,
    Node,
    Template,
    target,
)

MIN_RECEIVES = 5
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times the timeout, plus the window.
VISIBILITY_FACTOR = 6


def sources(template: Template) -> list[tuple[str, Node, Node]]:
    """(function, its properties, the event source's properties) for every queue that calls a function."""
    functions = dict(template.functions())
    found = [
        (name, properties, event.get("Properties", {}))
        for name, properties in functions.items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    for _, mapping in template.of("AWS::Lambda::EventSourceMapping"):
        name = target(mapping.get("FunctionName"))
        queue = mapping.get("EventSourceArn")
        if template.resources.get(target(queue), {}).get("Type") == "AWS::SQS::Queue":
            found.append((name, functions.get(name, {}), {**mapping, "Queue": queue}))
    return found


def failures_are_not_reported(template: Template) -> list[str]:
    """Without ReportBatchItemFailures a worker's list of failures counts as success, and the messages are deleted."""
    return [
        f"{name}: {target(event.get('Queue'))} lacks ReportBatchItemFailures"
        for name, _, event in sources(template)
        if "ReportBatchItemFailures" not in event.get("FunctionResponseTypes", [])
    ]


def visibility_is_short(template: Template) -> list[str]:
    """A message must stay hidden for six times as long as its worker may run."""
    found = []
    for name, function, event in sources(template):
        queue_name = target(event.get("Queue"))
        queue = template.resources.get(queue_name, {}).get("Properties")
        if queue is None:
            found.append(f"{name} listens to a queue that the template does not hold")
            continue
        timeout_seconds = template.number(function.get("Timeout"), DEFAULT_TIMEOUT_SECONDS)
        window_seconds = template.number(event.get("MaximumBatchingWindowInSeconds"), 0)
        needed_seconds = VISIBILITY_FACTOR * timeout_seconds + window_seconds
        has_seconds = template.number(queue.get("VisibilityTimeout"), DEFAULT_VISIBILITY_SECONDS)
        if has_seconds < needed_seconds:
            found.append(f"{queue_name} hides messages for {has_seconds} s; {name} needs {needed_seconds} s")
    return found


def dead_letter_queues(template: Template) -> set[str]:
    return {
        target(properties.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        for _, properties in template.of("AWS::SQS::Queue")
        if properties.get("RedrivePolicy")
    }


def poison_has_no_end(template: Template) -> list[str]:
    """Without a dead-letter queue a bad message repeats until it expires; a queue that gives up early loses work."""
    queues = dict(template.of("AWS::SQS::Queue"))
    dead = dead_letter_queues(template)
    found = []
    for name, properties in queues.items():
        if name in dead:
            continue
        redrive = properties.get("RedrivePolicy", {})
        letters = target(redrive.get("deadLetterTargetArn"))
        if letters not in queues:
            found.append(f"{name} has no dead-letter queue")
        elif template.number(redrive.get("maxReceiveCount"), 0) < MIN_RECEIVES:
            found.append(f"{name} gives up before {MIN_RECEIVES} receives")
        elif _kept_seconds(template, queues[letters]) < _kept_seconds(template, properties):
            # The age of a message is not reset when it moves: https://docs.aws.amazon.com/AWSSimpleQueueService/
            # latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
            found.append(f"{letters} keeps messages for less time than {name}")
    return found


def _kept_seconds(template: Template, queue: Node) -> int:
    return template.number(queue.get("MessageRetentionPeriod"), DEFAULT_MESSAGE_SECONDS)


def dead_letters_raise_no_alarm(template: Template) -> list[str]:
    """Somebody must hear of it when a message could not be handled."""
    watched = {
        target(dimension.get("Value"))
        for _, alarm in template.of("AWS::CloudWatch::Alarm")
        if alarm.get("Namespace") == "AWS/SQS" and alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm.get("Dimensions", [])
        if dimension.get("Name") == "QueueName"
    }
    return [f"{name} has no alarm" for name in sorted(dead_letter_queues(template) - watched)]


def logs_are_kept_for_ever(template: Template) -> list[str]:
    """Every log group has a retention, and every function writes to one of the template's groups."""
    groups = dict(template.of("AWS::Logs::LogGroup"))
    found = [f"{name} keeps logs for ever" for name, group in groups.items() if not group.get("RetentionInDays")]
    for name, function in template.functions():
        own = target(function.get("LoggingConfig", {}).get("LogGroup")) in groups
        named = any(_is_group_of(name, function, group) for group in groups.values())
        if not (own or named):
            found.append(f"{name} writes to a log group that the template does not hold")
    return found


def _is_group_of(name: str, function: Node, group: Node) -> bool:
    log_group = group.get("LogGroupName")
    if isinstance(log_group, dict) and "Fn::Sub" in log_group:
        return log_group["Fn::Sub"] == f"/aws/lambda/${{{name}}}"
    return "FunctionName" in function and log_group == f"/aws/lambda/{function['FunctionName']}"
