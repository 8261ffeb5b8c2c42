"""The kernel's log: what a line says, of which node, and where the log comes from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etpu_doctor.evidence import kernel_log
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.kernel_log import Head, find_head, log_prefix, match_line, read_kernel_log
from etpu_doctor.facts.kernel_log import KernelMessage

DESCRIPTOR = "usb 1-4: device descriptor read/64, error -71"


def known(text: str) -> KernelMessage:
    """What a line says that is known."""
    message = match_line(text, "dmesg:7")
    assert message is not None
    return message


PREFIXES = [
    ("", None),
    ("[   12.345678] ", 12.345678),
    ("[12.3] ", 12.3),
    ("[    0.000000] ", 0.0),
    ("[   12.345678][  T123] ", 12.345678),
    ("[   12.345678][    C0] ", 12.345678),
    ("<6>[   12.345678] ", 12.345678),
    ("kern  :err   : [   12.345678] ", 12.345678),
    ("[Tue Nov 24 09:34:38 2026] ", None),
    ("[  +0.000012] ", None),
    ("2026-11-24T09:34:38,123456+00:00 ", None),
    ("Oct 02 21:14:08 kiste kernel: ", None),
    ("Oct  2 21:14:08 kiste kernel: [   12.345678] ", 12.345678),
    ("2026-11-24T09:34:38.123456+01:00 pi kernel: ", None),
    ("[   12.345678] pi kernel: ", 12.345678),
    ("> ## Oct 02 21:14:08 kiste kernel: ", None),
    ("> [   12.345678] ", 12.345678),
    ("- [   12.345678] ", 12.345678),
]


@pytest.mark.parametrize(("prefix", "seconds"), PREFIXES)
def test_what_stands_before_is_taken_off(prefix: str, seconds: float | None) -> None:
    """Whatever printed the line, the message is the same; the time since boot is kept where it is printed."""
    message = known(prefix + DESCRIPTOR)
    assert (
        KernelMessage(
            message="usb-descriptor-unreadable",
            cause="cable-or-port-signal",
            text=DESCRIPTOR,
            seconds=seconds,
            usb_node="1-4",
            usb_bus=1,
            values={"what": "64", "errno": "-71"},
            where="dmesg:7",
        )
        == message
    )


@pytest.mark.parametrize(
    ("line", "node", "port", "bus"),
    [
        ("usb 2-1.4: USB disconnect, device number 5", "2-1.4", None, 2),
        ("usb usb2: New USB device found, idVendor=1d6b, idProduct=0003", "usb2", None, 2),
        ("usb 2-1-port4: attempt power cycle", None, "2-1-port4", 2),
        ("usb 2-1.3-port2: over-current condition", None, "2-1.3-port2", 2),
        ("usb usb12-port1: attempt power cycle", None, "usb12-port1", 12),
        ("hub 2-1:1.0: insufficient power available to use all downstream ports", "2-1", None, 2),
        ("hub 3-0:1.0: Cannot enable port 1.  Maybe the USB cable is bad?", None, "usb3-port1", 3),
        ("hub 2-1.2:1.0: over-current condition on port 2", None, "2-1.2-port2", 2),
    ],
)
def test_the_place_on_the_usb(line: str, node: str | None, port: str | None, bus: int) -> None:
    """Device, port and bus are those that the line names, in the kernel's own words."""
    message = known(line)
    assert (node, port, bus, None) == (message.usb_node, message.usb_port, message.usb_bus, message.pci_address)


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("apex 0000:02:00.0: Couldn't initialize interrupts: -28", "0000:02:00.0"),
        ("apex 10000:e1:00.0: Device is dead.", "10000:e1:00.0"),
        ("xhci_hcd 0000:00:14.0: HC died; cleaning up", "0000:00:14.0"),
        ("xhci-hcd xhci-hcd.0: HC died; cleaning up", None),
        ("apex: probe of 0000:02:00.0 failed with error -5", "0000:02:00.0"),
        ("pcieport 0000:00:1c.0: pciehp: Slot(3): Link Down", "0000:00:1c.0"),
        ("pcieport 0000:00:1c.0: AER: Corrected error received: id=00e0", "0000:00:1c.0"),
        ("brcm-pcie 1000110000.pcie: link down", None),
        ("hwmon hwmon1: Undervoltage detected!", None),
    ],
)
def test_the_pci_address(line: str, address: str | None) -> None:
    """PCI functions are named by their address; platform devices have none."""
    message = known(line)
    assert (address, None, None) == (message.pci_address, message.usb_node, message.usb_port)


