import { readFileSync, statSync } from 'node:fs';

/**
 * Bytes of a file by which QEMU says what it does with an image: 100 and up what it uses, 200 and up what it does not
 * let others do. The second of each is writing, the fourth resizing.
 */
export const QEMU_USES = 100;
export const QEMU_FORBIDS = 200;
export const QEMU_WRITE = 1;
export const QEMU_RESIZE = 3;
const QEMU_WRITE_BYTE = QEMU_USES + QEMU_WRITE;
const QEMU_NO_WRITE_BYTE = QEMU_FORBIDS + QEMU_WRITE;

/**
 * An image that nobody wrote to for this long, in milliseconds, is not looked up by a reader: reading /proc/locks makes
 * the kernel wait about 10 ms for all its processors, and a running guest writes to its disk every few minutes.
 */
const QUIET = 60 * 60 * 1000;

/**
 * Who else has a host file open for writing, as far as locks tell: a running QEMU (which locks byte 101 of its
 * images), or a program that holds a write lock on the file. Undefined where nobody is seen, also where the
 * system does not show locks. Only Linux does, in /proc/locks.
 */
export function otherWriter(path: string): string | undefined {
  try {
    if (Date.now() - statSync(path).mtimeMs > QUIET) return undefined;
  } catch {
    return undefined;
  }
  return holder(path, 'reading');
}

/**
 * Who forbids that a host file is written to: as {@link otherWriter}, and also a QEMU that reads it and does not
 * expect it to change.
 */
export function forbidsWriting(path: string): string | undefined {
  return holder(path, 'writing');
}

function holder(path: string, purpose: 'reading' | 'writing'): string | undefined {
  let table: string;
  let file: string;
  try {
    const stat = statSync(path, { bigint: true });
    table = readFileSync('/proc/locks', 'latin1');
    const major = ((stat.dev >> 8n) & 0xfffn) | ((stat.dev >> 32n) & ~0xfffn);
    const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & ~0xffn);
    file = `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}:${stat.ino}`;
  } catch {
    return undefined;
  }
  if (!table.includes(file)) return undefined;
  for (const line of table.split('\n')) {
    // 1: OFDLCK ADVISORY  READ -1 fe:01:1234 101 101
    const fields = line.trim().split(/\s+/);
    const at = fields[1] === '->' ? 2 : 1;
    const [kind, , mode, owner, locked, start, end] = fields.slice(at);
    if (locked !== file || kind === undefined) continue;
    if (kind === 'OFDLCK') {
      if (covers(start, end, QEMU_WRITE_BYTE)) return 'a running QEMU';
      if (purpose === 'writing' && covers(start, end, QEMU_NO_WRITE_BYTE)) {
        return 'a running QEMU that reads it';
      }
    }
    // Who writes has a flock of its own by now, which the kernel shows as its helper's.
    if (owner === String(process.pid) || (purpose === 'writing' && kind === 'FLOCK')) continue;
    if (mode === 'WRITE') return owner === '-1' ? 'another program' : `the process ${owner}`;
  }
  return undefined;
}

function covers(start: string | undefined, end: string | undefined, byte: number): boolean {
  return Number(start) <= byte && (end === 'EOF' || byte <= Number(end));
}
