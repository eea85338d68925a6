/**
 * File descriptors that the last recvmsg or recvmmsg received. They belong to the environment until they have been handed over
 * to the program. A receipt identifies them. Their numbers in the control data do not, because the control data is memory of
 * the program, which another thread or any code that ran since the call may have overwritten.
 *
 * The receipt is `out[OUT_RECEIPT_HIGH]! * TWO_32 + (out[OUT_RECEIPT_LOW]! >>> 0)`, or `NONE` if no file descriptor was
 * received. For a batch, this is the receipt of message 0, and the receipt of message i is larger by i. The expression is
 * evaluated right after the call, and inline. A function call could overflow the stack, and then the file descriptors could
 * not be closed.
 */

export const TWO_32 = 0x1_0000_0000;

export const NONE = 0;
