/** Builds an appliance: a folder with kernel, initrd, root and README.fixed, which stock libguestfs boots as well. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { uuidText } from '../../../bytes/guid.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { hostError } from '../../io/host-error.ts';
import { MARK } from './cache.ts';
import { cpioOf } from './cpio.ts';
import { unpackKernel } from './kernel-image.ts';
import { COMPILED_FILE, compileDaemon } from './daemon-start.ts';
import { type AppliancePlan, DAEMON_HOME } from './plan.ts';
import { rootImageSize, sectorsOf, writeRootImage } from './root-image.ts';
import { initrdScript } from './scripts.ts';

/** What was built. */
export interface BuiltAppliance {
  /** Bytes. */
  kernel: number;
  initrd: number;
  root: number;
  /** Milliseconds. */
  took: number;
  /** False where the kernel has to unpack itself at every start. */
  direct: boolean;
  /** Why the daemon has to be compiled at every start; absent where it has not. */
  notCompiled?: string;
}

/** UUID of the root: from the key, so that the same inputs make the same root. */
function uuidOf(key: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(key.slice(0, 32), 'hex'));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

/** Fill an empty folder with an appliance. README.fixed comes last. Throws what reading and writing throw. */
export function writeAppliance(folder: string, plan: AppliancePlan): BuiltAppliance {
  const started = performance.now();
  const kernel = unpackKernel(readFileSync(plan.kernel.path));
  writeFileSync(join(folder, 'kernel'), kernel.bytes, { flag: 'wx', mode: 0o644 });
  const compiled = compileDaemon(plan.daemon);
  if ('bytes' in compiled) plan.root.content(join(DAEMON_HOME, COMPILED_FILE), compiled.bytes);
  const size = rootImageSize(plan.root);
  const uuid = uuidOf(plan.key);
  writeRootImage(join(folder, 'root'), plan.root, size, uuid);
  const facts = { uuid: uuidText(uuid), sectors: sectorsOf(size), modules: plan.modules };
  plan.initrd.content('/init', initrdScript(facts), 0o755);
  const initrd = cpioOf(plan.initrd);
  writeFileSync(join(folder, 'initrd'), initrd, { flag: 'wx', mode: 0o644 });
  const took = performance.now() - started;
  const built = {
    kernel: kernel.bytes.length,
    initrd: initrd.length,
    root: size,
    took,
    direct: kernel.direct,
    ...('reason' in compiled ? { notCompiled: compiled.reason } : {}),
  };
  writeFileSync(join(folder, MARK), readme(plan, built), { flag: 'wx', mode: 0o644 });
  return built;
}

function readme(plan: AppliancePlan, built: BuiltAppliance): string {
  return `This folder is an appliance for guestfs, and for libguestfs as a fixed appliance: set LIBGUESTFS_PATH to it.
It was made by \`guestfs appliance build\` out of the programs and the kernel of one host, and holds their licences'
works: whoever passes it on passes them on.

kernel: ${plan.kernel.version}${built.direct ? ', unpacked' : ''}
daemon: ${built.notCompiled === undefined ? 'compiled' : `not compiled (${built.notCompiled})`}
inputs: ${plan.key}
`;
}

/**
 * Build into a folder of the user's choice. It must not be there, be empty or hold an appliance, which is replaced.
 * Throws EEXIST where it holds something else.
 */
export function buildInto(folder: string, plan: AppliancePlan): BuiltAppliance {
  const target = resolve(folder);
  const unfinished = join(dirname(target), `.${process.pid}-appliance.part`);
  try {
    const there = existsSync(target) ? readdirSync(target) : [];
    if (there.length > 0 && !there.includes(MARK)) {
      throw new GuestfsError('EEXIST', `${target}: it holds something that is no appliance`, {
        path: target,
      });
    }
    mkdirSync(dirname(target), { recursive: true });
    mkdirSync(unfinished);
    const built = writeAppliance(unfinished, plan);
    mkdirSync(target, { recursive: true });
    for (const name of [MARK, 'kernel', 'initrd', 'root']) rmSync(join(target, name), { force: true });
    for (const name of ['kernel', 'initrd', 'root', MARK])
      renameSync(join(unfinished, name), join(target, name));
    return built;
  } catch (error) {
    throw error instanceof Error && 'syscall' in error
      ? hostError(error, 'cannot build an appliance', target)
      : error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
