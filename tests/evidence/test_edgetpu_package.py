"""The package of a compiled operator: its programs, and what they move."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.edgetpu_package import (
    UNKNOWN,
    Chip,
    SeveralChipsError,
    Traffic,
    caching_executable,
    main_executable,
    read_package,
)
from etpu_doctor.evidence.flatbuffer import Budget, DamagedError
from etpu_doctor.facts.model import Executable, Package
from tests.support.mk_compiled import (
    EXECUTION_ONLY,
    INPUT,
    OUTPUT,
    PARAMETER,
    PARAMETER_CACHING,
    SCRATCH,
    STAND_ALONE,
    TOKEN,
    Hint,
    Layer,
    Program,
    custom_options,
    executable,
    package,
)

IN, OUT = Layer("in", 2, 3, 4), Layer("out", 1, 1, 10, padding=6)
KINDS = {STAND_ALONE: "stand-alone", PARAMETER_CACHING: "parameter-caching", EXECUTION_ONLY: "execution-only"}


def read(*programs: Program, min_runtime: int = 13) -> Package:
    """The package of programs, written and read."""
    return read_options(custom_options(package([executable(program) for program in programs], min_runtime)))


def read_options(options: bytes) -> Package:
    """What the options of an operator hold."""
    return read_package(memoryview(options), Budget(100_000))


def only(program: Program) -> Executable:
    """A program, written and read."""
    (found,) = read(program).executables
    return found


def test_a_program() -> None:
    """Every field of a program has its value."""
    program = Program(STAND_ALONE, TOKEN, (128, 64), 256, (IN,), (OUT,), scratch=32, cycles=5_000_000_000)
    assert Executable(
        kind="stand-alone",
        caching_token=f"{TOKEN:#x}",
        instruction_bytes=192,
        parameter_bytes=256,
        input_bytes=24,
        output_bytes=16,
        scratch_bytes=32,
        batch_size=1,
        narrow_memory_bytes_per_tile=832,
        estimated_cycles=5_000_000_000,
        chip="beagle",
        fully_deterministic=True,
        to_device_bytes=192 + 24 + 256 + 32,
        from_device_bytes=16 + 32,
    ) == only(program)


def test_a_package() -> None:
    """What a package says of itself, and its programs in their order."""
    found = read(Program(EXECUTION_ONLY, TOKEN), Program(PARAMETER_CACHING, TOKEN), min_runtime=14)
    assert (14, "synthetic 1", 0) == (found.min_runtime, found.compiler_version, found.signature_bytes)
    assert ["execution-only", "parameter-caching"] == [each.kind for each in found.executables]


@pytest.mark.parametrize(
    ("token", "expected"), [(0, None), (1, "0x0000000000000001"), ((1 << 64) - 1, f"0x{'f' * 16}")]
)
def test_tokens(token: int, expected: str | None) -> None:
    """A token is text of one length; 0 is none."""
    assert expected == only(Program(token=token)).caching_token


def test_no_estimate() -> None:
    """A compiler that gives no estimate of the cycles leaves it unknown, not 0."""
    assert only(Program()).estimated_cycles is None


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Hint(chunk=0), Traffic(100, 0)),
        (Hint(chunk=1), Traffic(7, 0)),
        (Hint(meta=INPUT, size=5), Traffic(5, 0)),
        (Hint(meta=PARAMETER, size=5), Traffic(5, 0)),
        (Hint(meta=OUTPUT, size=5, back=True), Traffic(0, 5)),
        (Hint(meta=OUTPUT, size=5), Traffic(0, 5)),
        (Hint(meta=INPUT, size=5, back=True), Traffic(5, 0)),
        (Hint(meta=SCRATCH, size=5), Traffic(5, 0)),
        (Hint(meta=SCRATCH, size=5, back=True), Traffic(0, 5)),
        (Hint(kind=3), Traffic(0, 0)),
        (Hint(kind=4), Traffic(0, 0)),
        (Hint(kind=9), Traffic(0, 0)),
    ],
)
def test_transfers(hint: Hint, expected: Traffic) -> None:
    """Each kind of transfer goes its way; interrupts and fences move nothing."""
    found = only(Program(instructions=(100, 7), hints=(hint,)))
    assert expected == Traffic(found.to_device_bytes, found.from_device_bytes)


def test_a_chunk_may_be_sent_twice() -> None:
    """Instructions count as often as the transfers name them."""
    assert 14 == only(Program(instructions=(7,), hints=(Hint(chunk=0), Hint(chunk=0)))).to_device_bytes


def test_transfers_that_are_not_laid_down() -> None:
    """Without all of them, none of the sums is known."""
    found = only(Program(deterministic=False))
    assert (False, None, None) == (found.fully_deterministic, found.to_device_bytes, found.from_device_bytes)


@pytest.mark.parametrize(
    "hint", [Hint(chunk=2), Hint(chunk=-1), Hint(meta=7, size=5), Hint(meta=-1, size=5), Hint(meta=INPUT, size=-5)]
)
def test_transfers_that_cannot_be(hint: Hint) -> None:
    """Instructions that are not there, things that nobody knows, and less than nothing are damage."""
    with pytest.raises(DamagedError, match="a transfer"):
        only(Program(instructions=(100, 7), hints=(hint,)))


@pytest.mark.parametrize(
    ("kinds", "main", "caching"),
    [
        ([STAND_ALONE], STAND_ALONE, None),
        ([EXECUTION_ONLY], EXECUTION_ONLY, None),
        ([PARAMETER_CACHING], PARAMETER_CACHING, None),
        ([EXECUTION_ONLY, PARAMETER_CACHING], EXECUTION_ONLY, PARAMETER_CACHING),
        ([PARAMETER_CACHING, EXECUTION_ONLY], EXECUTION_ONLY, PARAMETER_CACHING),
        ([PARAMETER_CACHING, EXECUTION_ONLY, STAND_ALONE], STAND_ALONE, None),
    ],
)
def test_which_program_runs(kinds: Sequence[int], main: int, caching: int | None) -> None:
    """The driver's choice: one alone is the program; of three it takes the one that needs no other."""
    found = read(*(Program(kind, TOKEN) for kind in kinds))
    loads = caching_executable(found)
    assert KINDS[main] == main_executable(found).kind
    assert (None if caching is None else KINDS[caching]) == (None if loads is None else loads.kind)


