"""What tells people that Stratos needs them, and the dashboard they look at then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.parts.functions import NAMESPACE, Functions
from infra.permissions import names_of
from stratos.pipeline.summary import REJECTED_RUNS

_PERIOD = Duration.minutes(5)
_LEAVES_BILLS = ("clean_up", "promote", "sweep", "promote_regions", "retire_former")
"""Functions, of those a stack has, whose failure may leave an endpoint that nobody asked for."""

_EVENTS_LOST = "An event reached nobody: see the dead-letter queue"


class _Statistic(TypedDict):
    statistic: str
    period: Duration


_TOTAL: _Statistic = {"statistic": "Sum", "period": _PERIOD}


class Alarms(Construct):
    """Alarms to the topic, and a dashboard.

    A refused spec or dataset ends its execution as failed, and so does a model that a person
    rejects or nobody answers for. The report tells the user, and counts the run as refused. This
    count is subtracted from the failures, so that no alarm is raised. A crash while refusing is
    not counted, and raises one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        state_machine: sfn.IStateMachine,
        functions: Functions,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        action = actions.SnsAction(topic)
        errors = {
            module: function.metric_errors(**_TOTAL)
            for module, function in functions.by_module.items()
        }
        runs = _Runs(state_machine)
        depth = _depth(dead_letters)
        _alarm(
            self,
            "RunsFailed",
            runs.broken,
            "A run failed: see its report and its execution",
            action,
        )
        _alarm(self, "EventsLost", depth, _EVENTS_LOST, action)
        left = "an endpoint that nobody asked for may be left, and is billed"
        modules = [module for module in _LEAVES_BILLS if module in functions.by_module]
        _alarm_errors(self, functions, modules, left, action)
        durations = (
            function.metric_duration(statistic="Maximum", period=_PERIOD)
            for function in functions.by_module.values()
        )
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=names_of(self).prefix,
            widgets=[
                [
                    _graph("Runs", *runs.counts),
                    _graph("Duration of a run", state_machine.metric_time(period=_PERIOD)),
                ],
                [
                    _graph("Function errors", *errors.values()),
                    _graph("Function duration", *durations),
                ],
                [_graph("Events that reached nobody", depth)],
            ],
        )


class WorkerAlarms(Construct):
    """Alarms of a worker region. Its jobs are on the bill of runs, which home reports."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        state_machine: sfn.IStateMachine,
        functions: Functions,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        action = actions.SnsAction(topic)
        failed = cloudwatch.MathExpression(
            expression="FILL(failed, 0) + FILL(timed_out, 0)",
            using_metrics={
                "failed": state_machine.metric_failed(**_TOTAL),
                "timed_out": state_machine.metric_timed_out(**_TOTAL),
            },
            label="Jobs and endpoints left behind",
            period=_PERIOD,
        )
        left = "a job or an endpoint that nobody waits for may go on, and is billed"
        what = f"An execution could not give up its job or endpoint: {left}"
        _alarm(self, "JobsLeft", failed, what, action)
        _alarm(self, "EventsLost", _depth(dead_letters), _EVENTS_LOST, action)
        _alarm_errors(self, functions, ("give_up", "sweep_region"), left, action)


class _Runs:
    """How many runs start, and how they end."""

    def __init__(self, state_machine: sfn.IStateMachine) -> None:
        failed = state_machine.metric_failed(**_TOTAL)
        timed_out = state_machine.metric_timed_out(**_TOTAL)
        rejected = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=REJECTED_RUNS,
            dimensions_map={"service": names_of(state_machine).prefix},
            label="Runs refused",
            **_TOTAL,
        )
        self.broken = cloudwatch.MathExpression(
            # Without FILL, one metric without data in a period leaves the result without any.
            expression="FILL(failed, 0) + FILL(timed_out, 0) - FILL(rejected, 0)",
            using_metrics={"failed": failed, "timed_out": timed_out, "rejected": rejected},
            label="Runs that failed",
            period=_PERIOD,
        )
        """Failures, without what was refused."""
        self.counts = (
            state_machine.metric_started(**_TOTAL),
            state_machine.metric_succeeded(**_TOTAL),
            failed,
            timed_out,
            rejected,
            state_machine.metric_aborted(**_TOTAL),
        )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12)


def _alarm_errors(
    scope: Construct,
    functions: Functions,
    modules: Iterable[str],
    left: str,
    action: actions.SnsAction,
) -> None:
    """An alarm for each function whose failure costs money, with what may be left by it."""
    for module in modules:
        errors = functions[module].metric_errors(**_TOTAL)
        name = f"{functions[module].node.id}Errors"
        _alarm(scope, name, errors, f"{module} failed: {left}", action)


def _alarm(
    scope: Construct,
    id: str,
    metric: cloudwatch.IMetric,
    description: str,
    action: cloudwatch.IAlarmAction,
) -> None:
    alarm = cloudwatch.Alarm(
        scope,
        id,
        metric=metric,
        alarm_description=description,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(action)


def _depth(dead_letters: sqs.IQueue) -> cloudwatch.Metric:
    return dead_letters.metric_approximate_number_of_messages_visible(
        statistic="Maximum", period=_PERIOD
    )
