/** Addresses for people: error messages and inspection. */
import type { Address } from './address.ts';

/** An address as a person writes it: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@abstract`. */
export function formatAddress(address: Address): string {
  if (Object.hasOwn(address, 'path') && 'path' in address) {
    const path = typeof address.path === 'string' ? address.path : Buffer.from(address.path).toString('latin1');
    return path.startsWith('\0') ? `@${path.slice(1)}` : path;
  }
  if (Object.hasOwn(address, 'port') && 'port' in address && 'address' in address) {
    return address.address.includes(':')
      ? `[${address.address}]:${address.port}`
      : `${address.address}:${address.port}`;
  }
  return `family ${address.family}`;
}
