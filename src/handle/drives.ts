import { accessSync, closeSync, constants, ftruncateSync, openSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { hostError } from '../backends/io/host-error.ts';
import { TemporaryFolder } from '../backends/io/temporary-folder.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { checkRemote } from '../backends/appliance/launch/remote-disk.ts';
import type { MachineDrive } from '../backends/appliance/launch/settings.ts';
import type { DriveConfig } from '../platform/engine/config.ts';

/** Drives of one handle. */
export const MAX_DRIVES = 255;
/** Bytes of the drive that stands for /dev/null. */
const NULL_DRIVE_SIZE = 4096;

/** Formats of images that give back what is discarded. */
const DISCARDING_FORMATS = ['raw', 'qcow2'];

const PROTOCOLS = [
  'file',
  'ftp',
  'ftps',
  'gluster',
  'http',
  'https',
  'iscsi',
  'nbd',
  'rbd',
  'sheepdog',
  'ssh',
  'tftp',
];

/** Options of add_drive as they come, by their camelCase names. */
export interface AddDriveOptions {
  readonly?: boolean;
  format?: string;
  iface?: string;
  name?: string;
  label?: string;
  protocol?: string;
  server?: readonly string[];
  username?: string;
  secret?: string;
  cachemode?: string;
  discard?: string;
  copyonread?: boolean;
  blocksize?: number;
  backing?: 'none' | 'folder' | 'any';
  snapshot?: string;
  writes?: 'overlay' | 'refuse';
}

type Drive = MachineDrive;

const invalid = (message: string): GuestfsError => new GuestfsError('EINVAL', message);

/** The drives that were added to a handle, in their order: the first is /dev/sda. */
export class DriveList {
  readonly #tmpdir: () => string;
  #drives: Drive[] = [];
  readonly #folder = new TemporaryFolder();
  #temporary = 0;

  constructor(tmpdir: () => string) {
    this.#tmpdir = tmpdir;
  }

  get length(): number {
    return this.#drives.length;
  }

  /** What a backend opens. */
  configs(): DriveConfig[] {
    return this.#drives.map(
      ({ iface: _i, cachemode: _c, discard: _d, copyonread: _r, remote: _s, ...config }) => config,
    );
  }

  /** What a machine is given. */
  machineDrives(): MachineDrive[] {
    return this.#drives.map((drive) => ({ ...drive }));
  }

  /** Throws ENOTSUP where a drive is a disk of a server, which needs a machine. */
  requireLocal(): void {
    const remote = this.#drives.find((drive) => drive.remote !== undefined);
    if (remote === undefined) return;
    throw new UnsupportedError(
      `${remote.path}: disks of protocol ${remote.remote?.protocol} can be opened by the backend appliance only`,
    );
  }

  /** Folder of the temporary drives, if there are any. */
  get temporaryFolder(): string | undefined {
    return this.#folder.path;
  }

  /**
   * Add an image file or block device of the host, or, where `remote` allows it, a disk of a server. Throws EINVAL for
   * options that make no sense, ENOTSUP for protocols other than `file` where those are not allowed, ENOENT, EACCES or EISDIR where the file cannot be an image.
   */
  add(filename: string, options: AddDriveOptions, remote = false): void {
    if (this.#drives.length >= MAX_DRIVES) {
      throw invalid(`${filename}: a handle has at most ${MAX_DRIVES} drives`);
    }
    checkOptions(options, remote);
    const { protocol = 'file', server = [], username, secret } = options;
    const drive: Drive = { path: resolve(filename), readonly: options.readonly ?? false };
    if (protocol !== 'file') {
      drive.path = filename;
      drive.remote = {
        protocol,
        server,
        ...(username === undefined ? {} : { username }),
        ...(secret === undefined ? {} : { secret }),
      };
      checkRemote(filename, drive.remote, options.discard);
    } else if (filename === '') {
      throw invalid('the name of the image is empty');
    } else if (filename === '/dev/null') {
      if (options.format !== undefined && options.format !== 'raw') {
        throw invalid(`/dev/null: format is ${options.format}, it can only be raw`);
      }
      drive.path = this.#makeTemporary('null', NULL_DRIVE_SIZE);
      drive.format = 'raw';
    } else {
      checkImage(filename);
    }
    const { format, label, name, blocksize, backing, snapshot, iface, cachemode, discard, copyonread } =
      options;
    if (options.writes === 'refuse') drive.refuseWrites = true;
    Object.assign(
      drive,
      Object.fromEntries(
        Object.entries({
          format,
          label,
          name,
          blockSize: blocksize,
          backing,
          snapshot,
          iface,
          cachemode,
          discard,
          copyonread,
        }).filter(([, value]) => value !== undefined),
      ),
    );
    this.#drives.push(drive);
  }

  /** Add a blank drive of `size` bytes that is gone when the handle is closed. */
  addScratch(size: number, options: Pick<AddDriveOptions, 'name' | 'label' | 'blocksize'>): void {
    if (size < 0) throw invalid(`the size of a scratch drive is ${size} bytes, it cannot be negative`);
    checkOptions(options, false);
    this.add(this.#makeTemporary('scratch', size), { ...options, format: 'raw', cachemode: 'unsafe' });
  }

  /** Add several, or where one of them cannot be added none. Throws what {@link add} throws. */
  addAll(drives: readonly (readonly [filename: string, options: AddDriveOptions])[], remote: boolean): void {
    const before = [...this.#drives];
    try {
      for (const [filename, options] of drives) this.add(filename, options, remote);
    } catch (error) {
      this.#drives = before;
      throw error;
    }
  }

  /** One line a drive, in the form of debug_drives. */
  describe(): string[] {
    return this.#drives.map((drive) => {
      const words = [drive.path];
      if (drive.readonly) words.push('readonly');
      if (drive.format !== undefined) words.push(`format=${drive.format}`);
      words.push(`protocol=${drive.remote?.protocol ?? 'file'}`);
      if (drive.iface !== undefined) words.push(`iface=${drive.iface}`);
      if (drive.name !== undefined) words.push(`name=${drive.name}`);
      if (drive.label !== undefined) words.push(`label=${drive.label}`);
      if (drive.cachemode !== undefined) words.push(`cache=${drive.cachemode}`);
      if (drive.discard !== undefined) words.push(`discard=${drive.discard}`);
      if (drive.copyonread === true) words.push('copyonread');
      if (drive.blockSize !== undefined) words.push(`blocksize=${drive.blockSize}`);
      return words.join(' ');
    });
  }

  /** Forget all drives and remove the temporary ones. */
  clear(): void {
    this.#drives = [];
    this.#folder.remove();
  }

  #makeTemporary(what: string, size: number): string {
    const place = this.#tmpdir();
    try {
      const path = join(this.#folder.make(place), `${what}${++this.#temporary}.img`);
      const fd = openSync(path, 'wx', 0o600);
      try {
        ftruncateSync(fd, size);
      } finally {
        closeSync(fd);
      }
      return path;
    } catch (error) {
      throw hostError(error, 'cannot make a temporary drive', place);
    }
  }
}

