"""A healthy listing stays healthy whatever people ask or tell beside it: no word of a question is a fault."""

from __future__ import annotations

import pytest

from tests.support.tickets import report_of

SUPERSPEED_LIST = """\
$ lsusb
Bus 004 Device 003: ID 18d1:9302 Google Inc.
Bus 004 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
Bus 003 Device 002: ID 046d:c52b Logitech, Inc. Unifying Receiver
Bus 003 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub
"""
TREE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 2: Dev 3, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
Bus 002 Device 003: ID 18d1:9302 Google Inc.
"""
CARD = """\
02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]
\tKernel driver in use: apex
\tKernel modules: apex
crw-rw---- 1 root apex 120, 0 Jan  6 18:22 /dev/apex_0
"""
FRIGATE = """\
frigate.detectors.plugins.edgetpu_tfl INFO    : Attempting to load TPU as usb
frigate.detectors.plugins.edgetpu_tfl INFO    : TPU found
    devices:
      - /dev/bus/usb:/dev/bus/usb
"""
FRESH = """\
Bus 002 Device 002: ID 1a6e:089a Global Unichip Corp.
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
"""
BLOCKS = {"list": SUPERSPEED_LIST, "tree": TREE, "card": CARD, "frigate": FRIGATE, "fresh": FRESH}

SENTENCES = """\
Should I buy a powered hub for a second stick?
Will it get too hot without a fan in summer?
Is USB 2 good enough for one camera?
Should I disable autosuspend for it?
Do I need udev rules in Docker?
Can two programs share one stick?
Which is better, std or max?
Documenting my setup before I move everything to a new server.
Works since two years without a single reboot.
Running in an LXC container on Proxmox, passed through the whole bus.
Is it possible to pass it to a VM instead of the container?
What happens after a kernel upgrade, do I have to rebuild gasket?
I want to swap the short cable for a 2 m one, any experience?
The camera in the garage is offline sometimes, that is a Wi-Fi problem.
My NVR has an SSD and a HDD, both on SATA.
The old Hailo card was slower, glad I switched.
ffmpeg crashes from time to time, but that is a different story.
Kann ich den Stick auch in einer VM nutzen?
Brauche ich einen Lüfter für die M.2-Karte?
Die Kamera am Tor fällt manchmal aus, der Coral läuft.
Est-ce que je dois changer de câble pour 3 m ?
Tout fonctionne, je partage ma configuration.
¿Puedo usar otro puerto sin perder nada?
Posso usare un hub passivo?
Funciona bem, obrigado a todos.
Werkt prima, alleen een vraag over de temperatuur.
Wszystko działa, pytanie o drugi model.
Всё работает, вопрос про вторую камеру.
一切正常。只是想问一下能不能再加一个。
問題なく動作しています。設定を共有します。
잘 작동합니다. 설정을 공유합니다.
Everything is fine now, the problem was my camera password.
Detection is fast, but the recordings are slow to load in the browser.
The web interface hangs sometimes, Coral inference is 8 ms.
I am root on this machine, so no permission trouble.
Replaced the power supply of the NAS last week, all good.
My second PC has the same stick and it works there too.""".splitlines()


@pytest.mark.parametrize("layout", ["before", "after"])
@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_no_sentence_makes_a_healthy_listing_ill(block: str, layout: str) -> None:
    """Questions and remarks beside a listing without fault give no finding of fault."""
    for sentence in SENTENCES:
        listing = BLOCKS[block]
        text = f"{sentence}\n\n{listing}" if layout == "before" else f"{listing}\n{sentence}\n8.9 ms\n"
        report = report_of(text)
        loud = [finding.title for finding in report.findings if finding.severity in ("error", "warning")]
        assert ("healthy", []) == (report.diagnosis.cause, loud), sentence
