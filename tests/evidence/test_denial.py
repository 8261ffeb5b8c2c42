"""A clause that counts none of a trouble is good news, in every language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.clauses import clause_tags
from etpu_doctor.evidence.denial import denies_glued, denies_trouble, quietened


def is_quiet(clause: str) -> bool:
    """Whether reading the clause gives the notion that there is no trouble."""
    return "quiet" in clause_tags(clause.lower(), is_question=False)


@pytest.mark.parametrize(
    "clause",
    [
        "zero restarts in nine days",
        "not a single drop since",
        "not one reset since",
        "weeks without dropping",
        "keine Abbrüche",
        "kein einziger Ausfall",
        "aucune coupure depuis",
        "sin desconexiones",
        "nessuna disconnessione",
        "nem queda nem erro: 0 quedas",
        "geen enkele onderbreking",
        "ani jednego zaniku: zero restartów",
        "ни одного обрыва",
        "žádný výpadek",
        "iki haftad\u0131r kopma yok",
        "两周没有掉线",
        "二週間一度も落ちていません",
        "한 번도 끊긴 적이 없습니다",
        "it has not dropped once",
    ],
)
def test_none_of_a_trouble(clause: str) -> None:
    """A denial right before or behind the trouble takes it away."""
    assert is_quiet(clause)
    assert "works+" in clause_tags(clause.lower(), is_question=False)
    assert "drops" not in clause_tags(clause.lower(), is_question=False)


@pytest.mark.parametrize(
    "clause",
    [
        "it drops every night",
        "no idea why it drops",
        "not a problem of the cable",
        "10 restarts in nine days",
        "der Stick bricht ab, kein Bild",
        "掉线",
        "a hub without a supply",
    ],
)
def test_a_trouble_stays_one(clause: str) -> None:
    """A denial of something else does not take it away."""
    assert not is_quiet(clause)


def test_the_denial_is_used_up() -> None:
    """What says that there is no trouble does not deny anything else."""
    assert {"works", "quiet", "cable"} == quietened({"drops", "not", "cable"})


@given(st.text(max_size=80))
def test_any_clause_is_read(clause: str) -> None:
    """No text stops it."""
    assert denies_trouble(clause, {"drops"}) in (True, False)
    assert denies_glued(clause) in (True, False)
