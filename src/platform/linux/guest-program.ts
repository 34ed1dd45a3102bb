import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { fsPath } from './host-bytes.ts';
import type { KernelTree } from './kernel-tree.ts';
import { PROGRAM_FOLDERS } from './run-tool.ts';

/** e_machine of the ELF files that a processor runs: its own, and that of its 32-bit mode. */
const MACHINES: Readonly<Record<string, readonly number[]>> = {
  x64: [62, 3],
  ia32: [3],
  arm64: [183, 40],
  arm: [40],
  riscv64: [243],
  ppc64: [21, 20],
  s390x: [22],
};
const NAMES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 'S/390',
  40: 'ARM',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};
/** Bytes of an ELF header up to and with e_machine. */
const HEAD = 20;
const MAGIC = 0x7f454c46;

/**
 * Throws UnsupportedError where a program of the guest is for another processor: the C library would hand it to the
 * shell, whose messages tell nobody what is wrong. Whatever else may be wrong shows when it is run.
 */
export function wantRunnable(tree: KernelTree, program: string): void {
  const expected = MACHINES[process.arch];
  if (expected === undefined || emulates()) return;
  const machine = machineOf(tree, program);
  if (machine === undefined || expected.includes(machine)) return;
  throw new UnsupportedError(
    `${program}: the guest's program is for ${NAMES[machine] ?? `machine ${machine}`}, and the machine that would run it is ${process.arch}`,
    { path: program },
  );
}

function machineOf(tree: KernelTree, program: string): number | undefined {
  const candidates = program.includes('/')
    ? [program]
    : PROGRAM_FOLDERS.map((folder) => `${folder}/${program}`);
  for (const candidate of candidates) {
    try {
      return elfMachine(tree.host(tree.realpath(candidate)));
    } catch (error) {
      if (!(error instanceof GuestfsError)) return undefined;
    }
  }
  return undefined;
}

/** e_machine of an ELF file; undefined for another file. */
function elfMachine(host: string): number | undefined {
  // What is there may be a pipe, which must not be waited for.
  const fd = openSync(fsPath(host), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const head = new DataView(new ArrayBuffer(HEAD));
    if (readSync(fd, head, 0, HEAD, 0) < HEAD || head.getUint32(0) !== MAGIC) return undefined;
    return head.getUint16(HEAD - 2, head.getUint8(5) === 1);
  } finally {
    closeSync(fd);
  }
}

/** Whether the kernel hands programs of other processors to an emulator. */
function emulates(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').some((name) => name.startsWith('qemu-'));
  } catch {
    return false;
  }
}
