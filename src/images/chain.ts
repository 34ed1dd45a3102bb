import type { BlockDevice } from '../block/device.ts';
import { openFile } from '../block/file.ts';
import { openGrowingFile, type GrowingFile } from '../block/file-growing.ts';
import { otherWriter } from '../block/file-locks.ts';
import { besideFile, fileIdentity, folderOf, isWithin } from '../block/file-path.ts';
import { guard } from '../block/guard.ts';
import { shellWord } from '../bytes/shell-word.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { IMAGE_FORMATS, probeImageFormat } from './formats.ts';
import type { BackingPolicy, ImageOptions, OpenedImage } from './image.ts';
import {
  openQcow2,
  openQcow2Writer,
  readHeader,
  readSnapshots,
  refuseEncryption,
  type QcowImageHeader,
  type QcowWriter,
} from './qcow2/index.ts';
import { probedRawDevice } from './probed-raw.ts';
import { rawDevice } from './raw.ts';
import { withPath } from './with-path.ts';

/** What the host says of files that are not there or not for us. */
const HOST_ERRORS: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EISDIR',
  'EINVAL',
  'ELOOP',
]);

/** Images in one chain. */
const MAX_DEPTH = 200;

/** What holds for a whole chain. */
interface Chain {
  policy: BackingPolicy;
  /** The format of the first image was probed; for the refusal's words. */
  probed: boolean;
  /** Folder of the first image. */
  folder: string;
  /** Identities of the files from the first image to this one. */
  above: readonly string[];
  warn: (message: string) => void;
  opened: (path: string) => void;
}

const ONE_IMAGE = { probed: false, above: [], warn: () => {}, opened: () => {} };

/** Open an image and, as the policy allows, what it refers to. */
export function openChain(path: string, options: ImageOptions): OpenedImage {
  const probed = options.format === undefined;
  const chain: Chain = {
    policy: options.backing ?? (probed ? 'none' : 'folder'),
    probed,
    folder: folderOf(path),
    above: [],
    warn: options.warn ?? (() => {}),
    opened: options.opened ?? (() => {}),
  };
  return openOne(path, options, chain);
}

function openOne(path: string, options: ImageOptions, chain: Chain): OpenedImage {
  checkFormatName(options.format, path);
  if (!options.readonly) return openForWriting(path, options, chain);
  const writer = chain.above.length === 0 ? otherWriter(path) : undefined;
  const file = openFile(path);
  try {
    chain.opened(path);
    if (writer !== undefined) {
      chain.warn(
        `${path} is in use by ${writer}: what is read may be inconsistent; stop it, or read a snapshot`,
      );
    }
    const format = options.format ?? probeImageFormat(file).name;
    if (format === 'raw') {
      refuseSnapshot(path, options);
      return { device: rawDevice(file, path), format: 'raw', probed: options.format === undefined };
    }
    if (format !== 'qcow2') throw unreadable(path, format);
    return openQcow2Image(path, file, options, chain);
  } catch (error) {
    file.close();
    throw withPath(error, path);
  }
}

/** Open the top of a chain for writing. The lock is taken before anything is looked at. */
function openForWriting(path: string, options: ImageOptions, chain: Chain): OpenedImage {
  const file = openGrowingFile(path);
  try {
    chain.opened(path);
    const probed = options.format === undefined;
    const format = options.format ?? probeImageFormat(file).name;
    if (format === 'raw') {
      refuseSnapshot(path, options);
      const device = rawDevice(guard(file, path), path);
      return { device: probed ? probedRawDevice(device, path) : device, format, probed };
    }
    if (format !== 'qcow2') throw unreadable(path, format);
    if (options.snapshot !== undefined) {
      throw new GuestfsError(
        'EINVAL',
        `${path}: the internal snapshot ${options.snapshot} cannot be opened for writing, only read`,
        { path },
      );
    }
    const writer = openQcow2ForWriting(path, file, chain);
    return {
      device: guard(writer, path),
      format: 'qcow2',
      probed,
      snapshots: readSnapshots(file, writer.header),
    };
  } catch (error) {
    file.close();
    throw withPath(error, path);
  }
}