@pytest.mark.parametrize(
    "kinds",
    [
        [],
        [STAND_ALONE, STAND_ALONE],
        [STAND_ALONE, EXECUTION_ONLY],
        [STAND_ALONE, PARAMETER_CACHING],
        [EXECUTION_ONLY, PARAMETER_CACHING, EXECUTION_ONLY],
    ],
)
def test_programs_that_do_not_go_together(kinds: Sequence[int]) -> None:
    """The combinations that libedgetpu refuses are refused here."""
    with pytest.raises(DamagedError, match="go together"):
        read(*(Program(kind, TOKEN) for kind in kinds))


@pytest.mark.parametrize("program", [Program(kind=3), Program(kind=-1), Program(batch=0), Program(batch=-1)])
def test_programs_that_cannot_be(program: Program) -> None:
    """A kind that does not exist, and a batch of nothing."""
    with pytest.raises(DamagedError, match="unknown kind"):
        only(program)


def test_several_chips() -> None:
    """Packages for further chips are refused, whichever way they say so."""
    content = package([executable(Program())])
    for options in (
        custom_options(content, more=1),
        custom_options(package([executable(Program())], virtual_chip=-1)),
    ):
        with pytest.raises(SeveralChipsError):
            read_options(options)
    assert 13 == read_options(custom_options(content)).min_runtime


@pytest.mark.parametrize("min_runtime", [-1, 1 << 20])
def test_a_runtime_version_that_cannot_be(min_runtime: int) -> None:
    """Such a number is damage, not a demand."""
    with pytest.raises(DamagedError, match="runtime version"):
        read(Program(), min_runtime=min_runtime)


