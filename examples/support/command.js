// @ts-check
// What all programs here have in common: options, --help, and error messages that say what to do.
//   exit code 0: success; 1: failure (no reply, an errno); 2: wrong command line
import { parseArgs } from 'node:util';
import { isErrno } from 'sys-socket';

/** An invalid command line. */
export class UsageError extends Error {}

/**
 * Parses a number from the command line.
 * @param {string | undefined} text @param {string} name @param {number} least @param {number} most @returns {number}
 */
export function number(text, name, least = 0, most = Number.MAX_SAFE_INTEGER) {
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isFinite(value) || value < least || value > most) {
    throw new UsageError(`${name}: give a number from ${least} to ${most}, not '${text ?? ''}'`);
  }
  return value;
}

/**
 * Parses an integer from the command line.
 * @param {string | undefined} text @param {string} name @param {number} [least] @param {number} [most] @returns {number}
 */
export function integer(text, name, least, most) {
  const value = number(text, name, least, most);
  if (!Number.isInteger(value)) throw new UsageError(`${name}: give a whole number, not '${text}'`);
  return value;
}

/** Returns the value of --count, or infinity if the option is not given. @param {string | undefined} text */
export function countOf(text) {
  return text === undefined ? Number.POSITIVE_INFINITY : integer(text, '--count', 1);
}

/** Explains how to grant the privilege that a raw or packet socket needs. */
const privilege = `A raw or packet socket needs CAP_NET_RAW. Run this with sudo, or give the capability to node:
  sudo setcap cap_net_raw+ep $(readlink -f $(which node))`;

/**
 * Runs a program: parses its command line, prints `usage` for --help, and turns errors into one line and an exit code.
 *
 * `main` receives the options and the positional arguments, and resolves to the exit code (nothing means 0).
 * @template {import('node:util').ParseArgsConfig['options'] & {}} O
 * @param {string} usage
 * @param {O} options the `options` of node:util's parseArgs
 * @param {(values: ReturnType<typeof parseArgs<{ options: O, allowPositionals: true }>>['values'],
 *   positionals: string[]) => Promise<number | void> | number | void} main
 */
export async function command(usage, options, main) {
  try {
    const help = /** @type {const} */ ({ type: 'boolean', short: 'h' });
    const parsed = parse({ ...options, help });
    if (/** @type {{ help?: boolean }} */ (parsed.values).help) console.log(usage);
    else process.exitCode = (await main(/** @type {any} */ (parsed.values), parsed.positionals)) ?? 0;
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    console.error(message);
    if (error instanceof UsageError) console.error(`\n${usage}`);
    if (isErrno(error, 'EPERM') && error.syscall === 'socket') console.error(privilege);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/** @param {import('node:util').ParseArgsConfig['options'] & {}} options */
function parse(options) {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}