function checkOptions(options: AddDriveOptions, remote: boolean): void {
  const { format, iface, label, name, protocol = 'file', cachemode, discard, blocksize, backing } = options;
  const { writes } = options;
  if (writes !== undefined && writes !== 'overlay' && writes !== 'refuse') {
    throw invalid(`writes is '${String(writes)}', it must be overlay or refuse`);
  }
  if (writes !== undefined && options.readonly !== true) {
    throw invalid('writes is given, but the drive is not read-only');
  }
  if (format !== undefined && !/^[\w-]+$/.test(format)) {
    throw invalid(`format is '${format}', it must be a name of letters, digits, _ and -`);
  }
  if (iface !== undefined && !/^[\w-]+$/.test(iface)) {
    throw invalid(`iface is '${iface}', it must be a name of letters, digits, _ and -`);
  }
  if (label !== undefined && !/^[A-Za-z]{1,20}$/.test(label)) {
    throw invalid(`label is '${label}', it must be 1 to 20 of the letters A-Z and a-z`);
  }
  if (name === '') throw invalid('name is empty');
  if (cachemode !== undefined && cachemode !== 'writeback' && cachemode !== 'unsafe') {
    throw invalid(`cachemode is '${cachemode}', it must be writeback (the default) or unsafe`);
  }
  if (discard !== undefined && !['disable', 'enable', 'besteffort'].includes(discard)) {
    throw invalid(`discard is '${discard}', it must be disable, enable or besteffort`);
  }
  if (discard === 'enable' && options.readonly === true) {
    throw invalid('discard is enable, but the drive is read-only');
  }
  if (discard === 'enable' && format !== undefined && !DISCARDING_FORMATS.includes(format)) {
    throw invalid(`discard is enable, which images of format ${format} cannot do`);
  }
  if (blocksize !== undefined && blocksize !== 512 && blocksize !== 4096) {
    throw invalid(`blocksize is ${blocksize}, it must be 512 or 4096`);
  }
  if (backing !== undefined && !['none', 'folder', 'any'].includes(backing)) {
    throw invalid(`backing is '${String(backing)}', it must be none, folder or any`);
  }
  if (!PROTOCOLS.includes(protocol)) {
    throw invalid(`protocol is '${protocol}', known are ${PROTOCOLS.join(', ')}`);
  }
  if (protocol !== 'file') {
    if (remote) return;
    throw new UnsupportedError(
      `protocol ${protocol} is not supported by this backend: only files and block devices of the host are; set_backend appliance before adding the drive`,
    );
  }
  for (const key of ['server', 'username', 'secret'] as const) {
    if (options[key] !== undefined) throw invalid(`${key} is given, but the protocol is file`);
  }
}

/** Throws where a host file cannot be opened as an image, saying what it is. */
function checkImage(filename: string): void {
  const path = isAbsolute(filename) ? filename : resolve(filename);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
    if (!isDirectory) accessSync(path, constants.R_OK);
  } catch (error) {
    throw hostError(error, 'cannot be added as a drive', filename);
  }
  if (isDirectory) {
    throw new GuestfsError('EISDIR', `${filename}: is a folder, expected a disk image or a block device`, {
      path: filename,
    });
  }
}
