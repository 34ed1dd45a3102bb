import type { AttributeChanges, Timestamp } from '../../filesystems/writer.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';
import type { ActionContext } from '../context.ts';
import { dropPrivileges, invalid, now, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

function chmod(context: ActionContext, mode: number, path: string): void {
  if (mode < 0) throw invalid(path, `the mode ${mode} is negative`);
  writerOf(context).setAttributes(context.platform.files.resolve(path), { mode: mode & 0o7777 });
}

/** -1 leaves an id; what makes a file run as somebody else goes with its owner (chown(2)). */
function chown(
  context: ActionContext,
  owner: number,
  group: number,
  path: string,
  followLast: boolean,
): void {
  const { files } = context.platform;
  if (owner < -1 || group < -1) throw invalid(path, `the ids ${owner}:${group} are negative`);
  const file = files.resolve(path, { followLast });
  const { mode } = files.stat(file);
  const changes: AttributeChanges = {};
  if (owner >= 0) changes.uid = owner;
  if (group >= 0) changes.gid = group;
  const type = mode & S_IFMT;
  const writer = writerOf(context);
  if (type === S_IFDIR || type === S_IFLNK) {
    writer.setAttributes(file, changes);
    return;
  }
  const kept = mode & 0o7777 & ~0o4000 & ~((mode & 0o010) !== 0 ? 0o2000 : 0);
  writer.setAttributes(file, kept === (mode & 0o7777) ? changes : { ...changes, mode: kept });
  dropPrivileges(context, file);
}

const UTIME_NOW = -1;
const UTIME_OMIT = -2;

function timeOf(path: string, seconds: number, nanoseconds: number): Timestamp | undefined {
  if (nanoseconds === UTIME_NOW) return now();
  if (nanoseconds === UTIME_OMIT) return undefined;
  if (nanoseconds < 0 || nanoseconds > 999_999_999) {
    throw invalid(path, `${nanoseconds} nanoseconds are not in the range 0 to 999999999, nor -1 or -2`);
  }
  return { seconds, nanoseconds };
}

function utimens(
  context: ActionContext,
  path: string,
  atsecs: number,
  atnsecs: number,
  mtsecs: number,
  mtnsecs: number,
): void {
  const file = context.platform.files.resolve(path, { followLast: false });
  const atime = timeOf(path, atsecs, atnsecs);
  const mtime = timeOf(path, mtsecs, mtnsecs);
  if (atime === undefined && mtime === undefined) return;
  writerOf(context).setAttributes(file, {
    ...(atime === undefined ? {} : { atime }),
    ...(mtime === undefined ? {} : { mtime }),
  });
}

/** Modes, owners and times. */
export const attributesActions = {
  chmod,

  chown: (context, owner, group, path) => chown(context, owner, group, path, true),

  lchown: (context, owner, group, path) => chown(context, owner, group, path, false),

  utimens,
} satisfies Partial<DaemonActions>;