def test_another_mark() -> None:
    """What does not begin as a package is none."""
    content = bytearray(package([executable(Program())]))
    content[4:8] = b"DWN2"
    with pytest.raises(DamagedError, match="DWN1"):
        read_options(custom_options(bytes(content)))


def test_damage_inside_a_program() -> None:
    """The innermost buffer is walked through as well: a name that nobody reads lacks its end, and is found."""
    program = executable(Program(inputs=(IN,)))
    assert 1 == program.count(b"field\0")
    with pytest.raises(DamagedError, match="does not end"):
        read_options(custom_options(package([program.replace(b"field\0", b"fields")])))


def test_a_package_that_was_cut() -> None:
    """One that lost its second half is damage, although the operator around it is sound."""
    content = package([executable(Program(parameters=2000))])
    for length in (8, 12, len(content) // 2, len(content) - 100):
        with pytest.raises(DamagedError):
            read_options(custom_options(content[:length]))


def of(*programs: tuple[int, str | None, int]) -> Package:
    """A package of programs by kind, token and bytes to the device."""
    names: dict[int, str] = KINDS
    return Package(
        min_runtime=13,
        executables=tuple(
            Executable(
                kind=names[kind],  # type: ignore[arg-type] # one of the three
                caching_token=token,
                instruction_bytes=0,
                parameter_bytes=0,
                input_bytes=0,
                output_bytes=0,
                scratch_bytes=0,
                batch_size=1,
                narrow_memory_bytes_per_tile=0,
                fully_deterministic=True,
                to_device_bytes=size,
                from_device_bytes=1,
            )
            for kind, token, size in programs
        ),
    )


def cached(token: str | None, run: int, load: int) -> Package:
    """A package that loads its parameters first."""
    return of((EXECUTION_ONLY, token, run), (PARAMETER_CACHING, token, load))


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([cached("a", 10, 1000)], [1010, 10, 10]),
        ([of((STAND_ALONE, None, 10))], [10, 10]),
        ([cached("a", 10, 1000), cached("a", 20, 2000)], [3030, 30, 30]),
        ([cached("a", 10, 1000), cached("b", 20, 2000)], [3030, 3030, 3030]),
        ([cached("a", 10, 1000), of((STAND_ALONE, None, 5))], [1015, 1015]),
        ([cached(None, 10, 1000)], [1010, 1010]),
        ([], [0]),
    ],
    ids=["cached", "stand-alone", "together", "apart", "pushed-off", "no-token", "nothing"],
)
def test_what_crosses_the_bus(packages: list[Package], expected: list[int]) -> None:
    """Parameters are loaded once, but anew after a program with another token, or with none, used the chip."""
    chip = Chip()
    assert expected == [chip.infer(packages).to_device for _ in expected]


@given(st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=5))
def test_what_is_unknown_stays_unknown(sizes: list[int | None]) -> None:
    """A sum is known if everything in it is."""
    total = Traffic()
    for size in sizes:
        total = total.plus(Traffic(size, size))
    known = [size for size in sizes if size is not None]
    expected = sum(known) if len(known) == len(sizes) else None
    assert Traffic(expected, expected) == total
    assert UNKNOWN == Traffic(1, 2).plus(UNKNOWN)


SAMPLE = package([executable(Program(EXECUTION_ONLY, TOKEN, (64,), 16, (IN,), (OUT,))), executable(Program(1, TOKEN))])


def attempt(content: bytes) -> None:
    """Read a package that may be damaged."""
    try:
        found = read_options(custom_options(content))
    except (DamagedError, SeveralChipsError):
        return
    assert found.executables


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage(changes: list[tuple[int, int]]) -> None:
    """Any changed bytes of a package give a whole package, or one of the two errors."""
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place] = value
    attempt(bytes(data))


@given(
    st.integers(0, len(SAMPLE) // 4 - 1), st.sampled_from([0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(SAMPLE)])
)
def test_extreme_words(word: int, value: int) -> None:
    """So do words that are as wrong as can be."""
    data = bytearray(SAMPLE)
    struct.pack_into("<I", data, 4 * word, value)
    attempt(bytes(data))
