"""Containers, user namespaces and virtual machines, by the marks they leave."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.surroundings import (
    Mount,
    container_kind,
    in_user_namespace,
    is_wsl,
    mounts,
    parse_mounts,
    usb_bus_live,
    virtual_machine,
)
from tests.support.host_files import put

HOST_MOUNTS = """\
22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
24 28 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=16G
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
"""

DOCKER_MOUNTS = """\
600 500 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/x
601 600 0:55 / /proc rw,nosuid - proc proc rw
602 600 0:56 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
"""

BOUND = "610 602 0:5 /bus/usb /dev/bus/usb rw,nosuid shared:2 - devtmpfs udev rw\n"
ONE_NODE = "611 602 0:5 /bus/usb/002/003 /dev/bus/usb/002/003 rw - devtmpfs udev rw\n"
LXCFS = "700 600 0:40 /proc/cpuinfo /proc/cpuinfo rw - fuse.lxcfs lxcfs rw\n"
HOST_LXCFS = "700 28 0:40 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw\n"

UID_MAP = "         0          0 4294967295\n"


def kind(root: Path, **environment: str) -> str | None:
    """The container of a root."""
    files = Files(str(root))
    return container_kind(files, environment, mounts(files))


def test_mounts() -> None:
    """Point and file system, with the escapes of proc(5); other lines are passed over."""
    text = "1 2 0:1 / /a\\040b\\134 rw - tmpfs x rw\nbroken\n1 2 3 - \n\n" + HOST_MOUNTS
    found = list(parse_mounts(text))
    assert Mount("/a b\\", "tmpfs") == found[0]
    assert ["/a b\\", "/sys", "/dev", "/"] == [mount.point for mount in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HOST_MOUNTS, True),
        (DOCKER_MOUNTS, False),
        (DOCKER_MOUNTS + BOUND, True),
        (DOCKER_MOUNTS + ONE_NODE, False),
        (DOCKER_MOUNTS + BOUND + "620 610 0:70 / /dev/bus/usb rw - tmpfs tmpfs rw\n", False),
        (HOST_MOUNTS + "30 24 0:9 / /dev/bus/usbmon rw - tmpfs x rw\n", True),
        ("", None),
        ("1 2 0:1 / /proc rw - proc proc rw\n", None),
    ],
)
def test_whether_new_nodes_appear(text: str, expected: bool | None) -> None:
    """They do in the kernel's own folder, be it bound, and not in one that an engine filled once."""
    assert expected is usb_bus_live(list(parse_mounts(text)))


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("proc/self/cgroup", "0::/\n", None),
        ("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("proc/self/cgroup", "0::/system.slice/docker.service\n", None),
        ("proc/self/cgroup", "0::/system.slice/docker-compose.service\n", None),
        ("proc/self/cgroup", "0::/machine.slice/libpod-conmon-8f.scope\n", None),
        ("proc/self/cgroup", "0::/lxc.monitor.100\n", None),
        ("proc/self/cgroup", "0::/lxc\n", None),
        ("proc/self/cgroup", "broken", None),
        ("proc/self/cgroup", "12:devices:/docker/8f3a\n0::/docker/8f3a\n", "docker"),
        ("proc/self/cgroup", "0::/system.slice/docker-8f3a.scope\n", "docker"),
        ("proc/self/cgroup", "0::/machine.slice/libpod-8f3a.scope/container\n", "podman"),
        ("proc/self/cgroup", "0::/lxc.payload.frigate/system.slice\n", "lxc"),
        ("proc/self/cgroup", "4:devices:/lxc/100/ns\n", "lxc"),
        ("proc/self/cgroup", "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-8f.scope\n", "kubernetes"),
        ("run/systemd/container", "lxc\n", "lxc"),
        ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
        ("run/systemd/container", "Podman\n", "podman"),
        ("run/systemd/container", "something-new\n", "other"),
        ("run/systemd/container", "oci\n", "other"),
        ("run/systemd/container", "wsl\n", None),
        ("run/systemd/container", "", None),
        ("proc/1/environ", "PATH=/bin\0container=lxc\0TERM=linux\0", "lxc"),
        ("proc/1/environ", "PATH=/bin\0mycontainer=lxc\0container=\0", None),
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("run/secrets/kubernetes.io/serviceaccount/token", "x", "kubernetes"),
        ("proc/self/mountinfo", DOCKER_MOUNTS + LXCFS, "lxc"),
        ("proc/self/mountinfo", HOST_MOUNTS + HOST_LXCFS, None),
        ("proc/self/mountinfo", DOCKER_MOUNTS, None),
    ],
)
def test_containers(tmp_path: Path, path: str, content: str, expected: str | None) -> None:
    """Each mark by itself, and what looks like one on a host."""
    put(tmp_path, path, content)
    assert expected == kind(tmp_path)


def test_the_environment_tells(tmp_path: Path) -> None:
    """Managers leave variables; those of Kubernetes count most."""
    assert "kubernetes" == kind(tmp_path, KUBERNETES_SERVICE_HOST="10.0.0.1", container="docker")
    assert "podman" == kind(tmp_path, container="podman")
    assert kind(tmp_path) is None


