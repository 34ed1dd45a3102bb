/**
 * The same commands on the engine and in our appliance (under TCG), over the same images: `tsx scripts/compare-backends.ts
 * [read|write|system|rest|errors|kernel]...`. Prints where values, error codes or order differ without being listed in
 * docs/backends.md, and fails if something does. A whole run also fails if an action that both answer was not compared in a
 * call that ended well and in one that failed. LIBGUESTFS_PATH may name an appliance. Says so and ends well where none can be started.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runKernelCommands } from '../test/support/run-kernel-commands.ts';
import { compareLists, listNames, obstacle, uncompared } from '../test/support/compare-lists.ts';

// What ends well is proof for the support table: a whole run begins it anew.
const wanted = process.argv.slice(2);
const log = join(import.meta.dirname, '..', '.cache', 'actions.log');
mkdirSync(dirname(log), { recursive: true });
process.env['GUESTFS_ACTION_LOG'] ??= log;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const reason = obstacle();
if (reason !== false) {
  say(`SKIPPED: ${reason}`);
} else {
  if (wanted.length === 0) rmSync(`${process.env['GUESTFS_ACTION_LOG']}.appliance`, { force: true });
  let unexplained = 0;
  const missing = uncompared();
  for (const name of listNames.filter((one) => wanted.length === 0 || wanted.includes(one))) {
    const { commands, unlisted, listed, succeeded, failed } = await compareLists(name);
    for (const action of succeeded) missing.well.delete(action);
    for (const action of failed) missing.failing.delete(action);
    for (const { command, engine, appliance } of unlisted) {
      say(`DIFFERS  ${command}`);
      say(`  engine     ${shown(engine)}`);
      say(`  appliance  ${shown(appliance)}`);
    }
    say(`${name}: ${commands} commands, ${unlisted.length} differences, ${listed} listed ones`);
    unexplained += unlisted.length;
  }
  if (wanted.length === 0 || wanted.includes('kernel')) {
    const { commands, failures, leftOut } = await runKernelCommands();
    for (const failure of failures) say(`FAILED   ${failure}`);
    for (const command of leftOut) say(`LEFT OUT ${command}`);
    say(`kernel: ${commands} commands, ${failures.length} failures, ${leftOut.length} left out`);
    unexplained += failures.length;
  }
  if (wanted.length === 0) {
    for (const [how, actions] of Object.entries(missing)) {
      if (actions.size > 0) say(`NOT COMPARED ${how}: ${[...actions].join(' ')}`);
      unexplained += actions.size;
    }
  }
  process.exitCode = unexplained === 0 ? 0 : 1;
}

function shown(outcome: { text?: string; code?: string; message?: string; files: object }): string {
  if (outcome.code !== undefined) return `${outcome.code}: ${outcome.message}`;
  const files = Object.keys(outcome.files).length === 0 ? '' : ` ${JSON.stringify(outcome.files)}`;
  return (JSON.stringify(outcome.text) + files).slice(0, Number(process.env['WIDTH'] ?? 300));
}
