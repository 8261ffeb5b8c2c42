"""Reads the sentences of a reporter: not what is meant in full, only which sayings of ``words.toml`` they hold.

Lines of a paragraph are put together, for people's programs break lines where they like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from etpu_doctor.evidence.clauses import clause_tags, pieces, tokens
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.facts.thread import Sign
from etpu_doctor.knowledge.words import Conditions, breaks, conditions, lexicon

PARAGRAPH_LIMIT_CHARACTERS = 4000
WORDS_LIMIT_CHARACTERS = 60_000
"""How much of a thread is read for its words: people do not write more, and what is longer is output of programs."""

_EACH_LIMIT = 3
_ADDED = 25
_SENTENCE_MARKS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_QUESTION_MARKS = frozenset("?\uff1f")
_PAIRS = (
    ("bus", "powered"),
    ("self", "powered"),
    ("pass", "through"),
    ("in", "use"),
    ("kvm", "switch"),
    ("usb", "accelerator"),
    ("coral", "npu"),
    ("dual", "boot"),
    ("could", "be"),
    ("may", "be"),
    ("stays", "on"),
    ("remains", "on"),
    ("or", "without"),
    ("oder", "ohne"),
    ("ou", "sans"),
    ("o", "sin"),
    ("o", "senza"),
    ("ou", "sem"),
    ("of", "zonder"),
    ("lub", "bez"),
)
_TOLD = frozenset({"drops", "fails", "hot", "hot+", "slow", "slow+", "works-", "listed-"})
"""Trouble that somebody has read of is not the reporter's."""

_GOOD = frozenset({"works+", "quiet"})
_ANNOUNCED = frozenset({"listed", "listed+"})
_HEADER_ENDS = (":", "**", " commented", " wrote")
_HEADER_LIMIT = 90
_WRITES = frozenset(
    (
        *("wrote", "commented", "replied", "schrieb", "schreef", "skrev", "scritto", "escreveu", "napsal"),
        *("\u00e9crit", "escribi\u00f3", "napisa\u0142", "napisa\u0142a", "yazd\u0131"),
        "\u043d\u0430\u043f\u0438\u0441\u0430\u043b",
    )
)
"""What the line that names the writer of what follows ends with, in many languages."""

_LEAD_LIMIT = 60
_KEPT_IN_ADVICE = frozenset({"coral", "tpu", "rival", "cloud", "container", "return_"})
_MANY = 3
_SUBJECTS = frozenset({"coral", "tpu", "rival", "cloud", "container"})
_COMMAND_LIMIT = 400
_TEXT_LIMIT = 160


class _Sentence(msgspec.Struct, frozen=True, gc=False):
    clauses: tuple[frozenset[str], ...]
    tags: frozenset[str]
    text: str
    where: str


class Words:
    """Takes the lines that no parser took, and says what they say."""

    def __init__(self) -> None:
        self.signs: list[Sign] = []
        self._counts: dict[str, int] = {}
        self._paragraph: list[tuple[str, str]] = []
        self._size = 0
        self._read = 0
        self._before: _Sentence | None = None

    def feed(self, line: Line, *, is_message: bool = False) -> None:
        """Take a line; a blank one ends the paragraph. One that holds a message may hold a sentence around it."""
        text = line.text.strip()
        if text.endswith(_HEADER_ENDS) and _is_header(text):
            # Another person: what was said before has nothing to do with what comes now.
            self.flush()
            self._before = None
            return
        if ("$ " in text or "# " in text or text.startswith("PS ")) and _command().match(text) is not None:
            self._take_command(text, f"{line.file}:{line.number}")
            return
        if self._read > WORDS_LIMIT_CHARACTERS:
            self.flush()
            return
        if is_message and _output().match(text) is not None:
            # What a person added behind a message.
            text = text.rpartition("] ")[2] if len(text) - text.rfind("] ") > _ADDED and "] " in text else ""
        if not text or not is_prose(text):
            self.flush()
            return
        text = text[:PARAGRAPH_LIMIT_CHARACTERS]
        if is_message:
            text = _quoted().sub(" ", text)
        self._read += len(text)
        if self._size + len(text) > PARAGRAPH_LIMIT_CHARACTERS:
            self.flush()
        self._paragraph.append((text, f"{line.file}:{line.number}"))
        self._size += len(text)

    def _take_command(self, text: str, where: str) -> None:
        """A command is no sentence: it tells what it is about, not what it found. A comment may follow it."""
        self.flush()
        command, _, comment = text.partition(" # ")
        if self._read > WORDS_LIMIT_CHARACTERS:
            return
        self._read += len(text)
        named = _subjects(command)
        self._match(conditions("clause"), named, _Sentence((named,), named, text, where))
        if comment:
            self._paragraph.append((comment[:PARAGRAPH_LIMIT_CHARACTERS], where))
            self._size += len(comment)

    def flush(self) -> None:
        """The paragraph ended."""
        paragraph, self._paragraph, self._size = self._paragraph, [], 0
        if not paragraph:
            return
        for text, where in _sentences(paragraph):
            sentence = _read_sentence(text, where)
            self._judge(sentence)
            self._before = sentence

    def _judge(self, sentence: _Sentence) -> None:
        for clause in sentence.clauses:
            self._match(conditions("clause"), clause, sentence)
        self._match(conditions("sentence"), sentence.tags, sentence)
        before = self._before.tags if self._before is not None else frozenset()
        self._match(conditions("near"), sentence.tags | before, sentence)

    def _match(self, known: Conditions, tags: frozenset[str], sentence: _Sentence) -> None:
        for name in sorted(known.names(tags)):
            self._add(name, sentence)

    def _add(self, name: str, sentence: _Sentence) -> None:
        count = self._counts.get(name, 0)
        if count < _EACH_LIMIT:
            self._counts[name] = count + 1
            self.signs.append(Sign(name=name, kind="words", text=sentence.text[:_TEXT_LIMIT], where=sentence.where))


