import { statSync } from 'node:fs';
import type { Statns } from '../actions/generated/structs.ts';
import type { ExtractOptions, FileTarget } from '../backends/backend.ts';
import { hostError } from '../backends/io/host-error.ts';
import { Unpacker } from '../backends/io/tar-extractor.ts';
import type { TarEntry } from '../backends/io/tar-reader.ts';
import { GuestfsError } from '../errors/index.ts';
import type { HandleCore } from './core.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../filesystems/mode.ts';

/**
 * Copy a file or a folder with all that is in it from the guest into a folder of the host, under its own name.
 * Everything goes through a tar stream that is unpacked as if a stranger had made it; see TarExtractor.
 */
export async function copyOut(
  core: HandleCore,
  remotePath: string,
  localDirectory: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const links = options['links'] ?? 'inside';
  if (links !== 'inside' && links !== 'all') {
    throw new GuestfsError('EINVAL', `links is '${String(links)}', it must be inside or all`);
  }
  checkFolder(localDirectory);
  const stat = (await core.daemonCall('lstatns', [remotePath])) as Statns;
  const name = remotePath.split('/').findLast((part) => part !== '') ?? '';
  if (name === '.' || name === '..') {
    throw new GuestfsError('EINVAL', `${remotePath}: ends in no name to copy it under`, { path: remotePath });
  }
  const extract: ExtractOptions = { links };
  switch (stat.stMode & S_IFMT) {
    case S_IFDIR:
      // The name of the root is empty: its content goes into the folder itself.
      if (name !== '') extract.prefix = name;
      await core.daemonCall('tar_out', [remotePath], { numericowner: true }, output(localDirectory, extract));
      return;
    case S_IFREG:
      extract.single = entryOf('file', name, stat);
      await core.daemonCall('download', [remotePath], {}, output(localDirectory, extract));
      return;
    case S_IFLNK: {
      const link = (await core.daemonCall('readlink', [remotePath])) as string;
      const unpacker = new Unpacker(localDirectory, { links }, (message) => core.warn(message));
      unpacker.entry({ ...entryOf('symlink', name, stat), link });
      unpacker.end();
      return;
    }
    default:
      throw new GuestfsError('EINVAL', `${remotePath}: is neither a file nor a folder nor a link`, {
        path: remotePath,
      });
  }
}

function output(directory: string, options: ExtractOptions): { output: FileTarget } {
  return { output: { kind: 'extract', directory, options } };
}

function entryOf(type: 'file' | 'symlink', name: string, stat: Statns): TarEntry {
  const mtime = stat.stMtimeSec + stat.stMtimeNsec / 1e9;
  return { type, name, link: '', mode: stat.stMode & 0o7777, mtime, size: stat.stSize };
}

function checkFolder(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    throw hostError(error, 'cannot copy into it', path);
  }
  throw new GuestfsError('ENOTDIR', `${path}: cannot copy into it: it is no folder`, { path });
}
