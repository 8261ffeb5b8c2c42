"""Which host controller a USB bus belongs to, and the full sysfs path that follows from it."""

from __future__ import annotations

import msgspec

from etpu_doctor.topology.machine import Machine, UsbNode

_USB_CONTROLLER_CLASS = 0x0C03

_PCI_DRIVERS = {"xhci_hcd": 0x30, "ehci-pci": 0x20, "ehci_hcd": 0x20, "ohci-pci": 0x10, "uhci_hcd": 0x00}
"""Driver of a root hub on a PCI controller, and the programming interface of the controllers it serves."""

_MOST_BUSES = 2


def attach_controllers(machine: Machine) -> None:
    """Note the root hubs of every controller; where a listing does not say, the only one that fits is taken."""
    for name in machine.usb_roots:
        root = machine.usb[name]
        controller = root.device.controller or _only_candidate(machine, root)
        if controller is None:
            continue
        if root.device.controller is None:
            root.device = msgspec.structs.replace(root.device, controller=controller)
        machine.roots_of_controller.setdefault(controller, []).append(name)


def _only_candidate(machine: Machine, root: UsbNode) -> str | None:
    """The controller of a root hub if the PCI listing has exactly one of its kind."""
    interface = _PCI_DRIVERS.get(root.device.root_driver or "")
    if interface is None or not machine.covers("pci"):
        return None
    candidates = [
        node.id
        for node in machine.pci.values()
        if node.function.class_code == _USB_CONTROLLER_CLASS and node.function.prog_if in (interface, None)
    ]
    alike = [name for name in machine.usb_roots if machine.usb[name].device.root_driver == root.device.root_driver]
    # An xHCI controller has two buses; more of them mean that the PCI listing was cut to a part.
    return candidates[0] if len(candidates) == 1 and len(alike) <= _MOST_BUSES else None


def controller_path(machine: Machine, controller: str) -> tuple[str, ...] | None:
    """Components of a PCI controller's path below ``/sys``; ``None`` where the bridges above are not known."""
    node = machine.pci.get(controller)
    if node is None:
        return None
    above = [bridge.id for bridge in machine.pci_ancestors(controller)]
    top = above[-1] if above else controller
    domain, _, rest = top.partition(":")
    bus = rest.partition(":")[0]
    function = machine.pci[top].function
    if function.parent is not None or (bus != "00" and not function.parent_known):
        return None  # A bus other than the root's, and no bridge in the listing leads to it.
    return ("", "devices", f"pci{domain}:{bus}", *reversed(above), controller)


def usb_path(machine: Machine, node: UsbNode) -> tuple[str, ...] | None:
    """Components of a USB device's path below ``/sys``, as libudev sorts it; ``None`` where it is not known."""
    device = node.device
    if device.sysfs_devpath is not None:
        return tuple(device.sysfs_devpath.split("/"))
    root = machine.usb.get(f"usb{device.busnum}")
    controller = root.device.controller if root is not None else None
    path = controller_path(machine, controller) if controller is not None else None
    return None if path is None else (*path, *bus_path(device.busnum, device.port_chain or ()))


def bus_path(busnum: int | None, chain: tuple[int, ...]) -> tuple[str, ...]:
    """The part of the path that bus and port chain fix: ``("usb2", "2-1", "2-1.4")``."""
    names = [f"{busnum}-{'.'.join(map(str, chain[: depth + 1]))}" for depth in range(len(chain))]
    return (f"usb{busnum}", *names)
