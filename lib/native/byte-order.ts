/** Whether this machine stores the low byte first. As the last argument of the DataView methods, it selects host byte order. */
export const LITTLE: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
