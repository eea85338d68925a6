// Finds the place of a recorded call in the C++ sources.
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';

/** For each offset in the binary, the lines that led there: [function, file:line] from the innermost outwards. */
export function lines(binary, offsets) {
  const addresses = offsets.map((offset) => `0x${(offset - 1).toString(16)}`); // within the call, not behind it
  const output = execFileSync('addr2line', ['-e', binary, '-a', '-i', '-f', '-C'], {
    input: addresses.join('\n'),
    encoding: 'utf8',
  });
  const found = new Map();
  let frames;
  const text = output.trimEnd().split('\n');
  for (let i = 0; i < text.length; i++) {
    if (text[i].startsWith('0x')) {
      frames = [];
      found.set(Number(text[i]) + 1, frames);
    } else {
      const place = text[i + 1].replace(/ \(discriminator.*/, '');
      frames.push({
        function: text[i].replace(/\(.*|sys_socket::|\(anonymous namespace\)::/g, ''),
        place: basename(place),
      });
      i++;
    }
  }
  return found;
}

/** One line for people, and a name that `--site=` accepts. */
export function site(frames, called) {
  const inner = frames[0];
  const outer = frames.at(-1);
  const from = inner === outer ? '' : ` from ${outer.place}`;
  return `${called}@${inner.place}${from}`;
}
