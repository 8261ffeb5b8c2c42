"""The PCIe driver (gasket and apex) as the live host shows it: loaded, installed, built, allowed."""

from __future__ import annotations

from typing import NamedTuple

from etpu_doctor.evidence.dkms import read_dkms
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.driver import DkmsState, Driver, KernelModule, ModuleOrigin
from etpu_doctor.facts.evidence import Missing

NAMES = ("gasket", "apex")
"""apex drives the chip and needs gasket; both are built together."""

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""The variable's GUID is EFI_GLOBAL_VARIABLE of the UEFI specification."""

_MODULE_ROOTS = ("/lib/modules", "/usr/lib/modules", "/run/booted-system/kernel-modules/lib/modules")
_FOLDERS = ("updates/dkms", "updates", "extra", "extra/gasket", "weak-updates", "kernel/drivers/staging/gasket", "misc")
_SUFFIXES = (".ko", ".ko.zst", ".ko.xz", ".ko.gz")
_IN_TREE = "kernel/drivers/staging/gasket/"
_MODPROBE_FOLDERS = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_MODPROBE_LIMIT_BYTES = 1 << 18
_MODPROBE_FILES_LIMIT = 200
_TELLING = (
    "amd_iommu",
    "apex.",
    "efi",
    "gasket.",
    "ima_",
    "intel_iommu",
    "iommu",
    "lockdown",
    "modprobe.blacklist",
    "module.",
    "module_blacklist",
    "pci",
    "swiotlb",
    "usbcore.",
    "vfio",
    "xhci",
)
"""How the words of the command line begin whose values bear on devices and drivers."""

_DOES_NOTHING = ("/bin/true", "/bin/false", "/usr/bin/true", "/usr/bin/false", "true", "false", ":")


def read_driver(files: Files, kernel_release: str | None) -> tuple[Driver, list[Missing]]:
    """Everything around the driver, and what could not be read.

    ``kernel_release`` is the running kernel's (``uname -r``); without it nothing is known of its modules.
    """
    folder = _module_folder(files, kernel_release)
    dkms, missing = read_dkms(files)
    kernel = _kernel(files, folder, dkms, kernel_release)
    words = _command_line(files)
    secure_boot = _secure_boot(files)
    driver = Driver(
        modules=tuple(_module(files, name, kernel) for name in NAMES),
        dkms=dkms,
        headers_present=_headers(files, folder, kernel_release),
        secure_boot=secure_boot,
        lockdown=_lockdown(files),
        signatures_enforced=_signatures_enforced(files),
        command_line=words,
        blacklisted_in=tuple(_blacklisted(files, words or ())),
    )
    return driver, [*missing, *_missing(files, folder, kernel_release, secure_boot)]


def _module_folder(files: Files, release: str | None) -> str | None:
    """The folder of the running kernel's modules; ``None`` where it is not there (a container has its own ``/lib``)."""
    if not release or "/" in release or release.startswith("."):
        return None
    candidates = (f"{root}/{release}" for root in _MODULE_ROOTS)
    return next((folder for folder in candidates if files.exists(folder)), None)


class _Kernel(NamedTuple):
    """Where the running kernel's modules are: their folder, its two lists, and whether DKMS installed into it."""

    folder: str | None
    listing: bytes | None
    builtin: bytes | None
    dkms: bool


def _kernel(files: Files, folder: str | None, dkms: DkmsState | None, release: str | None) -> _Kernel:
    listing = files.read(f"{folder}/modules.dep") if folder else None
    builtin = files.read(f"{folder}/modules.builtin") if folder else None
    installed = dkms is not None and dkms.status.get(release or "") == "installed"
    return _Kernel(folder, listing, builtin, installed)


def _module(files: Files, name: str, kernel: _Kernel) -> KernelModule:
    listed = listed_path(kernel.listing, name) if kernel.listing is not None else None
    path = listed or (_unlisted(files, kernel.folder, name) if kernel.folder is not None else None)
    path = path.removeprefix(f"{kernel.folder}/") if path is not None else None  # Old lists give whole paths.
    has_list = files.names("/sys/module") is not None
    return KernelModule(
        name=name,
        loaded=files.exists(f"/sys/module/{name}") if has_list else None,
        version=_word(files.text(f"/sys/module/{name}/version", 4096)),
        in_modules_dep=None if kernel.listing is None else listed is not None,
        file=f"{kernel.folder}/{path}" if path is not None else None,
        origin=_origin(path, name, kernel),
    )


def listed_path(listing: bytes, name: str) -> str | None:
    """The path that ``modules.dep`` gives for a module, below the folder of its kernel."""
    needle = f"{name}.ko".encode()
    at = listing.find(needle)
    while at >= 0:
        begin = listing.rfind(b"\n", 0, at) + 1
        end = listing.find(b"\n", at)
        end = len(listing) if end < 0 else end
        path = listing[begin:end].partition(b":")[0]
        if path.rpartition(b"/")[2].startswith(needle):
            return path.decode("utf-8", "replace").strip() or None
        at = listing.find(needle, end)
    return None


def _unlisted(files: Files, folder: str, name: str) -> str | None:
    paths = (f"{place}/{name}{suffix}" for place in _FOLDERS for suffix in _SUFFIXES)
    return next((path for path in paths if files.exists(f"{folder}/{path}")), None)


