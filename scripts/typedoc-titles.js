// A plugin for typedoc. The title of a guide is its first heading, not its file name. Functions are grouped by man
// page, and constants are listed on one page for each man page instead of thousands of pages. The search finds guides
// by their subjects.
//   npm run docs
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** What each group of pages contains, in the order of the menu. */
const GROUPS = {
  'Coming from': ['from-node', 'from-c', 'from-python', 'from-other-packages'],
  Guides: [
    'udp-servers',
    'multicast',
    'netlink',
    'ping',
    'raw-packets',
    'filters',
    'passing-descriptors',
    'handing-over',
  ]
    .concat([
      'socket-activation',
      'zero-downtime-restart',
      'privileges',
      'containers',
      'testing-in-ci',
      'bundlers',
      'runtimes',
    ])
    .concat(['event-loop', 'errno', 'README']),
};
const groupOf = new Map(Object.entries(GROUPS).flatMap(([group, names]) => names.map((name) => [name, group])));

/** Words by which the search finds a guide whose title does not begin with them. */
const KEYWORDS = {
  'from-node': 'net dgram migration',
  'udp-servers': 'UDP IP_PKTINFO source address',
  multicast: 'IGMP group membership',
  netlink: 'rtnetlink routes interfaces',
  ping: 'ICMP echo',
  'raw-packets': 'sniff capture pcap pcapng Ethernet',
  filters: 'BPF tcpdump expression',
  'passing-descriptors': 'SCM_RIGHTS sendmsg file descriptor credentials',
  'handing-over': 'http cluster express worker_threads TLS',
  'socket-activation': 'systemd sd_listen_fds sd_notify',
  'zero-downtime-restart': 'reload deploy upgrade',
  privileges: 'CAP_NET_RAW setcap EPERM root sudo doctor capability',
  containers: 'Docker Kubernetes Podman seccomp',
  'testing-in-ci': 'GitHub Actions continuous integration',
  bundlers: 'esbuild webpack rollup vite jest TypeScript',
  runtimes: 'Bun Deno',
  'event-loop': 'timeout promises AbortSignal MessageBatch epoll',
  errno: 'EADDRINUSE EACCES ECONNREFUSED EAGAIN EINVAL errors error',
  tables: 'milliseconds nanoseconds CMSG_SPACE controlLength copy view units',
  performance: 'benchmark speed fast',
  options: 'setsockopt list SO_LINGER',
  README: 'programs',
};

/** Returns the constants by the title of their page: the name, value, meaning and page address of each. */
function constantsByPage() {
  const source = readFileSync(join(root, 'lib/native/constants.ts'), 'utf8');
  const pages = new Map();
  for (const [, meaning = '', url, title, name, value] of source.matchAll(
    /^\/\*\* (?:(.*) )?\{@link (\S+) ([^}]+)\} \*\/\nexport const (\w+)(?:: [^=]+)? = (.+);$/gm,
  )) {
    if (!pages.has(title)) pages.set(title, { url, rows: [] });
    pages.get(title).rows.push(`| \`${name}\` | ${value} | ${meaning} |`);
  }
  return new Map([...pages].sort(([a], [b]) => a.localeCompare(b)));
}

/** Writes a document for each man page, and one that contains these documents. */
function writeConstants() {
  const folder = join(root, 'build/docs');
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const [title, { url, rows }] of constantsByPage()) {
    const name = `constants-${title.replace(/\W+/g, '-').replace(/-$/, '')}`;
    files.push(`./${name}.md`);
    const text = `# Constants of ${title}\n\nSee [${title}](${url}).\n\n| name | value | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
    writeFileSync(join(folder, `${name}.md`), text);
  }
  const children = `---\nchildren:\n${files.map((file) => `  - ${file}`).join('\n')}\n---\n`;
  const text =
    '# Constants\n\nAll of them are exports of `sys-socket`, with the values of this Linux ABI. They are listed by man page.\n';
  writeFileSync(join(folder, 'constants.md'), children + text);
  return join(folder, 'constants.md');
}

const FUNCTION = 64; // ReflectionKind.Function

/** Returns the title of the first man page in a comment, such as `recv(2)`. */
function manPage(comment) {
  const see = comment?.blockTags.find(({ tag }) => tag === '@see');
  const text = see?.content.map((part) => part.target ?? part.text).join('');
  const page = /man7\.org\/linux\/man-pages\/man(\d)\/([^/\s]+)\.\d\.html/.exec(text ?? '');
  return page === null ? undefined : { see, title: `${page[2]}(${page[1]})` };
}

/** Groups the functions of a module by man page. */
function categorize(module) {
  for (const { kind, signatures = [] } of module.children ?? []) {
    if (kind !== FUNCTION) continue;
    const found = signatures.map(({ comment }) => manPage(comment)).find((page) => page !== undefined);
    const comment = signatures.find((signature) => signature.comment !== undefined)?.comment;
    if (found === undefined || comment === undefined) continue;
    const Tag = found.see.constructor;
    comment.blockTags.push(new Tag('@category', [{ kind: 'text', text: found.title }]));
  }
}

export function load(app) {
  const names = new Map();
  app.on('bootstrapEnd', () => {
    app.options.setValue('projectDocuments', [...app.options.getValue('projectDocuments'), writeConstants()]);
  });
  app.converter.on('createDocument', (_context, guide) => {
    const file = basename(guide.name, '.md');
    names.set(guide, file);
    guide.frontmatter.group ??= groupOf.get(file) ?? (file.startsWith('constants') ? 'Constants' : 'Reference');
    const [first] = guide.content;
    const heading = /^\s*# (.+)\n+/.exec(first.text);
    if (heading === null) return;
    guide.name = heading[1];
    first.text = first.text.slice(heading[0].length);
  });
  app.converter.on('resolveBegin', ({ project }) => {
    const constants = new Set(
      [...constantsByPage().values()].flatMap(({ rows }) => rows.map((row) => row.split('`')[1])),
    );
    const module = project.children.find(({ name }) => name === 'sys-socket');
    for (const child of [...module.children]) if (constants.has(child.name)) project.removeReflection(child);
    for (const entry of project.children) if (!entry.name.includes('packet')) categorize(entry);
  });
  app.renderer.on('prepareIndex', (event) => {
    event.searchFieldWeights.keywords = 1000;
    for (const [i, result] of event.searchResults.entries()) {
      const words = KEYWORDS[names.get(result)];
      if (words !== undefined) event.searchFields[i] = { ...event.searchFields[i], keywords: words };
    }
  });
}
