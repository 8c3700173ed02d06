"""Every operation of the server, called by boto3: requests and answers conform to botocore's service model."""

from __future__ import annotations

from tests.server import clients
from tests.server.clients import (
    COMPLETE,
    DOMAIN,
    LIST,
    MODEL,
    TASK_DEFAULTS,
    WORKFLOW_DEFAULTS,
    Swf,
    activity,
    fault,
    hold_to_the_model,
)

NOT_SERVED = {"TagResource", "UntagResource", "ListTagsForResource"}
OTHER = {"name": "other", "version": "1"}
SINCE = {"startTimeFilter": {"oldestDate": 0}}


def test_every_operation_that_is_served(swf: Swf) -> None:
    assert len(MODEL["operations"]) == 39
    clients.CHECKED.clear()
    clients.SENT.clear()
    client = swf.client
    client.meta.events.unregister("before-parse.swf", clients._check_response)
    hold_to_the_model(client)

    client.register_domain(name="other", workflowExecutionRetentionPeriodInDays="1", description="another")
    client.describe_domain(name="other")
    client.deprecate_domain(name="other")
    client.undeprecate_domain(name="other")
    client.list_domains(registrationStatus="REGISTERED", maximumPageSize=1, reverseOrder=True)
    for kind, defaults in (("workflow", WORKFLOW_DEFAULTS), ("activity", TASK_DEFAULTS)):
        named = {"domain": DOMAIN, f"{kind}Type": OTHER}

        def call(verb: str, kind: str = kind, **members: object) -> None:
            getattr(client, f"{verb}_{kind}_type")(**members)

        call("register", domain=DOMAIN, **OTHER, **defaults)
        call("describe", **named)
        call("deprecate", **named)
        call("undeprecate", **named)
        call("deprecate", **named)
        call("delete", **named)
        getattr(client, f"list_{kind}_types")(domain=DOMAIN, registrationStatus="REGISTERED")

    run_id = swf.start(input="1", tagList=["a"], taskPriority="1")
    execution = {"workflowId": "w", "runId": run_id}
    client.describe_workflow_execution(domain=DOMAIN, execution=execution)
    client.count_pending_decision_tasks(domain=DOMAIN, taskList=LIST)
    swf.decide(*[activity(name) for name in ("completes", "fails", "is cancelled")])
    client.count_pending_activity_tasks(domain=DOMAIN, taskList=LIST)
    completes, fails, cancelled = (swf.take() for _ in range(3))
    client.record_activity_task_heartbeat(taskToken=completes["taskToken"], details="half")
    client.respond_activity_task_completed(taskToken=completes["taskToken"], result="1")
    client.respond_activity_task_failed(taskToken=fails["taskToken"], reason="no", details="such day")
    client.respond_activity_task_canceled(taskToken=cancelled["taskToken"], details="as asked")
    client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s", input="2")
    client.request_cancel_workflow_execution(domain=DOMAIN, workflowId="w", runId=run_id)
    client.list_open_workflow_executions(domain=DOMAIN, **SINCE)
    client.count_open_workflow_executions(domain=DOMAIN, **SINCE)
    swf.decide(COMPLETE)
    client.get_workflow_execution_history(domain=DOMAIN, execution=execution)
    swf.start("another")
    client.terminate_workflow_execution(domain=DOMAIN, workflowId="another", reason="enough")
    client.list_closed_workflow_executions(domain=DOMAIN, **SINCE)
    client.count_closed_workflow_executions(domain=DOMAIN, **SINCE)

    served = set(MODEL["operations"]) - NOT_SERVED
    assert len(served) == 36
    assert set(clients.SENT) == served
    assert set(clients.CHECKED) == served
    with fault("UnknownOperationException"):
        client.list_tags_for_resource(resourceArn="arn:aws:swf:us-east-1:1:/domain/domain")