def _subjects(command: str) -> frozenset[str]:
    """What the words of a command are names of."""
    return frozenset().union(*map(lexicon().tags, tokens().findall(command[:_COMMAND_LIMIT].lower()))) & _SUBJECTS


def _is_header(text: str) -> bool:
    """Whether a line of a forum or a mail program says who writes what follows."""
    if len(text) > _HEADER_LIMIT:
        return False
    if text.startswith("**"):
        return True
    return not _WRITES.isdisjoint(text.rstrip(" :").split()[-2:])


@cache
def _command() -> re.Pattern[str]:
    """A prompt and a command behind it."""
    return re.compile(
        r"[^\w\n]{0,6}(?:\([\w.-]{1,40}\) ?)?(?:\[?[\w.-]{1,40}@[\w.-]{1,60}[^$#%>\n]{0,80}|[~/][\w./~-]{0,80} ?)?"
        r"[$#] +[\w./~\"'({]"
        r"|PS [A-Z]:\\[^>\n]{0,120}> ?\w"
    )


def is_prose(text: str) -> bool:
    """Whether a stripped line may be a sentence of a person: not of a log, a configuration, a table of packages."""
    if text[0] in "[{}<" or " INFO " in text or " ERROR " in text or " WARNING " in text or " DEBUG " in text:
        return False
    if text.startswith(
        (
            "----",
            "append ",
            "BOOT_IMAGE=",
            "pve-manager/",
            "g++ ",
            "make",
            "CC ",
            "/var/lib/dkms/",
            "File ",
            "Traceback ",
            "import ",
            "from ",
            "Fetched ",
            "Get:",
        )
    ):
        return False
    return _not_prose().match(text) is None


@cache
def _output() -> re.Pattern[str]:
    """How a line begins that a program printed and nobody wrote."""
    return re.compile(
        r"\W{0,4}(?:\w{0,40}(?:Error|Exception|Warning)\b|[EWIF]:? \S{1,80}\]|[EWF]: |Traceback|Error[!:]|ERROR|FATAL|"
        r"error:|fatal:|Failed |modprobe|insmod|modinfo|dpkg|dkms|gasket|ls:|bash:|sh:|\S{1,80}:\d{1,6}[:\]]|crw|"
        r"No EdgeTPU|lxc\.|/dev/|\[|>>> )"
    )


@cache
def _quoted() -> re.Pattern[str]:
    """Messages that people quote within sentences: their words are not the reporter's."""
    return re.compile(
        r"No EdgeTPU was detected|[Ff]ailed to load delegate(?: from [\w./-]{1,80})?|Detection appears to be stuck|"
        r"TPU found|Attempting to load TPU as \S{1,20}|No such file or directory|Permission denied|not found|"
        r"Segmentation fault|Illegal instruction|Operation not permitted"
    )


