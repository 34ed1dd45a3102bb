/**
 * The actions that libguestfs answers in its library, on top of what its daemon has. They lift the limit of a
 * message: whole files and long lists come as streams, and long lists of names are asked for in parts.
 */
import type { Application, Application2, Stat, Statns } from '../../actions/generated/structs.ts';
import { decodeText } from '../../bytes/text.ts';
import { application2 } from '../../daemon/applications.ts';
import { BUFFER_CAP, TEXT_CAP } from '../../daemon/content.ts';
import { statOf } from '../../daemon/statns.ts';
import { TextList } from '../../daemon/text-list.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { apkPackages } from '../../formats/apk.ts';
import { MemoryContent } from '../../formats/content.ts';
import { dpkgPackages } from '../../formats/dpkg.ts';
import { LARGEST_DATABASE } from '../../formats/package.ts';
import { OLD_READDIR } from '../../rpc/procedures.ts';
import { readStructStream } from '../../rpc/xdr/results.ts';
import { sortBytes } from '../../vfs/order.ts';

/** What these actions are made of: calls of the daemon. */
export interface DaemonCalls {
  /** Call an action that has a procedure number; `procedure` is another number for the same action. */
  call(action: string, args: readonly unknown[], procedure?: number): Promise<unknown>;
  /** Call an action that writes to a FileOut; gives what it wrote, at most `cap` bytes. */
  gather(action: string, args: readonly unknown[], cap: number): Promise<Uint8Array>;
  /** Call an action that reads bytes from a FileIn. */
  send(action: string, args: readonly unknown[], bytes: Uint8Array): Promise<unknown>;
}

type LibraryAction = (daemon: DaemonCalls, args: readonly unknown[]) => Promise<unknown>;

/** Most bytes of a write that goes as one message. */
const ONE_MESSAGE = 2 * 1024 * 1024;
/** Names that one message asks about. */
const NAMES = 1000;
/** Bytes of names that one message asks about. */
const NAMES_BYTES = 1024 * 1024;

const file = (path: unknown): { path: string } => ({ path: path as string });

async function readLines(daemon: DaemonCalls, path: string): Promise<string[]> {
  const bytes = await daemon.gather('download', [file(path)], TEXT_CAP);
  const found = new TextList(path);
  found.addLines(bytes);
  return found.lines;
}

/** Names that end with a NUL each, in the order of their bytes. */
async function sortedNames(daemon: DaemonCalls, action: string, directory: unknown): Promise<string[]> {
  const bytes = await daemon.gather(action, [directory], TEXT_CAP);
  const names: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const nul = bytes.indexOf(0, start);
    const end = nul < 0 ? bytes.length : nul;
    names.push(decodeText(bytes, start, end));
    start = end + 1;
  }
  return sortBytes(names);
}

async function readdir(daemon: DaemonCalls, directory: unknown): Promise<unknown> {
  try {
    const bytes = await daemon.gather('internal_readdir', [directory], BUFFER_CAP);
    return readStructStream(bytes, 'dirent');
  } catch (error) {
    if (!isUnknownProcedure(error)) throw error;
    return daemon.call('readdir', [directory], OLD_READDIR);
  }
}

/** True for what a daemon answers to a procedure that it does not have. */
export function isUnknownProcedure(error: unknown): boolean {
  return (
    error instanceof GuestfsError &&
    (error.code === 'ENOSYS' || /\bunknown procedure number\b/.test(error.message))
  );
}

/** Ask about names in parts, none larger than a message; where the answer is too large for one, in smaller parts. */
async function inParts<T>(
  names: readonly string[],
  ask: (part: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = [];
  let most = NAMES;
  for (let at = 0; at < names.length;) {
    const part = partOf(names, at, most);
    try {
      for (const item of await ask(part)) found.push(item);
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'E2BIG' || part.length === 1) throw error;
      most = Math.ceil(part.length / 2);
      continue;
    }
    at += part.length;
  }
  return found;
}

function partOf(names: readonly string[], from: number, most: number): readonly string[] {
  let bytes = 0;
  let to = from;
  while (to < names.length && to - from < most) {
    // A unit of a string has at most three bytes.
    bytes += (names[to] as string).length * 3 + 8;
    if (bytes > NAMES_BYTES && to > from) break;
    to++;
  }
  return names.slice(from, to);
}