def _origin(path: str | None, name: str, kernel: _Kernel) -> ModuleOrigin | None:
    if path is None:
        return "in-tree" if kernel.builtin is not None and listed_path(kernel.builtin, name) is not None else None
    if path.startswith(_IN_TREE):
        return "in-tree"
    # Where DKMS puts modules is the distribution's choice; Fedora and its kin take extra/.
    return "dkms" if path.startswith("updates/dkms/") or kernel.dkms else "other"


def _word(text: str | None) -> str | None:
    return (text or "").strip() or None


def _headers(files: Files, folder: str | None, release: str | None) -> bool | None:
    """Whether a module can be built: the headers' top Makefile is there."""
    if folder is None:
        return None
    target = files.link(f"{folder}/build")
    # A link from the root of the file system; below another root it must be followed there.
    build = target if target is not None and target.startswith("/") else f"{folder}/build"
    places = (build, f"/usr/src/linux-headers-{release}", f"/usr/src/kernels/{release}")
    return any(files.exists(f"{place}/Makefile") for place in places)


def _secure_boot(files: Files) -> bool | None:
    """The last byte of the variable; before it stand four bytes of attributes (Linux ``efivarfs``).

    A machine that was not started by UEFI has no Secure Boot. Containers often hide all of ``/sys/firmware``.
    """
    content = files.read(SECURE_BOOT, 16)
    if content is not None and len(content) == 5:
        return content[4] == 1
    if not files.exists("/sys/firmware/efi") and files.names("/sys/firmware"):
        return False
    return None


def _lockdown(files: Files) -> str | None:
    """``[none] integrity confidentiality``: the one in brackets."""
    for word in (files.text("/sys/kernel/security/lockdown", 4096) or "").split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1] or None
    return None


def _signatures_enforced(files: Files) -> bool | None:
    word = _word(files.text("/sys/module/module/parameters/sig_enforce", 64))
    return {"Y": True, "1": True, "N": False, "0": False}.get(word or "")


def _command_line(files: Files) -> tuple[str, ...] | None:
    text = files.text("/proc/cmdline", 1 << 16)
    return None if text is None else tuple(command_words(text))


def command_words(text: str) -> list[str]:
    """The kernel's own words of a command line, with the values of those that bear on devices and drivers.

    Other values (disks, addresses, passwords of network disks, credentials) are replaced by ``…``: no rule needs them,
    and evidence is passed on. What follows ``--`` is for init. Double quotes hold blanks together (``lib/cmdline.c``).
    """
    words: list[str] = []
    for number, part in enumerate(text.split('"')):
        # Odd parts stand in quotes: they go on with the word before, as does what follows without a blank.
        pieces = [part] if number % 2 else part.split()
        if number and words and pieces and not (number % 2 == 0 and part[:1].isspace()):
            words[-1] += pieces.pop(0)
        words += pieces
        if number % 2 == 0 and part[-1:].isspace():
            words.append("")
    own = words[: words.index("--")] if "--" in words else words
    return [_without_secret(word) for word in own if word]


def _without_secret(word: str) -> str:
    key, mark, _ = word.partition("=")
    return word if not mark or key.startswith(_TELLING) else f"{key}=…"


def _blacklisted(files: Files, command_line: tuple[str, ...]) -> list[str]:
    """Places that keep apex from being loaded (``modprobe.d(5)``). To blacklist gasket alone does not."""
    found: list[str] = []
    for path in _modprobe_files(files):
        text = files.text(path, _MODPROBE_LIMIT_BYTES) or ""
        if "apex" in text or "gasket" in text:
            found += [f"{path}:{number}" for number, line in enumerate(text.split("\n"), start=1) if forbids(line)]
    if any(_word_forbids(word) for word in command_line):
        found.append("/proc/cmdline")
    return found


def forbids(line: str) -> bool:
    """Whether a line of ``modprobe.d`` keeps apex from being loaded."""
    words = line.split()
    if words[:2] == ["blacklist", "apex"]:
        return True
    return len(words) > 2 and words[0] == "install" and words[1] in NAMES and words[2] in _DOES_NOTHING


def _word_forbids(word: str) -> bool:
    key, _, value = word.partition("=")
    names = value.split(",")
    if key == "module_blacklist":  # The kernel itself refuses these (admin-guide/kernel-parameters.txt).
        return not set(NAMES).isdisjoint(names)
    return key == "modprobe.blacklist" and "apex" in names


def _modprobe_files(files: Files) -> list[str]:
    """Configuration files in the order of the folders; one of the same name in an earlier folder replaces a later."""
    found: dict[str, str] = {}
    for folder in _MODPROBE_FOLDERS:
        for name in files.names(folder) or ():
            if name.endswith(".conf"):
                found.setdefault(name, f"{folder}/{name}")
    return list(found.values())[:_MODPROBE_FILES_LIMIT]


def _missing(files: Files, folder: str | None, release: str | None, secure_boot: bool | None) -> list[Missing]:
    missing = []
    if folder is None:
        why = f"/lib/modules/{release} is not there; a container has a /lib of its own"
        if not release:
            why = "the kernel's release is not known"
        missing.append(Missing(what="kernel modules of the running kernel", why=why, how="on the host: modinfo apex"))
    if secure_boot is None:
        why = files.refused.get(SECURE_BOOT, "the firmware's variables are not shown here")
        missing.append(Missing(what="Secure Boot state", why=why, how="mokutil --sb-state"))
    return missing
