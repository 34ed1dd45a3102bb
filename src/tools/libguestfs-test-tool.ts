import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { arch, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { EXIT } from './common/errors.ts';
import { createHandle } from './common/handle.ts';
import { runTool, type ToolContext } from './common/run.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { testToolSpec } from './specs/wrappers.ts';

const DISK = 16 * 1024 * 1024;

/** libguestfs-test-tool: does it work here? */
export async function main(args: readonly string[], spec: ToolSpec = testToolSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    let seconds = 600;
    for (const { name, value } of context.line.options) {
      if (name !== 'timeout') continue;
      seconds = Number(value);
      if (!Number.isInteger(seconds) || seconds <= 0)
        throw new UsageError(`--timeout ${value}: not a number of seconds`);
    }
    const timer = setTimeout(() => {
      context.err.write(`libguestfs-test-tool: nothing came back after ${seconds} seconds\n`);
      context.err.flush();
      process.exit(EXIT.failure);
    }, seconds * 1000);
    try {
      await check(context);
    } finally {
      clearTimeout(timer);
    }
    return EXIT.ok;
  });
}

/** Tell about the machine, launch a handle on a new disk, and look whether the disk is there. */
async function check({ out }: ToolContext): Promise<void> {
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('LIBGUESTFS_') || name === 'TMPDIR' || name === 'PATH')
      out.write(`${name}=${value}\n`);
  }
  out.write(`node: ${process.version}\n`);
  out.write(
    `host: ${platform()} ${release()} ${arch()}, ${Math.round(totalmem() / 2 ** 20)} MiB of memory\n`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'guestfs-test-'));
  try {
    const disk = join(folder, 'disk.img');
    writeFileSync(disk, '');
    truncateSync(disk, DISK);
    // The worker is what programs use; a tool alone would not show whether it starts.
    const handle = await createHandle({ thread: 'worker' });
    try {
      const { major, minor, release: patch, extra } = await handle.version();
      out.write(`API level: ${major}.${minor}.${patch}${extra}\n`);
      out.write(`backend: ${await handle.getBackend()}\n`);
      await handle.addDrive(disk, { format: 'raw', readonly: true });
      const started = process.hrtime.bigint();
      await handle.launch();
      const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
      out.write(`launched in ${milliseconds.toFixed(1)} ms\n`);
      const devices = await handle.listDevices();
      const size = devices[0] === undefined ? 0 : await handle.blockdevGetsize64(devices[0]);
      if (devices.length !== 1 || size !== DISK) {
        throw new Error(
          `a disk of ${DISK} bytes was added, but ${JSON.stringify(devices)} with ${size} bytes came out`,
        );
      }
    } finally {
      await handle.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  out.write('===== TEST FINISHED OK =====\n');
}