/**
 * Open a qcow2 image as what writes it, for those that change more than the guest's bytes. Locks and throws as
 * {@link openChain}; of an image in another format it says so with EINVAL.
 */
export function openWriter(
  path: string,
  policy: BackingPolicy,
  warn?: (message: string) => void,
): QcowWriter {
  const file = openGrowingFile(path);
  try {
    const { name } = probeImageFormat(file);
    if (name !== 'qcow2') {
      throw new GuestfsError('EINVAL', `the image has the format ${name}, expected qcow2`);
    }
    const chain: Chain = { ...ONE_IMAGE, policy, folder: folderOf(path), warn: warn ?? (() => {}) };
    return openQcow2ForWriting(path, file, chain);
  } catch (error) {
    file.close();
    throw withPath(error, path);
  }
}

/**
 * The backing file that the header of an image names, as a host path that the policy lets in, and its format. Undefined
 * where there is none. Throws EPERM as {@link openChain}.
 */
export function backingOf(
  path: string,
  header: QcowImageHeader,
  policy: BackingPolicy,
): { path: string; format: string } | undefined {
  const name = header.backingFile;
  if (name === undefined) return undefined;
  const chain: Chain = { ...ONE_IMAGE, policy, folder: folderOf(path) };
  const target = naming(path, name, 'backing file', () => permitted(path, name, 'backing file', chain));
  return { path: target, format: backingFormat(path, name, header) };
}

function backingFormat(path: string, name: string, header: QcowImageHeader): string {
  const format = header.extensions.backingFormat;
  if (format !== undefined && format !== '') return format;
  throw new GuestfsError(
    'EPERM',
    `${path}: the header does not state the format of the backing file ${name}, and backing files are not ` +
      `probed. State it with: qemu-img rebase -u -b ${shellWord(name)} -F FORMAT ${shellWord(path)}`,
    { path },
  );
}

function refuseSnapshot(path: string, options: ImageOptions): void {
  if (options.snapshot === undefined) return;
  throw new GuestfsError(
    'EINVAL',
    `${path}: the snapshot ${options.snapshot} was asked for, but raw images have no internal snapshots`,
    { path },
  );
}

function openQcow2Image(path: string, file: BlockDevice, options: ImageOptions, chain: Chain): OpenedImage {
  const header = readHeader(file);
  refuseEncryption(header);
  if (header.corrupt) {
    chain.warn(`${path}: the image is marked as corrupt; "qemu-img check -r all" may repair it`);
  }
  const snapshots = readSnapshots(file, header);
  const below: BlockDevice[] = [];
  try {
    const data = openDataFile(path, header, chain, openFile);
    if (data !== undefined) below.push(data);
    const backing = openBacking(path, header, chain);
    if (backing !== undefined) below.push(backing);
    const device = openQcow2(file, header, {
      name: path,
      depth: chain.above.length,
      ...(data === undefined ? {} : { data }),
      ...(backing === undefined ? {} : { backing }),
      ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
    });
    return { device, format: 'qcow2', probed: options.format === undefined, snapshots };
  } catch (error) {
    for (const device of below) device.close();
    throw error;
  }
}

/** A qcow2 image with what it needs to be written to, as the policy of the chain allows. Owns `file` once it returns. */
function openQcow2ForWriting(path: string, file: GrowingFile, chain: Chain): QcowWriter {
  const header = readHeader(file);
  const below: BlockDevice[] = [];
  try {
    const data = openDataFile(path, header, chain, openGrowingFile);
    if (data !== undefined) below.push(data);
    const backing = openBacking(path, header, chain);
    if (backing !== undefined) below.push(backing);
    return openQcow2Writer({ file, data, backing }, header);
  } catch (error) {
    for (const device of below) device.close();
    throw error;
  }
}

