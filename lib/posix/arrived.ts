/**
 * Descriptors that the last recvmsg or recvmmsg brought. They belong to the environment until the program has been given
 * them. They are known by a receipt, not by their numbers in the control data, which are the program's memory: another
 * thread may have written over them, and so may whatever ran since the call.
 *
 * The receipt is `out[RECEIPT_HIGH]! * TWO_32 + (out[RECEIPT_LOW]! >>> 0)`, or `NONE` when no descriptor came. Of a batch
 * it is that of message 0; that of message i is i more. It is read right after the call, and in place: a function could
 * run into the end of the stack, and then nobody would know what to close.
 */

/** Places in `out`: native/rights.h has the same. */
export const RECEIPT_LOW = 10;
export const RECEIPT_HIGH = 11;
export const TWO_32 = 0x1_0000_0000;

export const NONE = 0;
