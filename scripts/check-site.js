// Checks the site that `npm run docs` built: every link within it has a target, and a real browser lays its pages out
// as intended. Without Chromium the script reports that and checks only the links. It needs no package: Chromium alone
// loads, searches and photographs the pages.
//   npm run docs && node scripts/check-site.js
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { inflateSync } from 'node:zlib';

const site = join(import.meta.dirname, '../docs/site');
const pages = readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.html'));
const html = new Map(pages.map((name) => [name, readFileSync(join(site, name), 'utf8')]));

/** Returns the links without a target, as `page: link`. */
function brokenLinks() {
  const ids = new Map();
  const idsOf = (page) => {
    if (!ids.has(page)) ids.set(page, new Set([...html.get(page).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)));
    return ids.get(page);
  };
  const broken = [];
  let count = 0;
  for (const [page, text] of html) {
    for (const [, link] of text.matchAll(/\s(?:href|src)="([^"]+)"/g)) {
      if (/^(?:https?|data|mailto):/.test(link)) continue;
      count++;
      const [path, anchor] = link.replaceAll('&amp;', '&').split('#');
      const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path.split('?')[0])));
      const found = html.has(target)
        ? anchor === undefined || anchor === '' || idsOf(target).has(decodeURIComponent(anchor))
        : existsSync(join(site, target));
      if (!found) broken.push(`${page}: ${link}`);
    }
  }
  return { broken, count };
}

/** Runs in the page: writes what a reader would see into an attribute, which --dump-dom prints. */
function probe() {
  const errors = [];
  addEventListener('error', (event) => errors.push(String(event.message ?? event.target)), true);
  addEventListener('load', () =>
    setTimeout(() => {
      const all = (selector) => [...document.querySelectorAll(selector)];
      const shown = (element) => element.checkVisibility({ visibilityProperty: true });
      const wide = document.documentElement.clientWidth;
      document.documentElement.dataset.seen = JSON.stringify({
        errors,
        title: document.title,
        heading: document.querySelector('h1')?.textContent ?? '',
        menu: all('.site-menu a, .site-menu summary').filter(shown).length,
        guides: all('.site-menu a[href*="documents/"]').map((link) => link.textContent.trim()),
        tables: all('main table, .col-content table').filter(shown).length,
        programs: all('pre code').filter(shown).length,
        colours: new Set(all('pre code span').map((span) => getComputedStyle(span).color)).size,
        text: (document.querySelector('.col-content') ?? document.body).textContent.length,
        cut: all('.col-content table').filter((table) => table.scrollWidth > table.clientWidth).length,
        overflow: document.documentElement.scrollWidth - wide,
      });
    }, 2000),
  );
}

/** Runs in the page: types words into the search field and writes the name of each first hit into an attribute. */
function probeSearch(words) {
  addEventListener('load', async () => {
    document.querySelector('#tsd-search-trigger').click();
    const input = document.querySelector('#tsd-search-input');
    const results = document.querySelector('#tsd-search-results');
    const found = {};
    for (const word of words) {
      results.innerHTML = '';
      input.value = word;
      // The index may still be loading, and the search starts 200 ms after the last keystroke.
      while (results.children.length === 0) {
        input.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      found[word] = results.querySelector('a').textContent.replace(/\s+/g, ' ').trim();
    }
    document.documentElement.dataset.seen = JSON.stringify(found);
  });
}

/** Returns the width, height and colours of a PNG with 8 bits and no interlacing, as Chromium writes it. */
function readPng(bytes) {
  const data = [];
  const [width, height, type] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes.readUInt8(25)];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  }
  const size = type === 6 ? 4 : 3;
  const raw = inflateSync(Buffer.concat(data));
  const row = width * size;
  const colours = new Map();
  let above = Buffer.alloc(row);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    const line = Buffer.from(raw.subarray(y * (row + 1) + 1, (y + 1) * (row + 1)));
    for (let x = 0; x < row; x++) {
      const [a, b, c] = [x < size ? 0 : line[x - size], above[x], x < size ? 0 : above[x - size]];
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      line[x] += [0, a, b, (a + b) >> 1, paeth][filter];
    }
    for (let x = 0; x < row; x += size) {
      const colour = line.readUIntBE(x, 3);
      colours.set(colour, (colours.get(colour) ?? 0) + 1);
    }
    above = line;
  }
  return { width, height, shades: colours.size, most: Math.max(...colours.values()) / (width * height) };
}

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** Serves the site, with the probe inserted into each page. */
async function serve() {
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://site').pathname).slice(1) || 'index.html';
    if (!existsSync(join(site, name))) return response.writeHead(404).end();
    response.setHeader('Content-Type', types[extname(name)] ?? 'application/octet-stream');
    if (!html.has(name)) return response.end(readFileSync(join(site, name)));
    const run = request.url.endsWith('?search')
      ? `(${probeSearch})(${JSON.stringify(Object.keys(first))})`
      : `(${probe})()`;
    response.end(html.get(name).replace('<head>', `<head><script>${run}</script>`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Runs the browser with a page and returns its output. */
async function run(browser, folder, width, ...args) {
  const flags = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'hide-scrollbars'];
  flags.push('disable-background-networking', 'disable-component-update', 'disable-sync', 'disable-dev-shm-usage');
  flags.push(`user-data-dir=${folder}/profile`, `window-size=${width},1000`);
  const child = spawn(browser, [...flags.map((flag) => `--${flag}`), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `${browser} ended with ${code}`);
  return output;
}

/** Returns what a probe wrote into the page. */
async function seenIn(browser, folder, url, width, budget = 5000) {
  const dom = await run(browser, folder, width, `--virtual-time-budget=${budget}`, '--dump-dom', url);
  const seen = /data-seen="([^"]*)"/
    .exec(dom)?.[1]
    .replaceAll('&quot;', '"')
    .replace(/&[lg]t;/g, (sign) => (sign === '&lt;' ? '<' : '>'))
    .replaceAll('&amp;', '&');
  assert.ok(seen, `${url}: the page was not loaded`);
  return JSON.parse(seen);
}

/** Loads a page in the browser; returns what is visible in it, and its screenshot. */
async function look(browser, folder, url, width) {
  const seen = await seenIn(browser, folder, url, width);
  const picture = join(folder, 'page.png');
  await run(browser, folder, width, '--virtual-time-budget=5000', `--screenshot=${picture}`, url);
  return { ...seen, ...readPng(readFileSync(picture)), picture };
}

const { broken, count } = brokenLinks();
assert.deepEqual(broken, []);
assert.ok(pages.length > 500 && count > 10_000, `${pages.length} pages, ${count} links`);
console.log(`site: ${pages.length} pages, ${count} links within it, none broken`);

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0,
);
if (browser === undefined) {
  console.log('site: not checked in a browser, because Chromium is not installed');
  process.exit();
}

