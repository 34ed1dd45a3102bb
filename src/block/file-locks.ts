import { readFileSync, statSync } from 'node:fs';

/** Bytes of a file on which QEMU holds locks for permissions it uses; the second is "write". */
const QEMU_WRITE_BYTE = 101;

/**
 * An image that nobody wrote to for this long, in milliseconds, is not looked up: reading /proc/locks makes the kernel
 * wait about 10 ms for all its processors, and a running guest writes to its disk every few minutes.
 */
const QUIET = 60 * 60 * 1000;

/**
 * Who else has a host file open for writing, as far as locks tell: a running QEMU (which locks byte 101 of its
 * images), or a program that holds a write lock on the file. Undefined where nobody is seen, also where the
 * system does not show locks. Only Linux does, in /proc/locks.
 */
export function otherWriter(path: string): string | undefined {
  let table: string;
  let device: string;
  let inode: string;
  try {
    const stat = statSync(path, { bigint: true });
    if (Date.now() - Number(stat.mtimeMs) > QUIET) return undefined;
    table = readFileSync('/proc/locks', 'latin1');
    const major = ((stat.dev >> 8n) & 0xfffn) | ((stat.dev >> 32n) & ~0xfffn);
    const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & ~0xffn);
    device = `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`;
    inode = String(stat.ino);
  } catch {
    return undefined;
  }
  if (!table.includes(inode)) return undefined;
  for (const line of table.split('\n')) {
    // 1: OFDLCK ADVISORY  READ -1 fe:01:1234 101 101
    const fields = line.trim().split(/\s+/);
    const at = fields[1] === '->' ? 2 : 1;
    const [kind, , mode, owner, file, start, end] = fields.slice(at);
    if (file !== `${device}:${inode}` || kind === undefined || owner === String(process.pid)) continue;
    if (kind === 'OFDLCK' && covers(start, end, QEMU_WRITE_BYTE)) return 'a running QEMU';
    if (mode === 'WRITE') return owner === '-1' ? 'another program' : `the process ${owner}`;
  }
  return undefined;
}

function covers(start: string | undefined, end: string | undefined, byte: number): boolean {
  return Number(start) <= byte && (end === 'EOF' || byte <= Number(end));
}
