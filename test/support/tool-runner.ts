/**
 * Runs tools one after the other in this process, each with its standard descriptors on files: starting a process
 * for every run would take most of the tests' time. Argument: a JSON file of {@link Work}; results go into its
 * `results` file.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToolByName } from '../../src/tools/main.ts';

/** What is to be run. */
export interface Work {
  cwd: string;
  results: string;
  runs: { argv: string[]; stdin: string; env?: Record<string, string> }[];
}

/** What came out; bytes as latin1. */
export interface RunResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** Put a descriptor on a file: open(2) gives the lowest free number, which is the one just closed. */
function redirect(fd: number, path: string, flags: string): void {
  closeSync(fd);
  const got = openSync(path, flags);
  if (got !== fd) throw new Error(`descriptor ${fd} became ${got}`);
}

const work = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Work;
process.chdir(work.cwd);
const results: RunResult[] = [];
for (const { argv, stdin, env } of work.runs) {
  const [name = '', ...args] = argv;
  const files = ['stdin', 'stdout', 'stderr'].map((part) => join(work.cwd, `.${part}`));
  const [input, output, errors] = files as [string, string, string];
  writeFileSync(input, stdin, 'latin1');
  redirect(0, input, 'r');
  redirect(1, output, 'w');
  redirect(2, errors, 'w');
  const before = { ...process.env };
  Object.assign(process.env, env);
  const status = await runToolByName(name, args);
  for (const key of Object.keys(process.env)) if (!(key in before)) Reflect.deleteProperty(process.env, key);
  Object.assign(process.env, before);
  process.chdir(work.cwd);
  results.push({ status, stdout: readFileSync(output, 'latin1'), stderr: readFileSync(errors, 'latin1') });
}
writeFileSync(work.results, JSON.stringify(results));
process.exit(0);
