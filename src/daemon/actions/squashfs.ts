import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestPath, optional, toolsOf } from '../tools.ts';

const CHUNK = 256 * 1024;

/** squashfs images, by mksquashfs(1), which can write to a file only. */
export const squashfsActions = {
  mksquashfs(context, path, filename, { compress, excludes = [] }) {
    if (compress !== undefined && !/^[a-z0-9]+$/.test(compress)) {
      throw new GuestfsError(
        'EINVAL',
        `compress is ${JSON.stringify(compress)}, expected the name of a compressor`,
      );
    }
    const tools = toolsOf(context);
    const source = guestPath(context, path);
    tools.withFolder((folder) => {
      const image = join(folder, 'image');
      const list = join(folder, 'excludes');
      writeFileSync(list, encodeText(excludes.map((line) => `${line}\n`).join('')));
      tools.run(
        'mksquashfs',
        [
          source,
          image,
          '-noappend',
          '-no-progress',
          '-no-recovery',
          ...optional('-comp', compress),
          '-wildcards',
          ...(excludes.length === 0 ? [] : ['-ef', list]),
        ],
        { about: { path } },
      );
      const fd = openSync(image, 'r');
      try {
        const chunk = new Uint8Array(CHUNK);
        for (;;) {
          context.checkCancelled();
          const count = readSync(fd, chunk, 0, chunk.length, null);
          if (count === 0) return;
          filename.write(chunk.subarray(0, count));
        }
      } finally {
        closeSync(fd);
      }
    });
  },
} satisfies Partial<DaemonActions>;
