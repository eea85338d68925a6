#!/usr/bin/env node
/** `npx sys-socket doctor`: reports what this machine, this runtime and this process can do, for bug reports and CI. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `usage: sys-socket doctor [--json] [name ...]

Reports what was loaded and, by trying, what this process may do with sockets.
With names of capabilities, it exits with 1 if one of them is missing: sys-socket doctor rawIPv4 packet
exit code 0: success; 1: the library does not load, or a named capability is missing; 2: the command line is invalid`;

/** Prints lines with one write. It ignores EPIPE, so that `sys-socket doctor | head -n 1` does not fail. */
function print(lines: readonly string[]): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  process.stdout.write(`${lines.join('\n')}\n`);
}

function wrong(text: string): 2 {
  process.stderr.write(`${text}\n\n${usage}\n`);
  return 2;
}

/** Returns the name and version of the runtime. */
function runtime(): string {
  const { node, bun, deno } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

/** Returns the effective user ID of this process and its effective capabilities, as a bit mask. */
function privileges(): string {
  const status = readFileSync('/proc/self/status', 'latin1');
  return `uid ${process.geteuid?.()}, capabilities ${/^CapEff:\s*0*(\w+)$/m.exec(status)?.[1]}`;
}

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    return wrong((error as Error).message);
  }
  const [command, ...names] = parsed.positionals;
  if (parsed.values.help) {
    print([usage]);
    return 0;
  }
  if (command !== 'doctor') return wrong(command === undefined ? 'a command is missing' : `unknown command ${command}`);

  const [{ capabilities }, { binary }, { libc }] = await Promise.all([
    import('./posix/capabilities.ts'),
    import('./native/native.ts'),
    import('./native/libc.ts'),
  ]).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  const answers = capabilities();
  const unknown = names.filter((name) => !Object.hasOwn(answers, name));
  if (unknown.length > 0) {
    return wrong(`unknown capability ${unknown.join(', ')}; the capabilities are ${Object.keys(answers).join(', ')}`);
  }
  const root = fileURLToPath(new URL('..', import.meta.url));
  const facts = {
    version: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    kernel: release(),
    runtime: runtime(),
    processor: process.arch,
    libc: libc() ?? 'unknown',
    binary: relative(root, binary as string),
    privileges: privileges(),
  };
  if (parsed.values.json) {
    print([JSON.stringify({ ...facts, capabilities: answers }, undefined, 2)]);
  } else {
    const lines = Object.entries(facts).map(([name, fact]) => `${name.padEnd(18)}${fact}`);
    const more = (text: string | undefined) => (text === undefined ? [] : [`${' '.repeat(23)}${text}`]);
    for (const [name, { able, tried, reason, grant }] of Object.entries(answers)) {
      lines.push(
        `${name.padEnd(18)}${able ? 'yes' : 'no '}  ${tried}`,
        ...more(reason),
        ...more(grant && `try: ${grant}`),
      );
    }
    print(lines);
  }
  return names.every((name) => answers[name as keyof typeof answers].able) ? 0 : 1;
}

function parse() {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  return parseArgs({ options, allowPositionals: true });
}

process.exitCode = await main();
