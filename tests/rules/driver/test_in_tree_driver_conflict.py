"""ETD504: the kernel's old driver."""

from __future__ import annotations

from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.driver.in_tree_driver_conflict import check
from tests.support.driver import ADDRESS, FOLDER, absent, dkms, driver, idle, installed, judged, log
from tests.support.facts import card, root, steps, tpu, values


def node(**attributes: str) -> ApexNode:
    """The kernel's node of the card, with its place."""
    place = (Seen("sysfs", "/devices/x/apex/apex_0"),)
    return ApexNode(name="apex_0", pci_address=ADDRESS, attributes=attributes, seen=place)


def both(origin: str, **fields: object) -> object:
    """Both modules of one origin."""
    return driver(*(installed(name, origin=origin, **fields) for name in ("gasket", "apex")))  # type: ignore[arg-type] # a plain str


def test_the_old_driver_at_work() -> None:
    """The card works, and its node tells that the driver is the old one."""
    (found,) = judged(check, card(ADDRESS), node(driver_version="1.0"), driver=both("in-tree", loaded=True))
    assert ("warning", "certain", ADDRESS) == (found.severity, found.confidence, found.subject)
    assert f"The kernel's own old driver (staging, 1.0) serves Edge TPU {ADDRESS}" == found.title
    assert {
        "driver_version of apex_0": "1.0",
        "module apex": "in-tree",
    } == values(found)
    assert f"{FOLDER}/kernel/drivers/staging/gasket/apex.ko" == found.facts[1].where
    assert "Install gasket-dkms" in steps(found)[0]


def test_from_a_capture_without_the_driver() -> None:
    """The node alone is enough."""
    (found,) = judged(check, card(ADDRESS), node(driver_version="1.0"))
    assert "certain" == found.confidence


def test_sources_are_there() -> None:
    """Where DKMS has the sources, they are built."""
    state = driver(
        installed("gasket", origin="in-tree"), installed(origin="in-tree", version="1.0", loaded=True), dkms=dkms()
    )
    (found,) = judged(check, card(ADDRESS), driver=state)
    assert "sudo dkms autoinstall" in steps(found)[0]
    assert "1.0" == values(found)["version of the loaded module"]


def test_the_old_one_would_be_loaded() -> None:
    """Not loaded yet: likely."""
    (found,) = judged(check, idle(), driver=both("in-tree"))
    assert ("warning", "likely") == (found.severity, found.confidence)


def test_the_old_one_is_loaded_and_the_new_one_installed() -> None:
    """The initial RAM disk may hold it: it is made anew."""
    (found,) = judged(check, card(ADDRESS), node(driver_version="1.0"), driver=both("dkms", loaded=True))
    assert "is loaded although the newer one is installed" in found.title
    assert "initramfs" in steps(found)[0]


def test_a_maker_s_later_driver() -> None:
    """A driver in the kernel that shows a temperature is a later one."""
    nodes = node(driver_version="1.0", temp="41800")
    assert [] == judged(check, card(ADDRESS), nodes, driver=both("in-tree", loaded=True))


def test_mixed() -> None:
    """Modules of two origins do not fit: an error, with both files."""
    state = driver(installed("gasket", origin="in-tree"), installed(origin="dkms"))
    (found,) = judged(check, idle(), driver=state)
    assert ("error", "certain") == (found.severity, found.confidence)
    assert {"module gasket": "in-tree", "module apex": "dkms"} == values(found)
    assert [] == judged(check, idle(), driver=driver(installed("gasket", origin="other"), installed(origin="dkms")))


def test_the_log_says_so() -> None:
    """Unknown symbols, or a number that is taken: two builds at odds."""
    lines = log(("gasket-number-taken", "in-tree-driver-conflict"))
    for facts in ((idle(),), ()):
        (found,) = judged(check, *facts, kernel_log=lines, covers=("pci",) if facts else ())
        assert ("error", "likely") == (found.severity, found.confidence)
    assert [] == judged(check, card(ADDRESS), kernel_log=lines)


def test_silence() -> None:
    """The new driver, none at all, no card, and a card of another address."""
    assert [] == judged(check, card(ADDRESS), node(driver_version="1.2", temp="40000"), driver=both("dkms"))
    assert [] == judged(check, idle(), driver=driver(absent("gasket"), absent()))
    assert [] == judged(check, root(2), tpu("2-1"), driver=both("in-tree"))
    assert [] == judged(check, card(ADDRESS, driver="vfio-pci"), driver=both("in-tree"))
    assert [] == judged(check, card("0000:04:00.0"), node(driver_version="1.0"))
