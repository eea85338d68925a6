/**
 * Returns what a program in a document claims to print: the comments beside its calls of console.log (for commands: beside
 * any line), and in the lines right below.
 */
export function documentedOutput(code: string, comment: '//' | '#'): string {
  const call = comment === '#' ? '^.*?' : 'console\\.log\\(.*\\)\\)?;';
  const line = new RegExp(`${call}(?: ${comment} (.*)| *)((?:\\n *${comment} .*)*)$`, 'gm');
  const below = new RegExp(`^ *${comment} (.*)$`, 'gm');
  const claims = [...code.matchAll(line)].flatMap(([, beside, rest]) => [
    ...(beside === undefined ? [] : [beside]),
    ...[...rest!.matchAll(below)].map(([, text]) => text),
  ]);
  return claims.map((text) => `${text}\n`).join('');
}