def test_an_error_belongs_to_the_device_that_a_port_names() -> None:
    """The root port reports, the device below is what is meant; the line itself is kept."""
    message = known("pcieport 0000:00:1c.0: AER: Uncorrected (Fatal) error received: 0000:02:00.0")
    assert ("0000:02:00.0", "Uncorrected (Fatal)") == (message.pci_address, message.values["severity"])
    assert message.text.startswith("pcieport 0000:00:1c.0: AER: ")


def test_parts_that_a_line_lacks_are_not_values() -> None:
    """Optional parts of a pattern appear only where the line has them."""
    assert {} == known("usb 2-1-port4: over-current condition").values
    assert {"count": "3"} == known("usb 2-1-port4: over-current change #3").values


def test_a_long_message_is_shortened() -> None:
    """What is kept of a line stays small."""
    assert len(known(DESCRIPTOR + "x" * 10_000).text) < 400


@pytest.mark.parametrize(
    "line",
    [
        "",
        ":",
        ": ",
        "usb: ",
        "usb 1-4 device descriptor read/64, error -71",
        "the log says device descriptor read/64, error -71",
        "usb one-four: device descriptor read/64, error -71",
        "usb 1-: device descriptor read/64, error -71",
        "usb 1-4.: device descriptor read/64, error -71",
        "usb 99999-4: device descriptor read/64, error -71",
        "usb 1-1.1.1.1.1.1.1.1: device descriptor read/64, error -71",
        "usb 1-4-portx: attempt power cycle",
        "usb 1-4:1.0: attempt power cycle",
        "hub 2-1: attempt power cycle",
        "hub 2-1:config: attempt power cycle",
        "usb \N{FULLWIDTH DIGIT FOUR}-1: device descriptor read/64, error -71",
        "lspci: device: Maybe the USB cable is bad?",
        "Kernel driver in use: apex",
        "apex 02:00.0: Device is dead.",
        "someone says: Under-voltage detected! and more",
        "He wrote that loading of unsigned module is rejected",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    """Prose, other programs and names that no device can have are not taken for the kernel."""
    assert match_line(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Under-voltage detected! (0x00050005)",
        "[   12.3] Under-voltage detected! (0x00050005)",
        "Oct  2 21:14:08 pi kernel: Under-voltage detected! (0x00050005)",
        "Loading of module with unavailable key is rejected",
        "[   12.3] Loading of unsigned module is rejected",
    ],
)
def test_messages_without_a_speaker(line: str) -> None:
    """What names no driver is recognised at the start of a line or behind a time stamp."""
    assert known(line).cause in ("undervoltage", "secure-boot-module-signing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("usb 2-1: x", Head("usb", "usb", "2-1", 9)),
        ("[ 1.0] usb 2-1: x", Head("usb", "usb", "2-1", 16)),
        ("hub 2-0:1.0: x", Head("hub", "hub", "2-0:1.0", 13)),
        ("a: b: c: usb 2-1: x", Head("usb", "usb", "2-1", 18)),
        ("xhci_hcd 0000:00:14.0: x", Head("host", "xhci_hcd", "0000:00:14.0", 23)),
        ("gasket 0000:02:00.0: x", Head("apex", "gasket", "0000:02:00.0", 21)),
        ("nvme 0000:01:00.0: x", Head("pci", "nvme", "0000:01:00.0", 19)),
        ("gasket: x", Head("module", "gasket", "", 8)),
        ("Lockdown: modprobe: x", Head("lockdown", "Lockdown", "", 10)),
        ("usbfs: x", Head("usbfs", "usbfs", "", 7)),
        ("nothing", None),
        ("a: b: c: d: e: f: g: h: usb 2-1: x", None),
        (" " * 300 + "usb 2-1: x", None),
    ],
)
def test_who_says_it(text: str, expected: Head | None) -> None:
    """Driver and device stand before a colon, within the first few words of a line."""
    assert expected == find_head(text)


