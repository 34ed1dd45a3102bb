/**
 * The tools of libguestfs with its own appliance and with ours: `tsx scripts/interop-tools.ts [TOOL...]`, all tools where none
 * is named. Each command of interop/cases.ts runs twice on copies of the same disks; what it prints, its exit status and what
 * it leaves (disks, folders, archives) must be the same. LIBGUESTFS_PATH may name our appliance; else one is made. Skips, and
 * says so, what is not installed. Without KVM a run of all takes about a quarter of an hour.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAppliance } from '../src/backends/appliance/build/build.ts';
import { daemonBundle, fixedAppliance } from '../src/backends/appliance/build/locate.ts';
import { planAppliance } from '../src/backends/appliance/build/plan.ts';
import { hasPerlModule, run, temporaryFolder } from '../test/support/tools.ts';
import { CASES, type Case } from './interop/cases.ts';
import { makeImages } from './interop/images.ts';
import { folderState, sumOf } from './interop/state.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** Where stock programs are, ours carry the same names. */
const PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const installed = (tool: string): boolean => PATH.some((folder) => existsSync(join(folder, tool)));

/** What a command gives and leaves with an appliance, its own where none is named; the folder is made, and removed. */
async function outcome(
  { command, inputs, masks = [] }: Case,
  images: string,
  folder: string,
  appliance: string | undefined,
): Promise<{ text: string; seconds: number }> {
  mkdirSync(folder);
  for (const name of inputs) run('cp', '-a', '--sparse=always', join(images, name), folder);
  const before = new Map(
    inputs
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, sumOf(join(folder, name))]),
  );
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: PATH.join(':'),
    INTEROP: join(import.meta.dirname, 'interop'),
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
  };
  delete environment['LIBGUESTFS_PATH'];
  if (appliance !== undefined) environment['LIBGUESTFS_PATH'] = appliance;
  const start = Math.floor(Date.now() / 1000);
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
    input: '',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  const seconds = Math.round(Date.now() / 1000 - start);
  const left = await folderState(folder, before, start);
  rmSync(folder, { recursive: true });
  const text = [`status ${status}`, stdout, `stderr: ${stderr}`, ...left].join('\n');
  return { text: masks.reduce((masked, { pattern, by }) => masked.replace(pattern, by), text), seconds };
}

/** Lines that differ, as diff(1) shows them. */
function difference(folder: string, theirs: string, ours: string): string {
  const [a, b] = [join(folder, 'its-own'), join(folder, 'ours')];
  writeFileSync(a, theirs);
  writeFileSync(b, ours);
  return spawnSync('diff', ['-U1', a, b], { encoding: 'utf8' }).stdout;
}

async function tryCase(example: Case, folder: string, images: string, appliance: string): Promise<void> {
  const missing = example.tools.filter((tool) => !installed(tool));
  const { module } = example;
  if (module !== undefined && !hasPerlModule(module)) missing.push(module);
  if (missing.length > 0) {
    say(`SKIPPED  ${example.command}: ${missing.join(', ')} is not installed`);
    return;
  }
  // One folder for both, so that no path differs.
  const theirs = await outcome(example, images, join(folder, 'run'), undefined);
  const ours = await outcome(example, images, join(folder, 'run'), appliance);
  const same = theirs.text === ours.text;
  if (same !== (example.differs === undefined)) process.exitCode = 1;
  const word = same ? 'same   ' : example.differs === undefined ? 'DIFFERS' : 'differs';
  const lines = theirs.text.split('\n').length - 1;
  say(`${word}  ${example.command} (${lines} lines, ${theirs.seconds} s and ${ours.seconds} s)`);
  for (const { why } of example.masks ?? []) say(`         not compared: ${why}`);
  if (example.differs !== undefined) {
    say(`         ${same ? 'EXPECTED TO DIFFER' : 'known'}: ${example.differs}`);
  } else if (!same) say(difference(folder, theirs.text, ours.text));
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((tool) => !CASES.some(({ tools }) => tools[0] === tool));
const chosen = CASES.filter(({ tools, onlyNamed = false }) =>
  wanted.length === 0 ? !onlyNamed : wanted.includes(tools[0] as string),
);
const { path: folder, remove } = temporaryFolder();
try {
  const daemon = daemonBundle();
  let appliance = fixedAppliance(process.env['LIBGUESTFS_PATH'] ?? '');
  if (unknown.length > 0) {
    say(
      `no such tool: ${unknown.join(', ')}; known: ${[...new Set(CASES.map(({ tools }) => tools[0]))].join(' ')}`,
    );
    process.exitCode = 2;
  } else if (!chosen.some(({ tools }) => tools.every(installed))) {
    say('SKIPPED: the tools of libguestfs are not installed');
  } else if (appliance === undefined && daemon === undefined) {
    say('SKIPPED: dist/bin/guestfsd.cjs is not built');
  } else {
    if (appliance === undefined && daemon !== undefined) {
      appliance = join(folder, 'appliance');
      mkdirSync(appliance);
      writeAppliance(appliance, planAppliance({ daemon }));
    }
    const images = join(folder, 'images');
    mkdirSync(images);
    await makeImages(images);
    for (const example of chosen) await tryCase(example, folder, images, appliance as string);
    for (const { command } of wanted.length === 0 ? CASES.filter(({ onlyNamed }) => onlyNamed) : []) {
      say(`SKIPPED  ${command}: runs where its tool is named`);
    }
  }
} finally {
  remove();
}
