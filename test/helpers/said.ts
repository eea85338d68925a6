/**
 * What a program of a document says that it prints: the comments beside its calls of console.log (of commands: beside any
 * line), and in the lines right below.
 */
export function saidBy(code: string, comment: '//' | '#'): string {
  const call = comment === '#' ? '^.*?' : 'console\\.log\\(.*\\)\\)?;';
  const line = new RegExp(`${call}(?: ${comment} (.*)| *)((?:\\n *${comment} .*)*)$`, 'gm');
  const below = new RegExp(`^ *${comment} (.*)$`, 'gm');
  const said = [...code.matchAll(line)].flatMap(([, beside, rest]) => [
    ...(beside === undefined ? [] : [beside]),
    ...[...rest!.matchAll(below)].map(([, text]) => text),
  ]);
  return said.map((text) => `${text}\n`).join('');
}
