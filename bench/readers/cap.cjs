// A reader that uses npm's cap: cap.cjs <interface> <ring> <folder with cap>. cap does not count drops.
const { join } = require('node:path');
const [name, ringSize, folder] = process.argv.slice(2);
const { Cap } = require(join(folder, 'node_modules/cap'));

const cap = new Cap();
const buffer = Buffer.alloc(65536);
cap.open(name, '', Number(ringSize), buffer);
cap.setMinBytes?.(0);
let packets = 0;
let bytes = 0;
let sum = 0;
cap.on('packet', (length) => {
  packets += 1;
  bytes += length;
  sum += buffer[12];
});
process.stdin.on('end', () => {
  cap.close();
  console.log(packets, bytes, 0, sum);
});
process.stdin.resume();
console.log('ready');
