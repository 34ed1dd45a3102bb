import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { Transform } from './transform.ts';

/** Bytes read back in one piece. */
const CHUNK = 256 * 1024;

/**
 * Compress with a program of the host (`xz`, `bzip2`, `zstd`, `lzop`). Synchronous code cannot talk to a pipe on
 * both ends, so input and output pass through files without a name. Throws
 * UnsupportedError naming the program where the host lacks it, as soon as the compressor is asked for.
 */
export function externalCompressor(program: string, args: readonly string[]): Transform {
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const check = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if (check.error !== undefined) {
    throw new UnsupportedError(
      `compressing needs the program ${program}, which this host does not have; install it or choose gzip`,
      { cause: check.error },
    );
  }
  const { input, output } = temporaryFiles();
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    closeSync(input);
    closeSync(output);
  };
  let position = 0;
  return {
    push(chunk) {
      for (let done = 0; done < chunk.length;) {
        const count = writeSync(input, chunk, done, chunk.length - done, position);
        done += count;
        position += count;
      }
      return [];
    },
    *end() {
      try {
        // Everything was written by position, so the program begins to read at the start.
        const { spawnSync } = process.getBuiltinModule('node:child_process');
        const run = spawnSync(program, args, { stdio: [input, output, 'pipe'] });
        if (run.status !== 0) {
          throw new GuestfsError(
            'EIO',
            `${program} failed: ${run.stderr?.toString().trim() || 'no message'}`,
          );
        }
        for (let at = 0; ;) {
          const bytes = new Uint8Array(CHUNK);
          const count = readSync(output, bytes, 0, CHUNK, at);
          if (count === 0) break;
          at += count;
          yield bytes.subarray(0, count);
        }
      } finally {
        close();
      }
    },
    close,
  };
}

/** Two files that have no name any more when this returns, so that nothing is left behind whatever happens. */
function temporaryFiles(): { input: number; output: number } {
  const folder = mkdtempSync(join(tmpdir(), 'guestfs-'));
  try {
    const input = openSync(join(folder, 'input'), 'wx+', 0o600);
    const output = openSync(join(folder, 'output'), 'wx+', 0o600);
    return { input, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
