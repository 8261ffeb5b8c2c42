"""Names for places, as a person would say them."""

from __future__ import annotations

from etpu_doctor.topology.identity import id_text
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode


def speed_text(speed_mbps: float | None) -> str:
    """``5 Gb/s``, ``480 Mb/s``, ``1.5 Mb/s``."""
    if speed_mbps is None:
        return "an unknown speed"
    if speed_mbps >= 1000:
        return f"{speed_mbps / 1000:g} Gb/s"
    return f"{speed_mbps:g} Mb/s"


def bus_text(hub: UsbNode) -> str:
    """``bus 2``, ``bus ?``."""
    return f"bus {'?' if hub.device.busnum is None else hub.device.busnum}"


def hub_text(hub: UsbNode) -> str:
    """``hub 2-1 (2109:0817)``, ``the host's own ports (bus 2)``."""
    if hub.is_root:
        return f"the host's own ports ({bus_text(hub)})"
    identity = id_text(hub.device.vendor_id, hub.device.product_id)
    return f"hub {hub.id} ({identity})" if identity else f"hub {hub.id}"


def port_text(hub: UsbNode, port: int | None) -> str:
    """``port 2 of hub 2-1 (2109:0817)``, ``root port 3 of bus 2``."""
    number = "?" if port is None else port
    if hub.is_root:
        return f"root port {number} of {bus_text(hub)}"
    return f"port {number} of {hub_text(hub)}"


def tpu_text(tpu: EdgeTpu) -> str:
    """``Edge TPU 2-1.4``, ``possible Edge TPU 2-1.4``."""
    name = "Possible Edge TPU" if tpu.state == "possible" else "Edge TPU"
    return f"{name} {tpu.id}"


def place_text(machine: Machine, tpu: EdgeTpu) -> str:
    """Where a USB Edge TPU is plugged."""
    node = machine.usb.get(tpu.id)
    hub = machine.usb.get(node.parent) if node is not None and node.parent else None
    return port_text(hub, node.port if node else None) if hub is not None else "a port that the evidence does not show"


def join_words(words: list[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
