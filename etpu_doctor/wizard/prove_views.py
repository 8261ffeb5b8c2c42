"""What the Prove step shows, for both faces."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.report.smoke import ms_text, smoke_texts, sparkline
from etpu_doctor.report.tree import delegate_text, place_text
from etpu_doctor.wizard.prove import Course
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import BAR_CELLS, Row, Span, Style, bar, clean, paragraph

_ROLES = {"PASS": "OK", "SLOW": "WARNING", "WRONG": "ERROR", "FAILED": "ERROR", "SKIPPED": "UNKNOWN"}
_SPARK_CELLS = 20


def target_rows(session: Session, name: str, style: Style) -> Iterator[Row]:
    """One Edge TPU that can be tested: what it is, how far its test is, or what came of it."""
    report = session.now.report
    tpu = next(each for each in report.edge_tpus if each.id == name)
    title = f"{delegate_text(tpu)}  {name}  {place_text(report)[name]}"
    yield from paragraph(session.labelled(title), style, role="heading")
    proof = session.proof
    course = proof.courses.get(name) if proof is not None and not proof.is_over else None
    if course is not None:
        yield course_row(course, style)
    else:
        yield from (row for word, rows in verdicts(session, style) if word == name for row in rows[:1])


def course_row(course: Course, style: Style) -> Row:
    """A bar of the progress, the latencies so far as a sparkline, and the temperature where there is a sensor."""
    beat, share = course.beat, course.share
    if beat is None:
        return (Span(" " * (BAR_CELLS + 3)), Span("waiting", "quiet"))
    medians = list(course.medians_ms)[-_SPARK_CELLS:]
    spark = f"  {sparkline(medians, ascii_only=style.ascii_only)}  {ms_text(medians[-1])}" if medians else ""
    warmth = f"  {beat.temperature_c:.1f} C" if beat.temperature_c is not None else ""
    return (Span(f"{bar(share or 0.0, style)} "), Span(f"{beat.stage:<8}", "quiet"), Span(f"{spark}{warmth}"))


def verdicts(session: Session, style: Style) -> Iterator[tuple[str, list[Row]]]:
    """Results by the id of their Edge TPU, each as rows, the verdict first."""
    report = session.now.report
    for result, text in zip(report.smoke, smoke_texts(report), strict=True):
        sentence = clean(session.labelled(text.sentence), style)
        first = (Span(f"{text.word:<9}", _ROLES.get(text.word, "")), Span(sentence))
        more = [row for line in text.lines for row in paragraph(line, style, mark=" " * 9)]
        yield result.id, [*_wrapped(first, style), *more]


def _wrapped(row: Row, style: Style) -> Iterator[Row]:
    word, sentence = row
    for index, (span,) in enumerate(
        (line[1],) for line in paragraph(sentence.text, style._replace(width=style.width - 9))
    ):
        yield (word if not index else Span(" " * 9), span)


def prove_detail(session: Session, name: str | None, style: Style) -> Iterator[Row]:
    """All that is known of one Edge TPU's test, and of the findings it led to."""
    refusal = session.cannot_prove
    proof = session.proof
    if proof is not None and not proof.is_over:
        yield from paragraph("Testing; x cancels it.", style, role="heading")
    elif proof is not None and proof.failure is not None:
        yield from paragraph(f"No test: {proof.failure}", style, role="ERROR")
    elif refusal is not None:
        yield from paragraph(refusal, style, role="quiet")
    else:
        yield from paragraph(
            "A smoke test opens the Edge TPU, runs a model on it 50 times and compares every output byte. A fresh"
            " stick gets its firmware by that, and another number. One that a program holds is left alone.",
            style,
            role="quiet",
        )
    for result, rows in verdicts(session, style):
        if result == name:
            yield ()
            yield from rows
    for finding in session.now.report.findings:
        if finding.code.startswith("ETD9") and name in (finding.subject, *finding.concerns):
            yield ()
            text = f"See step 3: {finding.code} {finding.title}"
            yield from paragraph(session.labelled(text), style, role=finding.severity.upper())
