"""What this process runs inside: a container, a user namespace, a virtual machine.

Sources: systemd's ``src/basic/virt.c`` (marks of containers and virtual machines, DMI strings), the container interface
of systemd (``/run/systemd/container``), user_namespaces(7), proc(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import ContainerKind

USB_BUS = "/dev/bus/usb"

_SMALL = 1 << 16
_FULL_RANGE = 0xFFFFFFFF

_CONTAINERS: dict[str, ContainerKind] = {
    "docker": "docker",
    "podman": "podman",
    "lxc": "lxc",
    "lxc-libvirt": "lxc",
    "systemd-nspawn": "systemd-nspawn",
    "kubernetes": "kubernetes",
    "kube": "kubernetes",
}

_DMI_FILES = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")
_DMI_STARTS = (
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("QEMU", "kvm"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
)


class Mount(NamedTuple):
    """One line of ``/proc/self/mountinfo``."""

    point: str
    kind: str


def mounts(files: Files) -> list[Mount]:
    """The mounts that this process sees, later ones covering earlier ones."""
    return list(parse_mounts(files.text("/proc/self/mountinfo") or ""))


def parse_mounts(text: str) -> Iterator[Mount]:
    """Mount point and file system of each line (proc(5)); lines of another form are passed over."""
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if dash and len(fields) >= 5 and kinds:
            yield Mount(_unescaped(fields[4]), kinds[0])


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def usb_bus_live(found: list[Mount]) -> bool | None:
    """Whether ``/dev/bus/usb`` is the kernel's own device folder (devtmpfs), to which new nodes come by themselves.

    A container engine that maps devices makes the nodes of that moment in a folder of its own.
    """
    above = [mount for mount in found if mount.point == "/" or f"{USB_BUS}/".startswith(f"{mount.point}/")]
    if not above:
        return None
    # The last of equals is the one on top.
    return max(reversed(above), key=lambda mount: len(mount.point)).kind == "devtmpfs"


def container_kind(files: Files, environment: Mapping[str, str], found: list[Mount]) -> ContainerKind | None:
    """The container this process runs in; ``None`` outside of one."""
    if environment.get("KUBERNETES_SERVICE_HOST") or files.exists("/run/secrets/kubernetes.io"):
        return "kubernetes"
    named = _named(files, environment)
    found_kind = _from_control_groups(files.text("/proc/self/cgroup", _SMALL) or "")
    # WSL's distributions are containers by systemd's count; here they are a virtual machine.
    if found_kind is None and named not in (None, "oci", "wsl"):
        found_kind = _CONTAINERS.get(named or "", "other")
    return found_kind or _from_marks(files, found) or ("other" if named == "oci" else None)


def _from_marks(files: Files, found: list[Mount]) -> ContainerKind | None:
    if files.exists("/.dockerenv"):
        return "docker"
    if files.exists("/run/.containerenv"):
        return "podman"
    # LXC covers files of /proc, so that they show the container's share.
    is_lxc = any(mount.kind == "fuse.lxcfs" and mount.point.startswith("/proc/") for mount in found)
    return "lxc" if is_lxc else None


def _named(files: Files, environment: Mapping[str, str]) -> str | None:
    """The name that the container's manager left."""
    name = files.text("/run/systemd/container", _SMALL)
    if name is None or not name.strip():
        variables = files.text("/proc/1/environ", _SMALL) or ""
        name = next((each[10:] for each in variables.split("\0") if each.startswith("container=")), None)
    name = name or environment.get("container")
    return name.strip().lower() if name and name.strip() else None


def _from_control_groups(text: str) -> ContainerKind | None:
    """By the control group's path, where the container sees it whole."""
    for line in text.splitlines():
        parts = line.rpartition(":")[2].split("/")
        for index, part in enumerate(parts):
            kind = _from_part(part, is_last=index == len(parts) - 1)
            if kind is not None:
                return kind
    return None


def _from_part(part: str, *, is_last: bool) -> ContainerKind | None:
    if part.startswith("kubepods"):
        return "kubernetes"
    # docker.service and docker-compose.service are services of the host.
    if (part == "docker" and not is_last) or (part.startswith("docker-") and part.endswith(".scope")):
        return "docker"
    if part.startswith("libpod-") and not part.startswith("libpod-conmon"):
        return "podman"
    if part.startswith("lxc.payload") or (part == "lxc" and not is_last):
        return "lxc"
    return None


def in_user_namespace(files: Files) -> bool | None:
    """Whether user numbers are mapped (user_namespaces(7)): the first namespace maps all of them to themselves."""
    lines = (files.text("/proc/self/uid_map", _SMALL) or "").split("\n")
    fields = lines[0].split()
    if len(fields) != 3 or not all(field.isdecimal() for field in fields):
        return None
    return [int(field) for field in fields] != [0, 0, _FULL_RANGE]


def is_wsl(files: Files) -> bool | None:
    """Whether this is the Windows Subsystem for Linux, by the kernel's version text."""
    version = files.text("/proc/version", _SMALL)
    return None if version is None else "microsoft" in version.lower()


def virtual_machine(files: Files) -> str | None:
    """The kind of virtual machine, in the names of ``systemd-detect-virt``; ``other`` where only its mark is seen."""
    if is_wsl(files):
        return "microsoft"
    if "control_d" in (files.text("/proc/xen/capabilities", _SMALL) or ""):
        return None  # the domain that owns the hardware
    if (files.text("/sys/hypervisor/type", _SMALL) or "").strip() == "xen":
        return "xen"
    return _from_dmi(files) or _from_device_tree(files) or ("other" if _has_hypervisor_flag(files) else None)


def _from_dmi(files: Files) -> str | None:
    texts = {name: (files.text(f"/sys/class/dmi/id/{name}", _SMALL) or "").strip() for name in _DMI_FILES}
    # Microsoft's own computers bear its name as well.
    if texts["sys_vendor"] == "Microsoft Corporation" and texts["product_name"] == "Virtual Machine":
        return "microsoft"
    for text in texts.values():
        for start, kind in _DMI_STARTS:
            if text.startswith(start):
                return kind
    return None


def _from_device_tree(files: Files) -> str | None:
    compatible = files.text("/proc/device-tree/hypervisor/compatible", _SMALL) or ""
    for word, kind in (("linux,kvm", "kvm"), ("xen", "xen"), ("vmware", "vmware")):
        if word in compatible:
            return kind
    return None


def _has_hypervisor_flag(files: Files) -> bool:
    for line in (files.text("/proc/cpuinfo", _SMALL) or "").splitlines():
        if line.startswith("flags"):
            return "hypervisor" in line.split()
    return False