def test_a_container_in_a_container(tmp_path: Path) -> None:
    """The control group of the process itself counts more than what the one around it left."""
    put(tmp_path, "run/systemd/container", "lxc\n")
    put(tmp_path, "proc/self/cgroup", "0::/system.slice/docker-8f3a.scope\n")
    assert "docker" == kind(tmp_path)


def test_a_named_manager_goes_before_marks(tmp_path: Path) -> None:
    """Podman leaves Docker's mark too; ``oci`` says no more than that it is a container."""
    put(tmp_path, ".dockerenv")
    put(tmp_path, "run/systemd/container", "podman\n")
    assert "podman" == kind(tmp_path)
    put(tmp_path, "run/systemd/container", "oci\n")
    assert "docker" == kind(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UID_MAP, False),
        ("0 100000 65536\n", True),
        ("0 1000 1\n1 100000 65536\n", True),
        ("", None),
        ("0 0\n", None),
        ("a b c\n", None),
        (None, None),
    ],
)
def test_user_namespace(tmp_path: Path, text: str | None, expected: bool | None) -> None:
    """The first namespace maps every number to itself; without ``/proc`` nothing is known."""
    if text is not None:
        put(tmp_path, "proc/self/uid_map", text)
    assert expected is in_user_namespace(Files(str(tmp_path)))


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, None),
        ({"sys/class/dmi/id/sys_vendor": "QEMU\n", "sys/class/dmi/id/product_name": "Standard PC (Q35)\n"}, "kvm"),
        ({"sys/class/dmi/id/product_name": "KVM\n"}, "kvm"),
        ({"sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "vmware"),
        ({"sys/class/dmi/id/sys_vendor": "innotek GmbH\n", "sys/class/dmi/id/product_name": "VirtualBox\n"}, "oracle"),
        ({"sys/class/dmi/id/sys_vendor": "Xen\n"}, "xen"),
        ({"sys/class/dmi/id/product_version": "Hyper-V UEFI Release v4.1\n"}, "microsoft"),
        (
            {
                "sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
                "sys/class/dmi/id/product_name": "Virtual Machine\n",
            },
            "microsoft",
        ),
        (
            {
                "sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
                "sys/class/dmi/id/product_name": "Surface Pro 7\n",
            },
            None,
        ),
        ({"sys/class/dmi/id/sys_vendor": "Oracle Corporation\n"}, None),
        ({"sys/class/dmi/id/sys_vendor": "Intel\n", "proc/cpuinfo": "processor : 0\nflags : fpu vme\n"}, None),
        ({"proc/cpuinfo": "processor : 0\nflags\t\t: fpu hypervisor lahf_lm\n"}, "other"),
        ({"proc/cpuinfo": "model name : my hypervisor\n"}, None),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "kvm"),
        ({"proc/device-tree/hypervisor/compatible": "xen,xen-4.16\0xen,xen\0"}, "xen"),
        ({"proc/device-tree/hypervisor/compatible": "brcm\0"}, None),
        ({"sys/hypervisor/type": "xen\n"}, "xen"),
        ({"sys/hypervisor/type": "xen\n", "proc/xen/capabilities": "control_d\n"}, None),
        ({"proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)\n"}, "microsoft"),
        ({"proc/version": "Linux version 4.4.0-19041-Microsoft\n"}, "microsoft"),
        ({"proc/version": "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n"}, None),
    ],
)
def test_virtual_machines(tmp_path: Path, marks: dict[str, str], expected: str | None) -> None:
    """By DMI, device tree, hypervisor and processor; the computers of the same makers are none."""
    for path, content in marks.items():
        put(tmp_path, path, content)
    assert expected == virtual_machine(Files(str(tmp_path)))


@pytest.mark.parametrize(
    ("version", "expected"), [("Linux version 5.15-microsoft-WSL2", True), ("Linux version 6.1", False), (None, None)]
)
def test_wsl(tmp_path: Path, version: str | None, expected: bool | None) -> None:
    """By the kernel's own text, where it can be read."""
    if version is not None:
        put(tmp_path, "proc/version", version)
    assert expected is is_wsl(Files(str(tmp_path)))


PLACES = (
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "proc/self/uid_map",
    "proc/1/environ",
    "run/systemd/container",
    "proc/cpuinfo",
    "proc/version",
    "sys/class/dmi/id/sys_vendor",
)


@given(st.dictionaries(st.sampled_from(PLACES), st.binary(max_size=80)))
def test_any_content(contents: dict[str, bytes]) -> None:
    """No content of any of the files is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in contents.items():
            put(Path(folder), path, content)
        files = Files(folder)
        found = mounts(files)
        assert container_kind(files, {}, found) in (
            None,
            "docker",
            "podman",
            "lxc",
            "kubernetes",
            "systemd-nspawn",
            "other",
        )
        assert usb_bus_live(found) in (True, False, None)
        assert in_user_namespace(files) in (True, False, None)
        assert virtual_machine(files) is None or virtual_machine(files)
