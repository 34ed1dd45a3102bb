/** What a run leaves behind, as lines to compare: disks by what the engine and e2fsck find in them, folders, archives. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { S_IFMT, S_IFREG } from '../../src/filesystems/mode.ts';
import { Guestfs } from '../../src/handle/index.ts';
import { walkByDirectory } from '../../src/tools/common/walk-by-directory.ts';
import { run } from '../../test/support/tools.ts';

/** Seconds of the epoch; times from `start` on are times of the run and told as `now`. */
type Start = number;
const DISK = /\.(qcow2|img)$/;

export function sumOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

const time = (seconds: number, nanoseconds: number, start: Start): string =>
  seconds >= start ? 'now' : `${seconds}.${String(nanoseconds).padStart(9, '0')}`;

async function tree(g: Guestfs, start: Start): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, stat, link } of walkByDirectory(g, '/')) {
    const regular = (stat.stMode & S_IFMT) === S_IFREG;
    const attributes = await g.lgetxattrs(path);
    lines.push(
      [
        path,
        stat.stMode.toString(8),
        stat.stNlink,
        `${stat.stUid}:${stat.stGid}`,
        regular ? stat.stSize : '',
        time(stat.stMtimeSec, stat.stMtimeNsec, start),
        time(stat.stCtimeSec, stat.stCtimeNsec, start),
        link ?? '',
        ...attributes.map(({ attrname, attrval }) => `${attrname}=${Buffer.from(attrval).toString('hex')}`),
        regular ? await g.checksum('sha256', path) : '',
      ].join(' '),
    );
  }
  return lines;
}

async function partitions(g: Guestfs, device: string): Promise<string[]> {
  const type = await g.partGetParttype(device).catch(() => undefined);
  if (type === undefined) return [`${device}: no partitions`];
  const lines = [`${device}: ${type}`];
  for (const { partNum, partStart, partSize } of await g.partList(device)) {
    const kind =
      type === 'gpt' ? await g.partGetGptType(device, partNum) : await g.partGetMbrId(device, partNum);
    lines.push(
      `${partNum}: ${partStart} + ${partSize}, ${kind}, ${await g.partGetBootable(device, partNum)}`,
    );
  }
  return lines;
}

async function filesystem(
  g: Guestfs,
  device: string,
  type: string,
  folder: string,
  start: Start,
): Promise<string[]> {
  const [label, uuid] = [await g.vfsLabel(device).catch(() => ''), await g.vfsUuid(device).catch(() => '')];
  const lines = [`${device}: ${type}, label "${label}", ${uuid}, ${await g.blockdevGetsize64(device)} bytes`];
  if (type.startsWith('ext')) {
    const copy = join(folder, '.filesystem');
    await g.download(device, copy);
    const { status, stdout } = spawnSync('e2fsck', ['-fn', copy], { encoding: 'utf8' });
    lines.push(status === 0 ? 'e2fsck: clean' : `e2fsck: ${stdout}`);
    rmSync(copy);
  }
  if (['swap', 'unknown'].includes(type)) return lines;
  await g.mountRo(device, '/');
  const { blocks, files, bsize } = await g.statvfs('/');
  lines.push(`${blocks} blocks of ${bsize}, ${files} inodes`, ...(await tree(g, start)));
  await g.umountAll();
  return lines;
}

async function diskState(folder: string, name: string, start: Start): Promise<string[]> {
  const { format, 'virtual-size': size } = JSON.parse(
    run('qemu-img', 'info', '--output=json', join(folder, name)),
  ) as { format: string; 'virtual-size': number };
  const lines = [`${name}: ${format}, ${size} bytes`];
  const g = new Guestfs({ environment: false });
  await g.addDrive(join(folder, name), { format, readonly: true });
  await g.launch();
  for (const device of await g.listDevices()) lines.push(...(await partitions(g, device)));
  for (const [device, type] of Object.entries(await g.listFilesystems())) {
    lines.push(...(await filesystem(g, device, type, folder, start)));
  }
  await g.close();
  return lines;
}

function hostState(folder: string, path: string, start: Start): string[] {
  const stat = lstatSync(join(folder, path), { bigint: true });
  const mode = Number(stat.mode);
  const nanoseconds = Number(stat.mtimeNs % 1_000_000_000n);
  const modified = time(Number(stat.mtimeNs / 1_000_000_000n), nanoseconds, start);
  const about = `${path} ${mode.toString(8)} ${stat.uid}:${stat.gid} ${modified}`;
  if (stat.isDirectory()) {
    const names = readdirSync(join(folder, path)).toSorted();
    return [about, ...names.flatMap((name) => hostState(folder, join(path, name), start))];
  }
  if (stat.isSymbolicLink()) return [`${about} ${run('readlink', join(folder, path)).trim()}`];
  const attributes = spawnSync('getfattr', ['--absolute-names', '-d', join(folder, path)], {
    encoding: 'utf8',
  });
  const notes = (attributes.stdout ?? '').split('\n').filter((line) => line.includes('='));
  return [`${about} ${[stat.size, sumOf(join(folder, path)), ...notes].join(' ')}`];
}

/** Entries of an archive by path, with their sums; the order of entries is that of the directories' hash tables. */
function archiveState(folder: string, name: string): string[] {
  const archive = join(folder, name);
  const entries = run('tar', '--xattrs', '--numeric-owner', '--full-time', '-tvvf', archive);
  const sums = run('tar', '-xf', archive, '--to-command=echo "$(sha256sum) $TAR_FILENAME"');
  return [`${name}:`, ...`${entries}${sums}`.split('\n').toSorted()];
}

/**
 * All that is in a folder, by what it was before the run: files of `before` (name to sum) with the same sum are told as
 * untouched.
 */
export async function folderState(
  folder: string,
  before: ReadonlyMap<string, string>,
  start: Start,
): Promise<string[]> {
  const lines: string[] = [];
  for (const name of readdirSync(folder).toSorted()) {
    if (before.has(name) && before.get(name) === sumOf(join(folder, name))) lines.push(`${name}: untouched`);
    else if (DISK.test(name)) lines.push(...(await diskState(folder, name, start)));
    else if (name.endsWith('.tar')) lines.push(...archiveState(folder, name));
    else lines.push(...hostState(folder, name, start));
  }
  return lines;
}
