/** Finds out, within a time limit, how a machine can be run here: which acceleration, and whether qemu has a sandbox. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';
import { applianceCache, KEPT_DAYS, keepValue, noteUse, tidyCache } from '../build/cache.ts';
import { isSet, type MachineSettings } from './settings.ts';

/** How a machine's instructions are run. */
export type Acceleration = 'kvm' | 'tcg';

/** What qemu can do on this host. */
export interface Hypervisor {
  acceleration: Acceleration;
  sandbox: boolean;
  version: string;
  /** What the user ought to know, in one sentence: there is KVM, and it does not work. */
  warning?: string;
  /** Why there is no acceleration where nothing is wrong. */
  note?: string;
}

/** Milliseconds that a machine on KVM may take until its firmware says its first word. */
const KVM_LIMIT = 3000;
/** Milliseconds that qemu may take to tell its version. */
const VERSION_LIMIT = 30_000;
/** Port to which SeaBIOS writes what it does. */
const DEBUG_PORT = '0x402';

/**
 * What the program of the settings can do. KVM is believed only if a machine has run on it. The answer is kept until the host
 * boots again or the program changes. Throws ENOENT or EACCES for a program that cannot be run, EINVAL for force_kvm without KVM.
 */
export async function probeHypervisor(settings: MachineSettings): Promise<Hypervisor> {
  const { hv, cachedir } = settings;
  const kept = keptAnswer(settings);
  let found = readKept(kept);
  if (found === undefined) {
    found = await probe(settings);
    keepValue(kept, found);
    tidyCache(applianceCache(cachedir), kept, KEPT_DAYS);
  } else noteUse(kept);
  if (isSet(settings, 'force_kvm') && found.acceleration !== 'kvm') {
    throw new GuestfsError(
      'ENOTSUP',
      `force_kvm is set, but KVM cannot be used with ${hv}: ${found.warning ?? found.note ?? 'unknown reason'}`,
    );
  }
  return found;
}

/** Note that the user was warned: later launches say it as a note, until the host boots again or the program changes. */
export function warned(settings: MachineSettings, { warning: note, ...found }: Hypervisor): void {
  keepValue(keptAnswer(settings), { ...found, note });
}

/**
 * Note that KVM does not work after all: a machine ran on it, but did not get far. Later launches are told the same. Returns
 * what can be done now.
 */
export function withoutKvm(settings: MachineSettings, found: Hypervisor, reason: string): Hypervisor {
  const without: Hypervisor = {
    version: found.version,
    sandbox: found.sandbox,
    acceleration: 'tcg',
    warning: noKvmWarning(reason),
  };
  keepValue(keptAnswer(settings), without);
  return without;
}

const noKvmWarning = (reason: string): string =>
  `/dev/kvm is there, but ${reason}: the machine runs without acceleration`;

/** File that keeps the answer. */
function keptAnswer(settings: MachineSettings): string {
  return join(applianceCache(settings.cachedir), `hypervisor-${keyOf(settings)}.json`);
}

/** What makes the answer another one: the program, the kernel's life, the rights on /dev/kvm, and what is forced. */
function keyOf(settings: MachineSettings): string {
  const hash = createHash('sha256');
  const add = (value: unknown): void => void hash.update(`${String(value)}\0`);
  add(settings.hv);
  try {
    const { mtimeMs, size } = statSync(settings.hv);
    add(`${mtimeMs} ${size}`);
  } catch {
    // A name on PATH, or nothing; running it will tell.
  }
  try {
    add(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  } catch {
    // No Linux: the answer is kept for longer.
  }
  add(kvmProblem());
  add(isSet(settings, 'force_tcg'));
  return hash.digest('hex').slice(0, 16);
}

function readKept(path: string): Hypervisor | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Hypervisor;
  } catch {
    return undefined;
  }
}

/** Why KVM is out of the question, or undefined. */
function kvmProblem(): string | undefined {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return missing ? 'this host has no /dev/kvm' : 'this user may not use /dev/kvm';
  }
}

async function probe(settings: MachineSettings): Promise<Hypervisor> {
  const { hv } = settings;
  const told = await finish(start(hv, ['-version']), VERSION_LIMIT);
  const version = /version (\S+)/.exec(told.output)?.[1];
  if (told.error !== undefined || version === undefined) {
    const code = told.error?.code === 'EACCES' ? 'EACCES' : 'ENOENT';
    const reason = told.error?.message ?? (told.output.trim() || `it ended with status ${told.status}`);
    throw new GuestfsError(
      code,
      `${hv}: cannot be run as a virtual machine: ${reason}. Install qemu (Debian: qemu-system-x86), or set LIBGUESTFS_HV`,
      { path: hv },
    );
  }
  const refused = await finish(
    start(hv, ['-sandbox', 'on', '-machine', 'none', '-accel', 'help']),
    VERSION_LIMIT,
  );
  const sandbox = !/sandbox/.test(refused.output);
  const base = { sandbox, version };
  if (isSet(settings, 'force_tcg')) return { ...base, acceleration: 'tcg' };
  const problem = kvmProblem();
  if (problem !== undefined) return { ...base, acceleration: 'tcg', note: problem };
  const reason = await tryKvm(hv);
  if (reason === undefined) return { ...base, acceleration: 'kvm' };
  return { ...base, acceleration: 'tcg', warning: noKvmWarning(reason) };
}

/** Run a machine without disks until its firmware speaks. Returns what was wrong, or undefined. */
async function tryKvm(hv: string): Promise<string | undefined> {
  // Only the firmware of PCs has this port; elsewhere a machine that lives for a while has to do.
  const speaks = process.arch === 'x64';
  const machine = speaks ? 'q35' : 'virt';
  const args = [
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-machine',
    `${machine},accel=kvm`,
    '-cpu',
    'host',
    '-m',
    '64',
  ];
  if (speaks)
    args.push(
      '-chardev',
      'stdio,id=debug,signal=off',
      '-device',
      `isa-debugcon,iobase=${DEBUG_PORT},chardev=debug`,
    );
  const child = start(hv, args);
  return new Promise((resolve) => {
    let errors = '';
    const end = (reason: string | undefined): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(reason);
    };
    const limit = `a machine on it did nothing for ${KVM_LIMIT / 1000} s`;
    const timer = setTimeout(() => end(speaks ? limit : undefined), KVM_LIMIT);
    child.stdout?.once('data', () => end(undefined));
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.once('error', (error) => end(error.message));
    child.once('exit', () => end(errors.trim().split('\n').at(-1) || 'the machine ended at once'));
  });
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function finish(
  child: ChildProcess,
  limit: number,
): Promise<{ output: string; status: number | null; error?: NodeJS.ErrnoException }> {
  return new Promise((resolve) => {
    let output = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    const collect = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ output, status: null, error });
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ output, status });
    });
  });
}
