/**
 * Prints every skipped test with its reason. With EXPECTED_SKIPS=<file> the run fails when the list is another one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

export class SkipsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skips: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        skips.push(`${relative(process.cwd(), module.moduleId)} > ${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
    skips.sort();
    if (skips.length > 0) console.log(`\nSkipped ${skips.length}:\n  ${skips.join('\n  ')}`);
    const file = process.env.EXPECTED_SKIPS;
    if (file === undefined) return;
    const text = skips.map((line) => `${line}\n`).join('');
    if (process.env.WRITE_SKIPS !== undefined) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      console.error(`\nThe skipped tests are not those of ${file}`);
      process.exitCode = 1;
    }
  }
}