/** Words that a reader searches for, and the required first hit. */
const first = {
  privileges: 'Privileges',
  CAP_NET_RAW: 'Privileges',
  EPERM: 'Privileges',
  setcap: 'Privileges',
  ping: 'Ping',
  ICMP: 'Ping',
  EADDRINUSE: 'Troubleshooting by errno',
  ECONNREFUSED: 'Troubleshooting by errno',
  multicast: 'Multicast',
  IGMP: 'sys-socket/packet.igmp',
  netlink: 'Netlink',
  IP_PKTINFO: 'UDP servers on many addresses',
  SCM_RIGHTS: 'Passing descriptors',
  cluster: 'Handing sockets to Node',
  http: 'Handing sockets to Node',
  systemd: 'Socket activation',
  restart: 'Restarting without downtime',
  docker: 'Containers and Kubernetes',
  kubernetes: 'Containers and Kubernetes',
  seccomp: 'Containers and Kubernetes',
  webpack: 'Bundlers, executables, test runners and TypeScript',
  typescript: 'Bundlers, executables, test runners and TypeScript',
  Bun: 'Runtimes',
  python: 'From Python',
  dgram: 'Coming from node:net and node:dgram',
  pcapng: 'Raw packets',
  BPF: 'Filters',
  benchmark: 'Performance',
  milliseconds: 'Units, sizes and copies',
  recvmsg: 'sys-socket.Socket.recvmsg',
  IFLA_LINKMODE: 'Constants.Constants of rtnetlink(7)',
  openCapture: 'sys-socket/packet.openCapture',
  createServer: 'sys-socket.createServer',
};

/** Pages and the minimum number of their tables, programs, colours of programs, and characters. */
const expected = [
  ['index.html', 'sys-socket', { tables: 3, programs: 6, colours: 5, text: 6000 }],
  ['modules/sys-socket.html', 'Module sys-socket', { tables: 0, programs: 0, colours: 0, text: 2000 }],
  [
    'documents/Constants.Constants_of_socket(7).html',
    'Constants of socket(7)',
    { tables: 1, programs: 0, colours: 0, text: 1000 },
  ],
  ['documents/From_C.html', 'From C', { tables: 1, programs: 4, colours: 5, text: 4000 }],
  [
    'documents/Troubleshooting_by_errno.html',
    'Troubleshooting by errno',
    { tables: 5, programs: 2, colours: 5, text: 6000 },
  ],
  ['functions/sys-socket.socket.html', 'Function socket', { tables: 0, programs: 1, colours: 5, text: 500 }],
  [
    'classes/sys-socket.Socket.html',
    'Class Socket<Family, Type>',
    { tables: 0, programs: 1, colours: 5, text: 10_000 },
  ],
];
/** The pages that are also checked on a narrow screen. */
const narrow = new Set([
  'index.html',
  'documents/From_C.html',
  'modules/sys-socket.html',
  'classes/sys-socket.Socket.html',
]);
const folder = mkdtempSync(join(tmpdir(), 'sys-socket-site-'));
const server = await serve();
try {
  for (const [page, heading, least] of expected) {
    for (const width of narrow.has(page) ? [1280, 500] : [1280]) {
      const seen = await look(browser, folder, `http://127.0.0.1:${server.address().port}/${page}`, width);
      const where = `${page}, ${width} pixels wide: ${JSON.stringify(seen)}`;
      assert.deepEqual(seen.errors, [], where);
      assert.match(seen.title, /sys-socket/, where);
      assert.equal(seen.heading.trim(), heading, where);
      for (const [what, number] of Object.entries(least)) assert.ok(seen[what] >= number, `${what} of ${where}`);
      for (const guide of ['From C', 'From Python', 'Raw packets', 'Troubleshooting by errno']) {
        assert.ok(seen.guides.includes(guide), `${guide} in the menu of ${where}`);
      }
      // The menu is beside the text, or behind a button if the screen is too narrow.
      assert.equal(seen.menu >= 5, width === 1280, where);
      assert.ok(seen.overflow <= 0, `wider than the window: ${where}`);
      if (width === 1280) assert.equal(seen.cut, 0, `tables that do not fit: ${where}`);
      assert.deepEqual([seen.width, seen.height], [width, 1000], where);
      assert.ok(seen.shades >= 20 && seen.most < 0.97, `a blank picture: ${where}`);
    }
  }
  console.log(`site: ${expected.length} pages looked at in ${browser}`);
  const url = `http://127.0.0.1:${server.address().port}/index.html?search`;
  assert.deepEqual(await seenIn(browser, folder, url, 1280, 60_000), first);
  console.log(`site: ${Object.keys(first).length} words searched`);
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
