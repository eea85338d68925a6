// npm run bench [-- name ...]: compares the CPU time of this library with that of C, node:net, node:dgram and Python in
// one run.
import { measure } from './measure.js';
import { subjects } from './subjects.js';

const chosen = process.argv.slice(2);
/** The benchmarks that are separate programs. */
const programs = ['pause', 'calls', 'checksum', 'capture', 'filter'];
const names = chosen.length === 0 ? Object.keys(subjects) : chosen.filter((name) => !programs.includes(name));
for (const name of names) {
  if (subjects[name] === undefined)
    throw new Error(`there is no benchmark ${name}; choose from ${[...programs, ...Object.keys(subjects)].join(', ')}`);
}
if (names.length > 0)
  console.log('CPU time (user and system) of each server, and how many times as much the reference servers use.');
for (const name of names) await measure(subjects[name]);
for (const name of programs) if (chosen.length === 0 || chosen.includes(name)) await import(`./${name}.js`);