@pytest.mark.parametrize("prefix", [prefix for prefix, _ in PREFIXES if prefix])
def test_lines_of_a_log_are_told_by_their_prefix(prefix: str) -> None:
    """The message begins behind the time stamp, whatever the message is."""
    assert len(prefix) == log_prefix(f"{prefix}eth0: renamed")


@pytest.mark.parametrize(
    "line",
    [
        "00:1c.0 PCI bridge [0604]: Intel Corporation Cannon Lake PCH PCI Express Root Port #1 [8086:a338] (rev f0)",
        "-[0000:00]-+-00.0",
        "\tCapabilities: [80] Express (v2) Endpoint, MSI 00",
        "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M",
        "Bus 002 Device 002: ID 18d1:9302 Google Inc.",
        "[2026-11-24 09:34:38] frigate.detectors INFO: Attempting to load TPU as usb",
        "Error! Bad return status for module build on kernel: 6.5.0-35-generic (x86_64)",
        "2026-11-24 09:34:38,123 INFO kernel: something",
        "  CC [M]  /var/lib/dkms/gasket/1.0/build/gasket_core.o",
        "as said in [1.2] of the manual",
        "[  OK  ] Started Docker.",
        "[12] Timeout",
        "2026-11-24Tea:time,  x",
        "",
    ],
)
def test_lines_of_other_programs_have_no_such_prefix(line: str) -> None:
    """Listings of buses, logs of other programs and compilers are not taken for a kernel log."""
    assert log_prefix(line) is None


@given(st.text())
@example("[")
@example("[ 1.0")
@example("] usb 2-1: reset ")
@example("12:34:56 kernel: ")
@example(":: kernel: ")
@example("usb usb: attempt power cycle")
def test_any_text_is_read(text: str) -> None:
    """No text raises; what is recognised says who said it."""
    log_prefix(text)
    find_head(text)
    message = match_line(text)
    assert message is None or message.text


@given(
    st.integers(1, 9999),
    st.lists(st.integers(1, 15), min_size=1, max_size=7),
    st.sampled_from(PREFIXES),
    st.sampled_from(["-71", "-110", "-32"]),
)
def test_every_place_is_read_back(bus: int, chain: list[int], prefix: tuple[str, float | None], errno: str) -> None:
    """Any bus and chain of ports that USB allows comes back as it was printed, behind every prefix."""
    node = f"{bus}-{'.'.join(map(str, chain))}"
    message = known(f"{prefix[0]}usb {node}: device descriptor read/8, error {errno}")
    assert (node, bus, errno, prefix[1]) == (
        message.usb_node,
        message.usb_bus,
        message.values["errno"],
        message.seconds,
    )
    port = known(f"{prefix[0]}usb {node}-port3: attempt power cycle")
    assert f"{node}-port3" == port.usb_port


RECORDS = (
    "6,1,100000,-;Linux version 6.1.0\n"
    "6,811,4167324,-;usb 1-4: new high-speed USB device number 2 using xhci_hcd\n"
    " SUBSYSTEM=usb\n"
    " DEVICE=c189:1\n"
    "3,812,4299847,-,caller=T57;usb 1-4: device descriptor read/64, error -71\n"
    "30,813,5000000,-;systemd[1]: usb 1-4: device descriptor read/64, error -71\n"
    "not a record\n"
)


def host(tmp_path: Path, **files: str) -> Files:
    """A root directory with files; ``__`` in a name stands for a slash."""
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return Files(str(tmp_path))


def test_records_of_the_kernel(tmp_path: Path) -> None:
    """Time and number of a record are kept; what programs wrote into the log is not the kernel's."""
    log, missing = read_kernel_log(host(tmp_path, dev__kmsg=RECORDS))
    assert log is not None
    assert ([], "/dev/kmsg", 3) == (missing, log.origin, log.line_count)
    assert [
        ("usb-new-device", 4.167324, "/dev/kmsg:811"),
        ("usb-descriptor-unreadable", 4.299847, "/dev/kmsg:812"),
    ] == [(message.message, message.seconds, message.where) for message in log.messages]


