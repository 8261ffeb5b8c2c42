"""Whether a clause says that there is no trouble: "zero restarts", "not a single drop", "keine Abbrüche"."""

from __future__ import annotations

import re
from functools import cache

from etpu_doctor.knowledge.words import lexicon

TROUBLE = frozenset({"drops", "fails"})
DENYING = frozenset({"not", "without"})
_COUNTED = frozenset({"drops", "problem"})
_ALSO_COUNTED = frozenset({"fails", "reboot"})
_USED_UP = TROUBLE | DENYING | {"reboot", "off", "problem"}
_WORDS_BEHIND = 3
_CHARACTERS_BEHIND = 60


def quietened(found: set[str]) -> set[str]:
    """The notions of a clause that says there is no trouble: the denial is used up."""
    return (found - _USED_UP) | {"works", "quiet"}


def denies_trouble(clause: str, found: set[str]) -> bool:
    """Whether a clause in lower case counts none of a trouble; ``found`` are its notions."""
    if found & TROUBLE and ("without" in found or {"not", "once"} <= found):
        # "Weeks without dropping" is good news as well.
        return True
    if found.isdisjoint(TROUBLE) and found.isdisjoint(("problem", "reboot")):
        return False
    if "without" in found and "reboot" in found and _span().search(clause) is not None:
        # "Nine days without a restart".
        return True
    return _is_none_behind(clause) or any(_is_trouble_behind(clause, match) for match in _none_of().finditer(clause))


def denies_glued(clause: str) -> bool:
    """The same for scripts that put no blanks between words."""
    return _glued_none().search(clause) is not None


def _is_trouble_behind(clause: str, match: re.Match[str]) -> bool:
    """Whether one of the next words behind a "none" is a trouble."""
    counted = _COUNTED if match["no"] else _COUNTED | _ALSO_COUNTED
    behind = _words().findall(clause[match.end() : match.end() + _CHARACTERS_BEHIND])[:_WORDS_BEHIND]
    return any(not counted.isdisjoint(lexicon().tags(word)) for word in behind)


def _is_none_behind(clause: str) -> bool:
    """Turkish denies behind the noun: "kopma yok"."""
    return " yok" in clause and any(
        not _COUNTED.isdisjoint(lexicon().tags(match[1])) for match in _none_behind().finditer(clause)
    )


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[\w'-]{1,40}")


@cache
def _span() -> re.Pattern[str]:
    """How long it went well."""
    return re.compile(
        r"\b(?:days?|weeks?|hours?|months?|tagen?|wochen|stunden|monaten?|jours|semaines|heures|mois|días|semanas|horas|"
        r"meses|giorni|settimane|ore|mesi|dias|dagen|weken|uren|maanden|dni|tygodni|godzin|дней|дня|недел\w{1,2}|часов|dní|týdnů|"
        r"hodin|gün|hafta|saat|dagar|veckor|timmar)\b"
    )


@cache
def _none_behind() -> re.Pattern[str]:
    return re.compile(r"(\w{1,40}) yok\b")


@cache
def _none_of() -> re.Pattern[str]:
    """None of what is counted behind it."""
    return re.compile(
        "(?<![\\w.,:-])(?:(?:0|zero|null|zéro|cero|nul|nulla|nula|noll|s\u0131f\u0131r|zerowych|ноль|零|ゼロ)\\b ?"
        r"|(?P<no>no|nothing(?= drops| disconnect)|"
        r"not (?:a single|one(?: single)?)|kein(?:e[nr]?)?(?: einzige[nr]?)?|aucune?|ning[uú]na?|"
        r"ningún|ni una?(?: sola?)?|"
        r"nessuna?|nenhuma?|geen(?: enkele)?|żaden|żadn\w{1,3}|ani jedn\w{1,4}|ни одно\w{1,3}|ни разу не|žádn\w{1,3}|"
        r"ani jeden|hiçbir|hiç|ingen|inga) )"
    )


@cache
def _glued_none() -> re.Pattern[str]:
    """None of a trouble, in scripts that put the denial right before or behind it."""
    return re.compile(
        r"(?:没有?再?|再也?没有?|未再|不再|沒有?再?|再也?沒有?)(?:出现|发生|出現|發生)?过?(?:掉|断|斷|消失|卡|死|重启|重啟|报错)"
        r"|一次[都也]?没有?|一度も[^\u3001\u3002]{0,16}(?:ません|ない|なかった)|한 번도[^,.]{0,16}(?:없|않)"
        r"|(?:落ち|切れ|切断され|消え|固まら|外れ)(?:なく|ない|なかった|ません|てい?ない|てい?ません|ることもない)"
        r"|(?:끊김|끊기|끊긴|사라지|사라진|멈추|멈춘|꺼지|오류)[^,.]{0,6}(?:없|않)"
    )
