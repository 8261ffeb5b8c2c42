"""Runs smoke tests: opens each Edge TPU by its path, in a process of its own, and says what came of it.

Order: everybody's use is looked at twice; fresh USB sticks get their firmware one after the other; then all run at
once, or (``Plan.alone``) one after the other and then all at once, so that contention on a shared link shows.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.smoke.bench import Bench, Warmth, Watcher, write_reference
from etpu_doctor.smoke.crew import Crew
from etpu_doctor.smoke.jobs import Channels, Hello, OutputsFile, Refusal
from etpu_doctor.smoke.obstacles import Clearance
from etpu_doctor.smoke.occupancy import Look, look_now
from etpu_doctor.smoke.plan import Plan
from etpu_doctor.smoke.refusals import judge_refusal, spare_for
from etpu_doctor.smoke.results import Subject, compare, refused, result_of, skipped, unopened, with_together
from etpu_doctor.smoke.trial import Trial
from etpu_doctor.smoke.verdict import Around, judge_failure
from etpu_doctor.topology.machine import EdgeTpu

_IMPORT_SECONDS = 30.0


def run(
    crew: Crew, evidence: Evidence, targets: Sequence[EdgeTpu], plan: Plan, watch: Watcher
) -> tuple[SmokeResult, ...] | None:
    """Test the targets, in their order, with workers that are importing their runtime.

    ``evidence`` is of this host and was read just before. ``None`` if the runtime cannot be used and there is a spare.
    """
    session = _Session(evidence, plan, watch)
    subjects = session.subjects(targets)
    if subjects and not session.test(crew, subjects):
        return None
    return tuple(session.results[tpu.id] for tpu in targets)


class _Session:
    def __init__(self, evidence: Evidence, plan: Plan, watch: Watcher) -> None:
        self._files = Files()
        self._evidence = evidence
        self._plan = plan
        self._watch = watch
        self._warmth = Warmth(self._files)
        self._clearance = Clearance(evidence, self._files)
        self.results: dict[str, SmokeResult] = {}

    def subjects(self, targets: Sequence[EdgeTpu]) -> list[Subject]:
        """Those that can be opened, as a second look shows them; the others get their result here."""
        self._clearance.look_again(targets)
        subjects = []
        for target in targets:
            tpu, machine = self._clearance.now(target)
            subject = Subject(tpu=tpu, machine=machine, plan=self._plan)
            obstacle = self._clearance.obstacle(target, force=self._plan.force)
            if obstacle is None:
                subjects.append(subject)
            else:
                self.results[tpu.id] = unopened(subject, obstacle)
        tpus = [subject.tpu for subject in subjects]
        return [msgspec.structs.replace(subject, others=_others(subject.tpu, tpus)) for subject in subjects]

    def test(self, crew: Crew, subjects: Sequence[Subject]) -> bool:
        """Test them; false if this runtime cannot be used and another one may."""
        hello = crew.ready(_IMPORT_SECONDS)
        if isinstance(hello, Refusal):
            if spare_for(self._plan.tools, hello) is not None:
                return False
            cause, reason = judge_refusal(hello)
            self.results |= {each.tpu.id: refused(each, cause, reason) for each in subjects}
            return True
        with tempfile.TemporaryDirectory(prefix="etpu-doctor-") as folder:
            reference = self._reference(crew, os.path.join(folder, "outputs"))
            if isinstance(reference, str):
                reason = f"the reference gave no outputs: {reference}"
                self.results |= {each.tpu.id: skipped(each, None, reason) for each in subjects}
            else:
                self._bench(crew, hello, subjects, reference)
        return True

    def _reference(self, crew: Crew, path: str) -> Channels | OutputsFile | str | None:
        """What to compare outputs with; a text says why there is nothing although it was asked for."""
        plan = self._plan
        if plan.reference is not None:
            trial = write_reference(crew, plan, path)
            if not trial.ended_well:
                return judge_failure(trial, Around()).reason
            return OutputsFile(path=path, tolerance=plan.tolerance)
        known = plan.model.entry
        return Channels(inputs=known.inputs, outputs=known.outputs) if known is not None else None

    def _bench(
        self, crew: Crew, hello: Hello, subjects: Sequence[Subject], reference: Channels | OutputsFile | None
    ) -> None:
        bench = Bench(crew, self._plan, self._watch, self._warmth)
        self._warmth.read()
        bench.run([subject.tpu for subject in subjects], reference)
        self._warmth.read()
        # Only a failure makes it matter where the devices are now.
        failed = any(not trial.ended_well for trial in bench.trials.values())
        after = look_now(self._files) if failed else None
        results = []
        for subject in subjects:
            trial = bench.trials[subject.tpu.id]
            result = result_of(subject, trial, self._around(subject, hello, after))
            result = with_together(result, trial, subject)
            results.append(self._with_warmth(subject.tpu, result, bench))
        digests = {subject.tpu.id: _digests(bench.trials[subject.tpu.id]) for subject in subjects}
        self.results |= {result.id: result for result in compare(results, digests)}

    def _around(self, subject: Subject, hello: Hello, after: Look | None) -> Around:
        tools, access, tpu = self._plan.tools, self._evidence.access, subject.tpu
        now = after.find(tpu.id) if after is not None else None
        node = self._clearance.node(tpu)
        runtime = f"{hello.runtime.replace('_', '-')} {hello.runtime_version or ''}".strip()
        return Around(
            runtime=runtime,
            library=tools.library_text,
            pair=tools.pair,
            fitting=tools.fitting,
            foreign=tools.foreign,
            container=access.container if access is not None else None,
            vm=access.vm if access is not None else None,
            is_pci=tpu.transport == "pci",
            was_fresh=tpu.state == "dfu",
            node_missing=node is not None and node.exists is False,
            present=None if after is None else now is not None,
            identity=now.identity if now is not None else None,
            holders=after.holders.get(tpu.id, ()) if after is not None else (),
            by_string=self._plan.via == "string",
        )

    def _with_warmth(self, tpu: EdgeTpu, result: SmokeResult, bench: Bench) -> SmokeResult:
        hottest = self._warmth.hottest_c.get(tpu.id)
        stepped = self._warmth.stepped_down.get(tpu.id)
        result = msgspec.structs.replace(
            result, soak=tuple(bench.soaks.get(tpu.id, ())), temperature_c=hottest, clock_stepped_down=stepped
        )
        if stepped and result.verdict in ("pass", "slow"):
            reason = f"its clock was stepped down at {hottest:.1f} degrees C"
            return msgspec.structs.replace(result, verdict="slow", cause="thermal", reason=reason)
        return result


def _others(tpu: EdgeTpu, tpus: Sequence[EdgeTpu]) -> tuple[EdgeTpu, ...]:
    return tuple(other for other in tpus if other.id != tpu.id)


def _digests(trial: Trial) -> tuple[str, ...]:
    return trial.rounds[0].digests if trial.ended_well else ()
