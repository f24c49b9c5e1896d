"""The state machine: a spec's event in, a deployed and measured model out."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.parts.functions import Functions
from infra.parts.network import Network
from infra.permissions import names_of, trusted
from infra.states.approval import ApprovalStates
from infra.states.batch import BatchStates
from infra.states.deployment import DEPLOYMENT, DeploymentStates
from infra.states.inspection import InspectionStates
from infra.states.lambda_calls import LambdaCalls
from infra.states.load_gate import LoadGateStates
from infra.states.machine import observed_machine
from infra.states.probing import ProbeStates
from infra.states.queueing import LONGEST_WAIT, QueueStates
from infra.states.regional import RegionalStates
from infra.states.sharding import ShardStates
from infra.states.training_jobs import TrainingJobStates
from stratos.spec import LONGEST_APPROVAL_HOURS

LONGEST_RUN = Duration.hours(LONGEST_WAIT.to_hours() + 3 * 24 + LONGEST_APPROVAL_HOURS)
"""The wait for a place, three days of work, which every state of it bounds for itself, and a
person's answer."""


def state_machine_arn(scope: Construct) -> str:
    """ARN by name: the functions need it, and the state machine needs the functions."""
    return Stack.of(scope).format_arn(
        service="states",
        resource="stateMachine",
        resource_name=names_of(scope).prefix,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


class Workflow(Construct):
    """The state machine, its role and its log group. The caller grants."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        functions: Functions,
        network: Network,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        self._lambdas = LambdaCalls(self, functions)
        self._network = network
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=trusted("states", state_machine_arn(self)),
            description="What a run may call",
        )
        self.state_machine = observed_machine(
            self,
            names_of(self).prefix,
            role=self.role,
            definition=self._definition(),
            timeout=LONGEST_RUN,
            key=key,
            log_retention=log_retention,
        )

    def _definition(self) -> sfn.IChainable:
        failed, rejected = self._failure(), self._rejection()
        claim = self._claim()
        parse = self._lambdas.invoke(
            "ParseConstraints", "parse_constraints", {"run": "$.run"}, "$.parsed"
        )
        parse.add_catch(rejected, errors=["SpecRejected"], result_path="$.failure")
        place = QueueStates(scope=self, lambdas=self._lambdas).chain(failed=failed)
        inspect = InspectionStates(
            lambdas=self._lambdas, job=self._job("InspectLarge", "$.inspection")
        ).chain(rejected=rejected, failed=failed)
        plan = self._lambdas.invoke(
            "PlanCandidates",
            "plan_candidates",
            {"run": "$.run", "dataset": "$.dataset", "roles": "own"},
            "$.candidates",
        )
        probe = ProbeStates(scope=self, job=self._job("Probe", "$.job")).chain()
        match = self._match()
        for state in (parse, plan, probe, match):
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        unchanged = self._report("ReportUnchanged", "unchanged")
        unchanged.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        first_attempt = sfn.Pass(
            self,
            "FirstAttempt",
            comment="Set the number of the attempt to 0",
            result=sfn.Result.from_number(0),
            result_path="$.attempt",
        )
        claim.next(parse).next(place).next(inspect).next(
            sfn.Choice(self, "IsUnchanged", comment="A rerun of what ran well before?")
            .when(
                sfn.Condition.boolean_equals("$.dataset.unchanged", True),
                unchanged.next(sfn.Succeed(self, "Unchanged")),
            )
            .otherwise(plan)
        )
        plan.next(probe).next(first_attempt).next(match)
        match.next(self._distillation(again=match, failed=failed))
        return claim

    def _claim(self) -> tasks.LambdaInvoke:
        """The first state: whose run this is, and whether there is one to do."""
        claim = self._lambdas.invoke(
            "ClaimRun",
            "claim_run",
            {
                "event": "$",
                "execution_arn": "$$.Execution.Id",
                "started_at": "$$.Execution.StartTime",
            },
            "$",
            {"run.$": "$"},
        )
        claim.add_catch(
            sfn.Succeed(self, "Duplicate", comment="The same event, again"),
            errors=["DuplicateEvent"],
        )
        claim.add_catch(
            _fail(self, "SpecGone", comment="A schedule ran a spec that was deleted"),
            errors=["SpecRejected"],
            result_path="$.failure",
        )
        return claim

    def _match(self) -> tasks.LambdaInvoke:
        return self._lambdas.invoke(
            "MatchModels",
            "match_models",
            {
                "run": "$.run",
                "dataset": "$.dataset",
                "candidates": "$.candidates",
                "probes": "$.probes",
                "attempt": "$.attempt",
                "roles": "own",
            },
            "$.match",
        )

    def _distillation(self, *, again: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """From a match to a model that passed its gate: synthesize, distill, evaluate."""
        check = self._check_quality(failed)
        artifact = "$.distilled.hyper_parameters"
        evaluate = self._shared("Evaluate", "$.match.evaluation_shards").chain(
            alone=self._job("Evaluate", "$.match.evaluate").chain(
                succeeded=check,
                failed=failed,
                result={"ResultPath": sfn.JsonPath.DISCARD},
                hyper_parameters=_merged("$.match.evaluate.hyper_parameters", artifact),
            ),
            succeeded=check,
            failed=failed,
            item={"distilled": "$.distilled"},
            hyper_parameters=_merged("$.job.hyper_parameters", artifact),
        )
        distill = self._job("Distill", "$.match.distill").chain(
            succeeded=evaluate,
            failed=failed,
            result={
                "ResultSelector": {
                    "ModelArtifacts.$": "$.ModelArtifacts",
                    "hyper_parameters": {"student_artifact.$": "$.ModelArtifacts.S3ModelArtifacts"},
                },
                "ResultPath": "$.distilled",
            },
        )
        check.next(self._quality_verdict(again=again, failed=failed))
        return self._shared("Synthesize", "$.match.synthesis_shards").chain(
            alone=self._job("Synthesize", "$.match.synthesize").chain(
                succeeded=distill, failed=failed, result={"ResultPath": sfn.JsonPath.DISCARD}
            ),
            succeeded=distill,
            failed=failed,
        )

    def _check_quality(self, failed: sfn.IChainable) -> tasks.LambdaInvoke:
        check = self._lambdas.invoke(
            "CheckQuality",
            "check_quality",
            {
                "run": "$.run",
                "dataset": "$.dataset",
                "match": "$.match",
                "model_artifact": "$.distilled.ModelArtifacts.S3ModelArtifacts",
            },
            "$.quality",
        )
        check.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return check

    def _quality_verdict(self, *, again: sfn.IChainable, failed: sfn.IChainable) -> sfn.Choice:
        """Deploy a student that passed, try the next where one is worth it, else give up."""
        next_attempt = sfn.Pass(
            self,
            "NextAttempt",
            comment="Try the next student",
            input_path="$.quality.next_attempt",
            result_path="$.attempt",
        )
        missed = sfn.Pass(
            self,
            "QualityMissed",
            comment="Name the missed gate",
            parameters={"Error": "QualityGateError", "Cause.$": "$.quality.reason"},
            result_path="$.failure",
        )
        return (
            sfn.Choice(
                self,
                "IsGoodEnough",
                comment="Accuracy gate passed, or is another student worth it?",
            )
            .when(
                sfn.Condition.boolean_equals("$.quality.passed", True),
                self._deployment(again=again, failed=failed),
            )
            .when(sfn.Condition.is_numeric("$.quality.next_attempt"), next_attempt.next(again))
            .otherwise(missed.next(failed))
        )

    def _deployment(self, *, again: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """From a model to an endpoint that holds its load, or a batch, promoted and reported."""
        promote = self._lambdas.invoke(
            "Promote",
            "promote",
            {
                "run": "$.run",
                "parsed": "$.parsed",
                "dataset": "$.dataset",
                "deployment": DEPLOYMENT,
                "package_arn": "$.package.ModelPackageArn",
            },
            "$.promoted",
        )
        report = self._report("Report", "succeeded")
        for state in (promote, report):
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        report.next(sfn.Succeed(self, "Succeeded"))
        regional = RegionalStates(
            scope=self,
            lambdas=self._lambdas,
            network=self._network.of_models,
        )
        in_regions: sfn.IChainable | None = None
        promoted: sfn.IChainable = report
        if self._serves_elsewhere:
            promoted = regional.draining(report)
            in_regions = regional.chain(promoted=promoted, again=again, failed=failed)
        promote.next(promoted)
        measure, measure_batch, next_server = LoadGateStates(
            scope=self, lambdas=self._lambdas
        ).chain(passed=promote, again=again, failed=failed)
        batched = BatchStates(scope=self, network=self._network.of_models).chain(
            measured=measure_batch, failed=failed
        )
        deployment = DeploymentStates(
            scope=self,
            network=self._network.of_models,
            approval=ApprovalStates(scope=self, lambdas=self._lambdas),
            lambdas=self._lambdas,
        )
        first, registered = deployment.chain(
            succeeded=measure, batched=batched, failed=failed, in_regions=in_regions
        )
        next_server.next(registered)  # the same model: it only moves
        return first

    @property
    def _serves_elsewhere(self) -> bool:
        """Whether there are other regions for endpoints."""
        return "stage_regions" in self._lambdas.functions.handlers

    def _job(self, name: str, path: str) -> TrainingJobStates:
        return TrainingJobStates(
            scope=self,
            name=name,
            job_path=path,
            network=self._network.of_jobs,
            lambdas=self._lambdas,
            elsewhere="hand_over" in self._lambdas.functions.handlers,
        )

    def _shared(self, name: str, path: str) -> ShardStates:
        return ShardStates(
            scope=self,
            name=name,
            path=path,
            job=self._job(f"{name}Shard", "$.job"),
            lambdas=self._lambdas,
        )

    def _report(self, name: str, status: str) -> sfn.TaskStateBase:
        return self._lambdas.invoke(
            name, "report", {"run": "$.run", "status": status, "state": "$"}, "$.reported"
        )

    def _failure(self) -> sfn.IChainable:
        """Clean up and report. Neither hides why the run failed, even if it fails itself."""
        ended = _fail(self, "Failed")
        report = self._report("ReportFailure", "failed")
        report.add_catch(ended, errors=["States.ALL"], result_path="$.report_failure")
        report.next(ended)
        clean_up = self._lambdas.clean_up(
            "CleanUp", {"run": "$.run", "failure": "$.failure"}, "$.cleaned_up"
        )
        clean_up.add_catch(report, errors=["States.ALL"], result_path="$.clean_up_failure")
        clean_up.next(report)
        return clean_up

    def _rejection(self) -> sfn.IChainable:
        """Report what the user has to mend. Nothing was started that needs cleaning up."""
        ended = _fail(self, "Rejected")
        report = self._report("ReportRejected", "rejected")
        report.add_catch(ended, errors=["States.ALL"], result_path="$.report_failure")
        report.next(ended)
        return report


def _merged(one: str, other: str) -> str:
    return f"States.JsonMerge({one}, {other}, false)"


def _fail(scope: Construct, name: str, comment: str | None = None) -> sfn.Fail:
    """End with the caught error, so that whoever reads the execution sees it first."""
    return sfn.Fail(
        scope, name, comment=comment, error_path="$.failure.Error", cause_path="$.failure.Cause"
    )
