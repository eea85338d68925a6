/**
 * Prints every skipped test with its reason. With EXPECTED_SKIPS=<file> the run fails if the skipped tests differ from the
 * lines of that list for the test files that ran, or if it contains lines of a file that no longer exists; otherwise only
 * their number is printed. With WRITE_SKIPS the list is written. The last lines of a failing run name the failed tests.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export class SkipsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    reportSkips(modules);
    reportFailures(modules, unhandled);
  }
}

function reportFailures(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
  const failures = unhandled.map(({ message }) => `outside of any test: ${message.split('\n', 1)[0]}`);
  for (const module of modules) {
    const file = relative(process.cwd(), module.moduleId);
    const line = (name: string, errors: readonly SerializedError[]) =>
      failures.push(`${file}${name}: ${errors.map(({ message }) => message.split('\n', 1)[0]).join('; ')}`);
    if (module.errors().length > 0) line('', module.errors());
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) line(` > ${suite.fullName}`, suite.errors());
    }
    for (const test of module.children.allTests('failed')) line(` > ${test.fullName}`, test.result().errors ?? []);
  }
  if (failures.length > 0) console.error(`\nFailed ${failures.length}:\n  ${failures.join('\n  ')}`);
}

function reportSkips(modules: readonly TestModule[]): void {
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
  const list = process.env.EXPECTED_SKIPS;
  if (list === undefined) {
    if (skips.length > 0) console.log(`\nSkipped ${skips.length}:\n  ${skips.join('\n  ')}`);
    return;
  }
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
  if (missing.length + unexpected.length === 0) {
    console.log(`\nSkipped ${skips.length}, as ${relative(process.cwd(), list)} has them`);
    return;
  }
  const signed = [...missing.map((line) => `- ${line}`), ...unexpected.map((line) => `+ ${line}`)];
  console.error(`\nThe skipped tests are not those of ${list}:\n  ${signed.join('\n  ')}`);
  process.exitCode = 1;
}