def test_a_log_that_is_too_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not read of a log is missing, with the command that shows all."""
    monkeypatch.setattr(kernel_log, "RECORDS_LIMIT", 3)
    log, missing = read_kernel_log(host(tmp_path, dev__kmsg=RECORDS))
    assert log is not None
    assert ["sudo dmesg"] == [each.how for each in missing]


def test_the_latest_messages_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a flood the end is kept: it is what matters now."""
    monkeypatch.setattr(kernel_log, "MESSAGES_LIMIT", 2)
    records = "".join(f"3,{number},{number},-;{DESCRIPTOR}\n" for number in range(5))
    log, _ = read_kernel_log(host(tmp_path, dev__kmsg=records))
    assert log is not None
    assert (5, ["/dev/kmsg:3", "/dev/kmsg:4"]) == (log.line_count, [message.where for message in log.messages])


def test_the_log_file_where_the_device_is_missing(tmp_path: Path) -> None:
    """Without /dev/kmsg the file of the system's logger is read, from the last start on; nothing is missing then."""
    content = (
        "Oct 02 10:00:00 pi kernel: Linux version 6.1.0\n"
        "Oct 02 10:00:01 pi kernel: usb 1-3: device descriptor read/64, error -71\n"
        "Oct 02 11:00:00 pi kernel: [    0.000000] Linux version 6.1.0\n"
        "Oct 02 11:00:01 pi kernel: [    4.299847] usb 1-4: device descriptor read/64, error -71\n"
    )
    log, missing = read_kernel_log(host(tmp_path, var__log__kern_dot_log=content))
    assert log is not None
    assert ([], "/var/log/kern.log", 2) == (missing, log.origin, log.line_count)
    assert [("1-4", 4.299847, "/var/log/kern.log:4")] == [
        (message.usb_node, message.seconds, message.where) for message in log.messages
    ]


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file the end is read, whole lines; their numbers are not known."""
    monkeypatch.setattr(kernel_log, "BYTES_LIMIT", 200)
    lines = [f"[   {number}.5] usb 1-{number % 9 + 1}: USB disconnect, device number {number}" for number in range(100)]
    log, _ = read_kernel_log(host(tmp_path, var__log__dmesg="\n".join(lines)))
    assert log is not None
    assert ["96", "97", "98", "99"][-len(log.messages) :] == [message.values["number"] for message in log.messages]
    assert {"/var/log/dmesg"} == {message.where for message in log.messages}


def test_nothing_to_read(tmp_path: Path) -> None:
    """Where there is neither, the log is unknown, and what would show it is said."""
    log, (missing,) = read_kernel_log(Files(str(tmp_path)))
    assert log is None
    assert "missing" in missing.why
    assert "on the host: sudo dmesg" == missing.how


def test_another_device_under_that_name(tmp_path: Path) -> None:
    """A container may have anything under the name of the log: a pipe is not read, and nothing waits for it."""
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev" / "kmsg")
    log, (missing,) = read_kernel_log(Files(str(tmp_path)))
    assert log is None
    assert "not the kernel's log" in missing.why
    assert "sudo dmesg" == missing.how


def test_a_link_to_another_device(tmp_path: Path) -> None:
    """A link to the null device, as LXC makes it, is not the log either."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kmsg").symlink_to("/dev/null")
    log, (missing,) = read_kernel_log(Files(str(tmp_path)))
    assert log is None
    assert "not the kernel's log" in missing.why


