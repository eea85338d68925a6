/** libpcap as the judge of filters: a script calls the shared library that tcpdump uses. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Need } from './need.ts';

const script = fileURLToPath(new URL('libpcap.py', import.meta.url));

/** Whether Python finds the libpcap to compare with: that of Debian 12. */
export const libpcap: Need = () => {
  const call =
    "import ctypes; l = ctypes.CDLL('libpcap.so.0.8'); l.pcap_lib_version.restype = ctypes.c_char_p; print(l.pcap_lib_version())";
  const { stdout } = spawnSync('python3', ['-c', call], { encoding: 'utf8' });
  return stdout?.includes('version 1.10.3') ? undefined : 'no libpcap 1.10.3 for Python';
};

/** The result of libpcap for an expression: `verdicts` of the optimized and the plain program, one bit for each packet. */
export type Judged =
  | { error: string }
  | {
      error?: undefined;
      /** The optimizer found that no packet can match. */
      rejects?: boolean;
      counts: number[];
      verdicts: Buffer[];
      /** Code, jt, jf and k of each instruction. */
      programs: [number, number, number, number][][];
    };

export interface Asked {
  linktype: number;
  expressions: readonly string[];
  packets?: readonly Uint8Array[];
  netmask?: number;
  /** Whether to return the programs, too. */
  programs?: boolean;
}

/** Has libpcap compile expressions for link types and run them on packets; returns an answer for each expression. */
export function judge(...asked: Asked[]): Judged[][] {
  const input = asked.map(({ linktype, expressions, packets = [], netmask = null, programs = false }) => ({
    dlt: linktype === 101 ? 12 : linktype,
    packets: packets.map((bytes) => Buffer.from(bytes).toString('base64')),
    ...{ netmask, programs, expressions },
  }));
  const output = execFileSync('python3', [script], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  return (JSON.parse(output) as (Omit<Judged, 'verdicts'> & { verdicts?: string[] })[][]).map((answers) =>
    answers.map(({ verdicts = [], ...rest }) => ({ ...rest, verdicts: verdicts.map(bitsOf) }) as Judged),
  );
}

/** Returns the bits after the first one that is set. */
function bitsOf(text: string): Buffer {
  const bits = [...Buffer.from(text, 'base64')].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return Buffer.from(bits.slice(bits.indexOf('1') + 1), 'latin1').map((digit) => digit - 48) as Buffer;
}
