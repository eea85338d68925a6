/**
 * Prints every skipped test with its reason. With EXPECTED_SKIPS=<file> the run fails when they are not the lines of that
 * list for the test files that ran, or when it has lines of a file that is no more; with WRITE_SKIPS it is written.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

export class SkipsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skips: string[] = [];
    const ran = new Set(modules.map(({ moduleId }) => relative(process.cwd(), moduleId)));
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        skips.push(`${relative(process.cwd(), module.moduleId)} > ${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
    skips.sort();
    if (skips.length > 0) console.log(`\nSkipped ${skips.length}:\n  ${skips.join('\n  ')}`);
    const list = process.env.EXPECTED_SKIPS;
    if (list === undefined) return;
    const fileOf = (line: string) => line.slice(0, line.indexOf(' > '));
    const lines = readFileSync(list, 'utf8').split('\n').slice(0, -1);
    if (process.env.WRITE_SKIPS !== undefined) {
      const others = lines.filter((line) => !ran.has(fileOf(line)) && existsSync(fileOf(line)));
      writeFileSync(
        list,
        [...others, ...skips]
          .sort()
          .map((line) => `${line}\n`)
          .join(''),
      );
      return;
    }
    const expected = lines.filter((line) => ran.has(fileOf(line)) || !existsSync(fileOf(line)));
    const missing = expected.filter((line) => !skips.includes(line));
    const unexpected = skips.filter((line) => !expected.includes(line));
    if (missing.length + unexpected.length === 0) return;
    const signed = [...missing.map((line) => `- ${line}`), ...unexpected.map((line) => `+ ${line}`)];
    console.error(`\nThe skipped tests are not those of ${list}:\n  ${signed.join('\n  ')}`);
    process.exitCode = 1;
  }
}
