# A reader that uses scapy: scapy_reader.py <interface>. When its standard input ends, it prints packets, bytes and 0,
# because scapy does not count drops.
import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import AsyncSniffer  # noqa: E402

packets = 0
size = 0


def look(packet):
    global packets, size
    packets += 1
    size += len(packet)


sniffer = AsyncSniffer(
    iface=sys.argv[1], store=False, prn=look, started_callback=lambda: print("ready", flush=True)
)
sniffer.start()
sys.stdin.read()
sniffer.stop()
print(packets, size, 0)
