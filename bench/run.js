// npm run bench [-- name ...]: CPU time of this library beside C, node:net, node:dgram and Python, in one run.
import { measure } from './measure.js';
import { subjects } from './subjects.js';

const chosen = process.argv.slice(2);
const calls = chosen.length === 0 || chosen.includes('calls');
const names = chosen.length === 0 ? Object.keys(subjects) : chosen.filter((name) => name !== 'calls');
for (const name of names) {
  if (subjects[name] === undefined) throw new Error(`no ${name}: calls, ${Object.keys(subjects).join(', ')}`);
}
console.log('CPU time (user and system) of the server for an operation, and how many times less it is than of others.');
for (const name of names) await measure(subjects[name]);
if (calls) await import('./calls.js');
