"""libpcap as the judge of filters: compiles expressions, optimized and not, and reports which packets match.

Reads a JSON list of objects: dlt, netmask (a number or null), expressions, packets (base64), programs (whether to print
them). Prints a list of lists: for each expression {"error"} or {"counts": [optimized, plain], "programs", "verdicts": base64 of bits}.
"""
import base64
import ctypes
import json
import sys

lib = ctypes.CDLL("libpcap.so.0.8")
lib.pcap_open_dead.restype = ctypes.c_void_p
lib.pcap_geterr.restype = ctypes.c_char_p
lib.pcap_geterr.argtypes = [ctypes.c_void_p]


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.POINTER(Instruction))]


class Header(ctypes.Structure):
    _fields_ = [("time", ctypes.c_long * 2), ("caplen", ctypes.c_uint32), ("len", ctypes.c_uint32)]


lib.pcap_compile.argtypes = [ctypes.c_void_p, ctypes.POINTER(Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32]
lib.pcap_freecode.argtypes = [ctypes.POINTER(Program)]
lib.pcap_offline_filter.argtypes = [ctypes.POINTER(Program), ctypes.POINTER(Header), ctypes.c_char_p]


def verdicts(program, packets):
    run, reference = lib.pcap_offline_filter, ctypes.byref(program)
    bits = "".join("1" if run(reference, header, data) else "0" for header, data, _ in packets)
    return base64.b64encode(int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")).decode()


def answer_of(handle, netmask, expression, packets, programs):
    answer = {"counts": [], "verdicts": [], "programs": []}
    for optimize in (1, 0):
        program = Program()
        if lib.pcap_compile(handle, ctypes.byref(program), expression.encode(), optimize, netmask) != 0:
            # The optimizer fails when it finds that no packet can match; without it, the expression compiles.
            error = lib.pcap_geterr(handle).decode()
            if optimize and "rejects all packets" in error:
                answer["rejects"] = True
                continue
            return {"error": error}
        answer["counts"].append(program.length)
        if programs:
            one = program.instructions
            answer["programs"].append([[one[i].code, one[i].jt, one[i].jf, one[i].k] for i in range(program.length)])
        answer["verdicts"].append(verdicts(program, packets))
        lib.pcap_freecode(ctypes.byref(program))
    return answer


def answers(asked):
    handle = lib.pcap_open_dead(asked["dlt"], 262144)
    netmask = 0xFFFFFFFF if asked["netmask"] is None else asked["netmask"]
    packets = []
    for text in asked["packets"]:
        data = base64.b64decode(text)
        header = Header(caplen=len(data), len=len(data))
        packets.append((ctypes.pointer(header), data, header))
    return [answer_of(handle, netmask, one, packets, asked["programs"]) for one in asked["expressions"]]


print(json.dumps([answers(asked) for asked in json.load(sys.stdin)]))