function openDataFile<T extends BlockDevice>(
  path: string,
  header: QcowImageHeader,
  chain: Chain,
  open: (path: string) => T,
): T | undefined {
  if (!header.externalData) return undefined;
  const name = header.extensions.dataFile;
  if (name === undefined || name === '') {
    throw new UnsupportedError(
      `${path}: the image keeps its data in another file and does not say in which`,
      {
        path,
      },
    );
  }
  return naming(path, name, 'data file', () => open(permitted(path, name, 'data file', chain)));
}

function openBacking(path: string, header: QcowImageHeader, chain: Chain): BlockDevice | undefined {
  const name = header.backingFile;
  if (name === undefined) return undefined;
  const target = naming(path, name, 'backing file', () => permitted(path, name, 'backing file', chain));
  const format = backingFormat(path, name, header);
  const above = [...chain.above, fileIdentity(path)];
  if (above.includes(naming(path, name, 'backing file', () => fileIdentity(target)))) {
    throw new GuestfsError(
      'ELOOP',
      `${path}: the backing file ${name} is an image above it in the same chain`,
      {
        path,
      },
    );
  }
  if (above.length >= MAX_DEPTH) {
    throw new GuestfsError('ELOOP', `${path}: the backing chain has more than ${MAX_DEPTH} images`, { path });
  }
  const below = { ...chain, above };
  return naming(path, name, 'backing file', () => openOne(target, { format, readonly: true }, below).device);
}

/** Say whose backing or data file it is that the host does not give. */
function naming<T>(path: string, name: string, what: string, open: () => T): T {
  const target = besideFile(path, localName(path, name, what));
  try {
    return open();
  } catch (error) {
    if (error instanceof GuestfsError && HOST_ERRORS.has(error.code) && error.path === target) {
      error.message = `${path}: its ${what} ${name} is missing or cannot be opened: ${error.message}`;
    }
    throw error;
  }
}

/** Host path of a file that an image refers to, if the policy lets it in. */
function permitted(path: string, name: string, what: string, chain: Chain): string {
  if (chain.policy === 'none') {
    throw refusal(
      path,
      name,
      what,
      chain.probed
        ? 'is not opened because the format of the image was probed and not stated'
        : 'is not opened because the policy is "none"',
    );
  }
  const target = besideFile(path, localName(path, name, what));
  if (chain.policy === 'folder' && !isWithin(target, chain.folder)) {
    throw refusal(path, name, what, `is outside the image's folder ${chain.folder}`);
  }
  return target;
}

function refusal(path: string, name: string, what: string, why: string): GuestfsError {
  return new GuestfsError(
    'EPERM',
    `${path}: its ${what} ${name} ${why}; allow it with --allow-backing=folder or --allow-backing=any ` +
      `(option backing: 'folder' or 'any')`,
    { path },
  );
}

/** QEMU takes what stands before a colon for a protocol, if no slash comes first. */
function localName(path: string, name: string, what: string): string {
  const protocol = /^([^/:]*):/.exec(name)?.[1];
  if (protocol === undefined) return name;
  if (protocol === 'file') {
    const rest = name.slice('file:'.length);
    return rest.startsWith('///') ? rest.slice(2) : rest;
  }
  throw new UnsupportedError(
    `${path}: its ${what} ${name} is named by ${protocol === 'json' ? 'a JSON description' : `the protocol ${protocol}`}, ` +
      'expected the name of a local file',
    { path },
  );
}

function checkFormatName(format: string | undefined, path: string): void {
  if (format === undefined || format === 'raw' || format === 'qcow2') return;
  if (IMAGE_FORMATS.some((known) => known.name === format)) throw unreadable(path, format);
  throw new UnsupportedError(`${path}: disk image format ${format} is not known, expected raw or qcow2`, {
    path,
  });
}

function unreadable(path: string, format: string): UnsupportedError {
  return new UnsupportedError(
    `${path}: ${format} images cannot be read here, only raw and qcow2; ` +
      `make a copy with: qemu-img convert -f ${format} -O qcow2 ${shellWord(path)} COPY`,
    { path },
  );
}
