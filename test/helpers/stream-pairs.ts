/** The same program over net.Socket and over our stream, whose events, results and properties must agree. */
import { once } from 'node:events';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { SocketStreamOptions } from '../../lib/index.ts';
import { need, node } from './need.ts';
import { tcpPair } from './sockets.ts';

export type Log = string[];
/** The members that both kinds of stream have. */
export type Stream = net.Socket;
export type Pair = [client: Stream, server: Stream];
export type Options = Pick<SocketStreamOptions, 'allowHalfOpen' | 'readableHighWaterMark' | 'writableHighWaterMark'>;

export interface Scenario {
  options?: Options;
  /** Whether not to record data, since a listener for it makes the stream flow. */
  unread?: boolean;
  run(client: Stream, server: Stream, log: Log): Promise<void>;
}

async function nodePair(options: Options): Promise<Pair> {
  const server = net.createServer({ ...options, highWaterMark: options.readableHighWaterMark } as net.ServerOpts);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = net.connect({ port, host: '127.0.0.1', ...options } as net.NetConnectOpts);
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  server.close();
  return [client, accepted];
}

async function ourPair(options: Options): Promise<Pair> {
  const [client, server] = await tcpPair();
  return [client.makefile(options), server.makefile(options)] as unknown as Pair;
}

/** Returns the code of an error, or its text if it has no code. */
export const code = (error: unknown): string =>
  (error as { code?: string } | null)?.code ?? (error as Error | null)?.message ?? 'none';

/** Records the events of a stream. Data is one entry, however it is split into chunks. */
function record(stream: Stream, log: Log): void {
  for (const event of ['end', 'finish', 'timeout', 'connect', 'ready'] as const)
    stream.on(event, () => log.push(event));
  stream.on('error', (error) => log.push(`error ${code(error)}`));
  stream.on('close', (hadError: boolean) => log.push(`close ${hadError}`));
}

function recordData(stream: Stream, log: Log): void {
  stream.on('data', (data) => {
    if (log.at(-1)?.startsWith('data ')) log.push(`${log.pop()}${data}`);
    else log.push(`data ${data}`);
  });
}

/** Resolves in the turn after 'close'. */
export const closed = (stream: Stream): Promise<void> =>
  new Promise((resolve) => stream.once('close', () => setImmediate(resolve)));
export const allClosed = (...streams: Stream[]): Promise<unknown> => Promise.all(streams.map(closed));
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Returns the properties that show the state of a stream. */
export const state = (stream: Stream): string =>
  `${stream.readyState} ${stream.pending} ${stream.connecting} ${stream.destroyed} ${stream.writable} ${stream.readable}`;

async function logOf(pair: Pair, { unread, run }: Scenario): Promise<Log[]> {
  const [client, server] = pair;
  onTestFinished(() => {
    client.destroy();
    server.destroy();
  });
  const all: [Log, Log, Log] = [[], [], []];
  for (const [i, stream] of pair.entries()) {
    record(stream, all[i]!);
    if (!unread) recordData(stream, all[i]!);
  }
  await run(client, server, all[2]);
  return all;
}

/** Defines a test for each scenario: the logs of the client, the server and the program are the same over both streams. */
export function compare(scenarios: Record<string, Scenario>): void {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(name, async (context) => {
      need(context, node); // other runtimes have their own net.Socket
      const options = scenario.options ?? {};
      const expected = await logOf(await nodePair(options), scenario);
      expect(await logOf(await ourPair(options), scenario)).toEqual(expected);
      expect(expected.flat().length).toBeGreaterThan(0);
    });
  }
}