/** Package databases that are one text, with what reads it. */
const PACKAGE_TEXTS = {
  deb: { paths: ['/var/lib/dpkg/status'], parse: dpkgPackages },
  apk: { paths: ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'], parse: apkPackages },
} as const;

/** The packages of a guest that is inspected and mounted, sorted by name: rpm's by the daemon, others out of their text. */
async function applications(daemon: DaemonCalls, root: unknown): Promise<Application2[]> {
  const format = (await daemon.call('inspect_get_package_format', [root])) as string;
  if (format === 'rpm') return (await daemon.call('internal_list_rpm_applications', [])) as Application2[];
  if (format !== 'deb' && format !== 'apk') {
    if (format === 'unknown') return [];
    throw new UnsupportedError(
      `packages of the format ${format} are not read from a daemon of libguestfs; a guestfsd of this package does it`,
    );
  }
  const { paths, parse } = PACKAGE_TEXTS[format];
  for (const path of paths) {
    if (!(await daemon.call('exists', [path]))) continue;
    const bytes = await daemon.gather('download', [file(path)], LARGEST_DATABASE);
    const packages = Array.from(parse(new MemoryContent(bytes), path));
    packages.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return packages.map(application2);
  }
  return [];
}

/** The older struct out of the newer. */
function older(found: Application2): Application {
  return {
    appName: found.app2Name,
    appDisplayName: found.app2DisplayName,
    appEpoch: found.app2Epoch,
    appVersion: found.app2Version,
    appRelease: found.app2Release,
    appInstallPath: found.app2InstallPath,
    appTransPath: found.app2TransPath,
    appPublisher: found.app2Publisher,
    appUrl: found.app2Url,
    appSourcePackage: found.app2SourcePackage,
    appSummary: found.app2Summary,
    appDescription: found.app2Description,
  };
}

/** Extended attributes of several files: each file's begin with one without a name, whose value counts them. */
const listOf =
  (action: string): LibraryAction =>
  (daemon, [path, names]) =>
    inParts(names as readonly string[], (part) => daemon.call(action, [path, part]) as Promise<unknown[]>);

const streamOf =
  (action: string, struct: string): LibraryAction =>
  async (daemon, args) =>
    readStructStream(await daemon.gather(action, args, BUFFER_CAP), struct);

/** The library's actions by their API names. */
export const libraryActions: Readonly<Record<string, LibraryAction | undefined>> = {
  cat: async (daemon, [path]) => decodeText(await daemon.gather('download', [file(path)], TEXT_CAP)),

  read_file: (daemon, [path]) => daemon.gather('download', [file(path)], BUFFER_CAP),

  read_lines: (daemon, [path]) => readLines(daemon, path as string),

  async write(daemon, [path, content]) {
    const bytes = content as Uint8Array;
    if (bytes.length <= ONE_MESSAGE) await daemon.call('internal_write', [path, bytes]);
    else await daemon.send('upload', [file(path)], bytes);
  },

  async write_append(daemon, [path, content]) {
    const bytes = content as Uint8Array;
    let at = 0;
    do {
      await daemon.call('internal_write_append', [path, bytes.subarray(at, at + ONE_MESSAGE)]);
      at += ONE_MESSAGE;
    } while (at < bytes.length);
  },

  async find(daemon, [directory]) {
    // The daemon of libguestfs leaves a slash in front, except below `/`.
    const names = await sortedNames(daemon, 'find0', directory);
    return names.map((name) => (name.startsWith('/') ? name.slice(1) : name));
  },

  ls: (daemon, [directory]) => sortedNames(daemon, 'ls0', directory),

  readdir: (daemon, [directory]) => readdir(daemon, directory),

  readlinklist: listOf('internal_readlinklist'),
  lxattrlist: listOf('internal_lxattrlist'),
  lstatnslist: listOf('internal_lstatnslist'),

  async lstatlist(daemon, args) {
    const list = (await listOf('internal_lstatnslist')(daemon, args)) as Statns[];
    return list.map(statOf);
  },

  stat: async (daemon, [path]): Promise<Stat> => statOf((await daemon.call('statns', [path])) as Statns),

  lstat: async (daemon, [path]): Promise<Stat> => statOf((await daemon.call('lstatns', [path])) as Statns),

  inspect_list_applications2: (daemon, [root]) => applications(daemon, root),

  inspect_list_applications: async (daemon, [root]) => (await applications(daemon, root)).map(older),

  filesystem_walk: streamOf('internal_filesystem_walk', 'tsk_dirent'),
  find_inode: streamOf('internal_find_inode', 'tsk_dirent'),
  yara_scan: streamOf('internal_yara_scan', 'yara_detection'),

  async journal_get(daemon) {
    return journalFields(await daemon.gather('internal_journal_get', [], BUFFER_CAP));
  },
};

/** The fields of a journal entry: for each a length of 64 bits, then `FIELD=data`. */
function journalFields(bytes: Uint8Array): { attrname: string; attrval: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: { attrname: string; attrval: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.length - at < 8 ? -1 : Number(view.getBigUint64(at));
    if (length < 0 || length > bytes.length - at - 8) {
      throw new GuestfsError(
        'EPROTO',
        `journal_get: a field of ${length} bytes is announced at ${at} of ${bytes.length}`,
      );
    }
    const field = bytes.subarray(at + 8, at + 8 + length);
    const equals = field.indexOf(0x3d);
    if (equals < 0) throw new GuestfsError('EPROTO', `journal_get: the field at ${at} has no '='`);
    fields.push({
      attrname: decodeText(field, 0, equals),
      attrval: Uint8Array.from(field.subarray(equals + 1)),
    });
    at += 8 + length;
  }
  return fields;
}