def test_a_refused_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only root may read the log, the reason is said, and the command is to be run as root."""
    real_stat = os.stat
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kmsg").touch()

    def like_kmsg(path: str | int) -> os.stat_result:
        status = real_stat(path)
        if str(path).endswith("/dev/kmsg"):
            fields = list(status)
            fields[0] = stat.S_IFCHR | 0o644
            return os.stat_result(fields, {"st_rdev": os.makedev(1, 11)})
        return status

    def refuse(path: str, _flags: int) -> int:
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr(os, "stat", like_kmsg)
    monkeypatch.setattr(os, "open", refuse)
    log, (missing,) = read_kernel_log(Files(str(tmp_path)))
    assert log is None
    assert ("the kernel's log", "sudo dmesg") == (missing.what, missing.how)
    assert missing.why.startswith("/dev/kmsg: Operation not permitted")


def test_a_record_without_a_time() -> None:
    """A time that is no number, or longer than any machine runs, is not known."""
    for stamp in (b"soon", b"9" * 30):
        log, _ = kernel_log._from_records([b"3,7," + stamp + b",-;" + DESCRIPTOR.encode()])
        assert [None] == [message.seconds for message in log.messages]


@pytest.mark.parametrize("name", ["kern.log", "dmesg"])
def test_log_files_that_are_none(tmp_path: Path, name: str) -> None:
    """Folders, pipes and empty files under the names of log files are passed over."""
    folder = tmp_path / "var" / "log"
    folder.mkdir(parents=True)
    for make in (Path.mkdir, os.mkfifo, Path.touch):
        path = folder / name
        make(path)
        assert read_kernel_log(Files(str(tmp_path)))[0] is None
        path.rmdir() if path.is_dir() else path.unlink()


def test_the_log_of_the_kernel_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is opened without waiting, read to its end, and closed."""
    (tmp_path / "dev").mkdir()
    pipe_out, pipe_in = os.pipe()
    os.write(pipe_in, b"3,812,4299847,-;" + DESCRIPTOR.encode())
    os.set_blocking(pipe_out, False)
    real_stat, flags = os.stat, []

    def like_kmsg(path: str | int) -> os.stat_result:
        if not str(path).endswith("/dev/kmsg"):
            return real_stat(path)
        fields = [0] * 10
        fields[0] = stat.S_IFCHR | 0o644
        return os.stat_result(fields, {"st_rdev": os.makedev(1, 11)})

    def open_it(_path: str, how: int) -> int:
        flags.append(how)
        return pipe_out

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", like_kmsg)
        patch.setattr(os, "open", open_it)
        log, missing = read_kernel_log(Files(str(tmp_path)))
    os.close(pipe_in)
    assert log is not None
    assert ([], 1, 1) == (missing, log.line_count, len(log.messages))
    assert [os.O_NONBLOCK] == [how & os.O_NONBLOCK for how in flags]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe_out)


def test_reading_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overwritten records are skipped, and the end of the log ends the reading."""
    answers: Iterator[bytes | OSError] = iter(
        [
            b"6,1,1,-;one",
            BrokenPipeError(),
            b"6,9,1,-;two",
            BlockingIOError(),
        ]
    )

    def read(_handle: int, _size: int) -> bytes:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "read", read)
    assert [b"6,1,1,-;one", b"6,9,1,-;two"] == list(kernel_log._records(3))


def test_reading_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log without end is read up to a size."""
    monkeypatch.setattr(os, "read", lambda _handle, _size: b"x" * 1000)
    records = list(kernel_log._records(3))
    assert kernel_log.BYTES_LIMIT <= sum(map(len, records)) < kernel_log.BYTES_LIMIT + 1000


@pytest.mark.parametrize(
    "record", [b"", b";", b",,;", b"x,1,2,-;usb 1-4: attempt power cycle", b"6,1,2", b"6;usb usb1-port4: x"]
)
def test_damaged_records(record: bytes) -> None:
    """Records without a known severity, time or text count or not, and say nothing."""
    log, _ = kernel_log._from_records([record])
    assert () == log.messages


@given(st.binary(max_size=300))
def test_any_record_is_read(record: bytes) -> None:
    """No content of the log raises."""
    log, _ = kernel_log._from_records([record, record])
    assert log.line_count in (0, 2)


def test_the_log_of_this_machine() -> None:
    """The real root gives a log or a reason, whoever runs this and wherever."""
    log, missing = read_kernel_log(Files())
    assert (log is None) <= bool(missing)
