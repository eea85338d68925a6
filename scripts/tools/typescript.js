// The rows for TypeScript: each version from the oldest that the README names, strict and without skipLibCheck.
import { run } from './project.js';

const versions = {
  5.4: '5.4.5',
  5.5: '5.5.4',
  5.6: '5.6.3',
  5.7: '5.7.3',
  5.8: '5.8.3',
  5.9: '5.9.3',
  '6.0': '6.0.3',
  '7.0': '7.0.2',
};

/** The npm aliases that install several versions of one package side by side. */
export const compilers = Object.fromEntries(
  Object.entries(versions).map(([line, version]) => [`typescript-${line}`, `npm:typescript@${version}`]),
);

const source = `
import { type Address, AF_INET, getsockname, isErrno, Socket, SocketError } from 'sys-socket';
import { useBinary } from 'sys-socket/binary';
import { recv } from 'sys-socket/nothrow';
import { checksum, openCapture } from 'sys-socket/packet';
import { getaddrinfo } from 'sys-socket/promises';
const family: 2 = AF_INET;
const address: Address | undefined = getsockname(family);
const n: number = recv(0, new Uint8Array(1)) + checksum(new Uint8Array(2));
export async function look(): Promise<number | undefined> {
  return (await getaddrinfo('127.0.0.1', 80))[0]?.family;
}
export function code(error: unknown): 'EAGAIN' | undefined {
  return isErrno(error, 'EAGAIN') ? error.code : undefined;
}
export { address, n, openCapture, Socket, SocketError, useBinary };
`;

/** The combinations of module and moduleResolution. A .cts file is CommonJS, and a .mts file is an ES module. */
const settings = [['nodenext'], ['node16'], ['esnext', 'bundler']];

export const typescript = Object.keys(versions).map((line) => ({
  tool: `typescript-${line}`,
  title: 'TypeScript',
  how: 'strict, `skipLibCheck: false`; `nodenext` and `node16`, each from an ES module and from CommonJS; `bundler`',
  todo: '',
  needs: ['@types/node'],
  short: line === '5.4',
  check: (bench) => {
    const files = { 'use.mts': source, 'use.cts': source };
    const project = bench.project(files, { tools: ['@types/node', 'undici-types'] });
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2023',
      '--types',
      'node',
      '--skipLibCheck',
      'false',
    ];
    for (const [module, resolution] of settings) {
      const how = [
        '--module',
        module,
        ...(resolution ? ['--moduleResolution', resolution, 'use.mts'] : Object.keys(files)),
      ];
      run(process.execPath, [bench.tool(`typescript-${line}`, 'bin/tsc'), ...options, ...how], { cwd: project });
    }
  },
}));
