# The other side of option-twin.js: calls getsockopt of libc on file descriptor 3. A request is a line of three lists
# (levels, names, lengths); the answer holds an int for each combination: the length that the kernel
# returned, or -errno.
import array, ctypes, itertools, json, sys

libc = ctypes.CDLL(None, use_errno=True)
# The buffer is large because some options write more than the given length (option_rule.h).
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