@cache
def _not_prose() -> re.Pattern[str]:
    return re.compile(
        r"[\w.\"'/-]{1,60}:(?:\s{1,4}[\w.,=:@+\"'/{}~*-]{1,120})?$"  # key: value
        r"|- [\w.\"'/:-]{1,80}$|[\w.-]{1,40}\s{2,40}[\d.]{1,20}$|\W{0,40}$|\d{4}-\d\d-\d\d[T ]\d\d:"
        r"|(?:lxc|usb\d|dev\d|net\d|mp\d)[.:]"
        r"|Lnk\w{2,6}:(?:(?!\. )[^\n])*$"
        r"|[\w.-]{1,40}=\S{0,160}$"
        # What "groups" prints.
        r"|(?:[\w.-]{1,32} : )?(?:[a-z_][\w-]{0,31} ){0,3}(?:adm|cdrom|dialout|plugdev|lpadmin)"
        r"(?: [a-z_][\w-]{0,31}){1,30}$"
    )


def _sentences(paragraph: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Sentences with the line that each begins on."""
    pending, start = "", ""
    for text, where in paragraph:
        if pending and _begins_anew(text):
            yield pending, start
            pending = ""
        pieces = _ends().split(text)
        for number, piece in enumerate(pieces):
            if not pending:
                start = where
            pending = f"{pending} {piece}" if pending else piece
            if number < len(pieces) - 1:
                yield pending, start
                pending = ""
        if pending and pending[-1] in _SENTENCE_MARKS:
            yield pending, start
            pending = ""
    if pending:
        yield pending, start


def _begins_anew(text: str) -> bool:
    return text.startswith(("- ", "* ", "#", "|", ">", "• ", "$ "))


@cache
def _ends() -> re.Pattern[str]:
    return re.compile(rf"(?<=[.!?\u2026])(?<!Inc\.)(?<!Corp\.)(?<! ca\.)\s|(?<=[{breaks().sentence}])|;\s")


@cache
def _clause_ends() -> re.Pattern[str]:
    words = "|".join(breaks().words)
    return re.compile(rf"[,;:(){breaks().clause}]|\s-{{1,2}}>?\s|=>|->|\u2192|\s(?:{words})(?=\s)")


def _read_sentence(text: str, where: str) -> _Sentence:
    lowered = _joined(text.replace("\u2019", "'").lower())
    end = text.rstrip()[-1:]
    is_question = end in _QUESTION_MARKS
    clauses = tuple(
        filter(None, (clause_tags(clause, is_question=is_question) for clause in _clause_ends().split(lowered)))
    )
    # What somebody supposes is not what was seen.
    clauses = tuple(clause & _KEPT_IN_ADVICE if "hedge" in clause else clause for clause in clauses)
    if is_question:
        clauses = _of_question(clauses)
    if end == ":":
        # "lsusb on the other machine:" announces a listing.
        clauses = tuple(clause - _ANNOUNCED for clause in clauses)
    tags = frozenset().union(*clauses)
    if _GOOD.isdisjoint(tags) and _is_advice(lowered):
        clauses = tuple(clause & _KEPT_IN_ADVICE for clause in clauses)
        tags &= _KEPT_IN_ADVICE
    if "hearsay" in tags:
        clauses = tuple(clause - _TOLD for clause in clauses)
        tags -= _TOLD
    if "computer" in tags and _count_computers(lowered) >= _MANY:
        tags |= {"many-computers"}
    if "process" in tags and len(_applications().intersection(tokens().findall(lowered))) > 1:
        tags |= {"two-applications"}
    return _Sentence(clauses, tags, text, where)


def _of_question(clauses: tuple[frozenset[str], ...]) -> tuple[frozenset[str], ...]:
    """Who asks "should I use another hub?" has none; who asks "is it the heat?" does not say that it is hot."""
    tags = frozenset().union(*clauses)
    if "ought" in tags:
        return tuple(clause & _KEPT_IN_ADVICE for clause in clauses)
    return clauses if "asks_why" in tags else tuple(clause | {"question"} for clause in clauses)


def _is_advice(sentence: str) -> bool:
    """Whether a sentence in lower case begins with what to do: "Try another cable" says nothing of that cable."""
    first = tokens().search(sentence[:_LEAD_LIMIT])
    return first is not None and "advise" in lexicon().tags(first[0])


@cache
def _applications() -> frozenset[str]:
    """Programs that use an Edge TPU."""
    names = "frigate jupyter notebook codeproject deepstack viseron doods scrypted agentdvr shinobi zoneminder"
    return frozenset((*names.split(), "codeproject.ai"))


def _joined(text: str) -> str:
    """Words that belong together, written as one."""
    for first, second in _PAIRS:
        if first in text:
            text = text.replace(f"{first} {second}", f"{first}-{second}")
    return text


def _count_computers(text: str) -> int:
    found = tokens().findall(text)
    words = {word for token in found for word in ((token,) if token.isalnum() else pieces().split(token))}
    return sum("computer" in lexicon().tags(word) for word in words)
