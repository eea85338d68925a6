// Creates projects in folders of their own that use the installed package, and runs programs in them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The path of the binary for this machine, as in the package. */
export const binary = `prebuilds/linux-${process.arch}/sys-socket.glibc.node`;

/** What must work with every tool: plain calls, each entry point, and the event loop. The program prints `works`. */
export const program = `
import { AF_UNIX, close, Socket, SOCK_STREAM, socketpair } from 'sys-socket';
import { recv } from 'sys-socket/nothrow';
import { checksum } from 'sys-socket/packet';
import { getaddrinfo } from 'sys-socket/promises';

async function main() {
  const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
  close(left);
  if (recv(right, new Uint8Array(1)) !== 0) throw new Error('recv did not return 0');
  close(right);
  if (checksum(new Uint8Array(2)) !== 0xffff) throw new Error('checksum returned another number');
  if ((await getaddrinfo('127.0.0.1', 80))[0].address.port !== 80) throw new Error('getaddrinfo returned another port');
  const [a, b] = Socket.pair();
  const received = b.recv(100, 0, { timeout: 5000 });
  await a.sendAll('works');
  console.log(String(await received));
  a.close();
  b.close();
}
main();
`;

/** What all rows need: the locations of the tools, the package and the Nodes. */
export class Bench {
  #number = 0;

  constructor({ work, tools, nodes }) {
    this.work = work;
    this.tools = tools;
    this.nodes = nodes;
  }

  /** Returns the path of a tool's package, or of a file in it. */
  tool(name, file = '') {
    return join(this.tools, 'node_modules', name, file);
  }

  version(name) {
    return JSON.parse(readFileSync(this.tool(name, 'package.json'), 'utf8')).version;
  }

  /** Imports a module of a tool, by its path, because the package need not export it. */
  import(name, file) {
    return import(this.tool(name, file));
  }

  /** Creates a project with these files, in which the package and these tools are installed. */
  project(files, { type = 'module', tools = [] } = {}) {
    const path = join(this.work, `project-${++this.#number}`);
    mkdirSync(join(path, 'node_modules'), { recursive: true });
    cpSync(join(this.work, 'installed/node_modules/sys-socket'), join(path, 'node_modules/sys-socket'), {
      recursive: true,
    });
    for (const name of tools) {
      mkdirSync(dirname(join(path, 'node_modules', name)), { recursive: true });
      symlinkSync(this.tool(name), join(path, 'node_modules', name));
    }
    write(path, { 'package.json': JSON.stringify({ name: 'program', private: true, type }), ...files });
    return path;
  }

  /** Moves a folder of the project to an empty place, as a deployment does, so that nothing around it is found. */
  deploy(project, folder = 'out') {
    const path = join(this.work, `deployed-${++this.#number}`);
    renameSync(join(project, folder), path);
    renameSync(project, `${project}-gone`);
    return path;
  }

  /** Returns the version of a Node, derived from its folder. */
  nodeVersion(node) {
    return basename(join(node, '../..'));
  }

  major(node) {
    return Number.parseInt(this.nodeVersion(node), 10);
  }

  /** Runs a file on every Node, where it must print `works` and nothing else. */
  works(cwd, ...args) {
    for (const node of this.nodes) expectWorks(run(node, args, { cwd }), node);
  }
}

/** Copies the folder with the binaries beside a bundle, as the guide says. */
export function copyBinaries(project, folder = 'out') {
  cpSync(join(project, 'node_modules/sys-socket/prebuilds'), join(project, folder, 'prebuilds'), { recursive: true });
}

/** Returns the block in the guide about bundlers that contains this text, so that what the guide shows is what runs. */
export function guide(text) {
  const document = readFileSync(join(import.meta.dirname, '../../docs/bundlers.md'), 'utf8');
  const found = [...document.matchAll(/^```javascript\n(.*?)^```$/gms)].find(([, code]) => code.includes(text));
  return found[1].replace('linux-x64', `linux-${process.arch}`);
}

export function expectWorks({ stdout, stderr }, what) {
  if (stdout !== 'works\n' || stderr !== '') throw new Error(`${what}:\n${stdout}${stderr}`);
}

export function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Runs a program; throws an error with its output unless it exits with 0. */
export function run(command, args, { cwd, env = {} } = {}) {
  const { SYS_SOCKET_BINARY: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...inherited, NO_COLOR: '1', CI: '1', ...env },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) {
    throw new Error(`${[command, ...args].join(' ')}: ${error ?? signal ?? status}\n${stdout}${stderr}`);
  }
  return { stdout, stderr };
}
