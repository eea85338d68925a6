"""Prints the devices of pcap_findalldevs(3PCAP), and the link types of those that can be opened, as JSON."""
import ctypes
import json
import socket

lib = ctypes.CDLL("libpcap.so.0.8")


class Device(ctypes.Structure):
    pass


class Entry(ctypes.Structure):
    pass


Address = ctypes.POINTER(ctypes.c_ubyte)
Entry._fields_ = [("next", ctypes.POINTER(Entry))] + [(n, Address) for n in ("address", "netmask", "broadcast", "peer")]
Device._fields_ = [
    ("next", ctypes.POINTER(Device)),
    ("name", ctypes.c_char_p),
    ("description", ctypes.c_char_p),
    ("addresses", ctypes.POINTER(Entry)),
    ("flags", ctypes.c_uint32),
]
lib.pcap_create.restype = ctypes.c_void_p
lib.pcap_create.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
for name in ("pcap_activate", "pcap_datalink", "pcap_close"):
    getattr(lib, name).argtypes = [ctypes.c_void_p]


def text(address):
    """Returns an IPv4 or IPv6 address as text, None if there is no address, False if it has another family."""
    if not address:
        return None
    family = address[0] | address[1] << 8
    if family == socket.AF_INET:
        return socket.inet_ntop(family, bytes(address[4:8]))
    return socket.inet_ntop(family, bytes(address[8:24])) if family == socket.AF_INET6 else False


def each(pointer):
    while pointer:
        yield pointer.contents
        pointer = pointer.contents.next


def linktype(name):
    handle = lib.pcap_create(name, ctypes.create_string_buffer(256))
    known = lib.pcap_datalink(handle) if lib.pcap_activate(handle) >= 0 else None
    lib.pcap_close(handle)
    return known


first = ctypes.POINTER(Device)()
if lib.pcap_findalldevs(ctypes.byref(first), ctypes.create_string_buffer(256)) != 0:
    raise OSError("pcap_findalldevs")
print(json.dumps([
    {
        "name": device.name.decode(),
        "loopback": bool(device.flags & 1),
        "up": bool(device.flags & 2),
        "running": bool(device.flags & 4),
        "linktype": linktype(device.name),
        "addresses": [
            {key: text(getattr(entry, key)) for key in ("address", "netmask", "broadcast", "peer")}
            for entry in each(device.addresses)
            if text(entry.address)
        ],
    }
    for device in each(first)
]))
