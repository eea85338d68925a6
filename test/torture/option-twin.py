# The other side of option-twin.js: getsockopt of libc on descriptor 3. A request is a line of three lists (levels, names,
# lengths); the answer has an int for each combination: the length that the kernel told, or -errno.
import array, ctypes, itertools, json, sys

libc = ctypes.CDLL(None, use_errno=True)
# Options that write more than they were asked for (option_rule.h) have room behind.
room = ctypes.create_string_buffer(1 << 17)
length = ctypes.c_uint32()

for line in sys.stdin:
    answer = array.array('i')
    for level, name, size in itertools.product(*json.loads(line)):
        ctypes.memset(room, 0, size)
        length.value = size
        ok = libc.getsockopt(3, level, name, room, ctypes.byref(length)) == 0
        answer.append(length.value if ok else -ctypes.get_errno())
    sys.stdout.buffer.write(answer.tobytes())
    sys.stdout.buffer.flush()
