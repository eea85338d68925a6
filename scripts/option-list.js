// Writes docs/options.md: every socket option and every control message that has a type, taken from the sources.
// `--check` only compares.
//   npm run coverage        or: node scripts/option-list.js [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionTable } from '../dist/posix/option-table.js';
import { controlSpace } from '../dist/struct/control-room.js';
import { controlRooms } from '../dist/struct/control-table.js';

const root = join(import.meta.dirname, '..');
const source = (path) => readFileSync(join(root, 'lib', path), 'utf8');

/** The man page of each constant, from its docstring. */
const pages = new Map(
  [...source('native/constants.ts').matchAll(/^\/\*\* (?:.* )?\{@link (\S+) (\S+)\} \*\/\nexport const (\w+)/gm)].map(
    ([, url, title, name]) => [name, `[${title}](${url})`],
  ),
);

/** The name of a type in the sources as it is exported. */
const exported = (type) =>
  type
    .replace(/^Required<(.*)>$/, '$1')
    .replaceAll('options.', '')
    .replace(/^\{.*/, 'Icmp6Filter');

/** The value of each codec, by its type. If one that is set may have another type, both. */
const values = new Map(
  [
    ...source('struct/option-value.ts').matchAll(
      /^ {2}(\w+): (?:Codec|Reader)<(Required<options\.\w+>|[\w.]+(?:\[\])?|\{[^}]*\})(?:, ([^>]+))?>/gm,
    ),
  ].map(([, name, read, written]) => {
    const [type, other] = [exported(read), exported(written ?? read)];
    const both = other === type ? '' : `; to set: \`${other.replaceAll('|', '\\|')}\``;
    return [name, [`\`${type}\``, both]];
  }),
);

const directions = { read: 'get', write: 'set', both: 'get, set' };

function optionRows() {
  return Object.entries(optionTable).map(([name, [level, codec, direction]]) => {
    if (!pages.has(name) || !values.has(codec)) throw new Error(`${name} has no man page or no type`);
    const [type, other] = values.get(codec);
    return `| \`${name}\` | \`${level}\` | ${direction === 'read' ? type : type + other} | ${directions[direction]} | ${pages.get(name)} |`;
  });
}

/** What requests these control messages. Any other has the name of its option, or RECV or SO_ makes that of it. */
const askedBy = {
  SCM_RIGHTS: 'nothing: the peer sends it',
  SCM_CREDENTIALS: '`SO_PASSCRED`',
  SCM_PIDFD: '`SO_PASSPIDFD`',
  IP_RECVERR: '`IP_RECVERR`, on the error queue',
  IPV6_RECVERR: '`IPV6_RECVERR`, on the error queue',
  UDP_SEGMENT: 'for sending only',
  TCP_CM_INQ: '`TCP_INQ`',
  PACKET_TX_TIMESTAMP: '`SO_TIMESTAMPING`, on the error queue',
};

/** Returns what requests a control message from the kernel. */
function requestOf(message) {
  if (askedBy[message] !== undefined) return askedBy[message];
  const names = [message.replace('_', '_RECV'), message.replace(/^SCM/, 'SO')];
  const option = names.find((name) => name in optionTable);
  if (option === undefined) throw new Error(`askedBy does not say which option requests ${message}`);
  return `\`${option}\``;
}

function messageRows() {
  const rows = [];
  const text = source('struct/control-message.ts');
  for (const [, name, body] of text.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)) {
    const type = /^ {2}type: ([^;]+);/m.exec(body)?.[1];
    for (const [, constant] of type?.matchAll(/typeof constants\.(\w+)/g) ?? []) {
      const fields = [...body.matchAll(/^ {2}(\w+)\??: /gm)].map(([, field]) => field);
      if (!pages.has(constant)) throw new Error(`${constant} has no man page`);
      const own = fields.filter((field) => field !== 'level' && field !== 'type').map((field) => `\`${field}\``);
      rows.push(
        `| \`${constant}\` | \`${name}\` | ${own.join(', ')} | ${controlSpace(constant)} | ${requestOf(constant)} | ${pages.get(constant)} |`,
      );
    }
  }
  return rows;
}

/** Returns the names of the control messages that have room and no row. */
function others() {
  const rows = messageRows().join('\n');
  const names = [...controlRooms.keys()].filter((name) => !rows.includes(`| \`${name}\` |`));
  return names.map((name) => `\`${name}\` (${controlSpace(name)} bytes)`).join(', ');
}

const text = `# Options and control messages by type

\`getsockopt\` and \`setsockopt\` accept every option, as an integer or bytes, and \`sendmsg\` and \`recvmsg\` every control message, as bytes. This
page lists those that have a type of their own. \`npm run coverage\` generates it.

\`\`\`js
import * as s from 'sys-socket';

const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
s.setOption(fd, 'IP_RECVTOS', true);
s.setOption(fd, 'IP_TOS', 0x10);
s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
s.sendto(fd, 'hello', 0, s.getsockname(fd));
const { control } = s.recvmsg(fd, { buffers: [new Uint8Array(64)], controlLength: s.controlSpace('IP_TOS') });
console.log(s.getOption(fd, 'IP_TOS'), s.findControl(control, s.IPPROTO_IP, s.IP_TOS)?.value); // 16 16
\`\`\`

## Options of getOption and setOption

| option | level | value | | page |
|---|---|---|---|---|
${optionRows().join('\n')}

## Control messages of recvmsg and sendmsg

\`findControl(control, level, type)\` finds a message. \`controlSpace(...types)\` returns the room that messages need, which is the sum of the bytes
below. It also accepts ${others()}, whose data has no interface of its own.

| type | interface | fields | bytes | requested by | page |
|---|---|---|---|---|---|
${messageRows().join('\n')}
`;
const file = join(root, 'docs/options.md');
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/options.md is out of date: npm run coverage');
  process.exitCode = 1;
}
