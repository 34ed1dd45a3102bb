import type { DaemonActions } from '../generated/contract.ts';
import { Cksum } from '../cksum.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { chunksOf, deviceContent, fileContent, type Content } from '../content.ts';
import type { ActionContext, ByteSink } from '../context.ts';
import { BufferedSink } from '../sink.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { walk } from '../../vfs/walk.ts';

const TYPES = ['crc', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
type ChecksumType = (typeof TYPES)[number];

/** Checksums that libguestfs knows and the hashes here do not. */
const RUSSIAN = new Set(['gost', 'gost12']);

function checksumType(name: string): ChecksumType {
  const known = TYPES.find((type) => type === name);
  if (known !== undefined) return known;
  if (RUSSIAN.has(name)) {
    throw new UnsupportedError(`${name}: this checksum type is only available on the appliance backend`);
  }
  throw new GuestfsError('EINVAL', `${name}: unknown checksum type, expected one of ${TYPES.join(', ')}`);
}

function checksumOf(context: ActionContext, type: ChecksumType, content: Content): string {
  const sum = type === 'crc' ? new Cksum() : process.getBuiltinModule('node:crypto').createHash(type);
  for (const chunk of chunksOf(context, content)) sum.update(chunk);
  return sum instanceof Cksum ? sum.digest() : sum.digest('hex');
}

/** A line a regular file below a directory, as md5sum(1) and its kin, or cksum(1), write it. */
function checksumsOut(context: ActionContext, csumtype: string, directory: string, out: ByteSink): void {
  const type = checksumType(csumtype);
  const { files } = context.platform;
  const start = files.resolve(directory);
  if ((files.stat(start).mode & S_IFMT) !== S_IFDIR) {
    throw new GuestfsError('ENOTDIR', `${directory}: not a directory`, { path: directory });
  }
  const sink = new BufferedSink(out);
  for (const { path, ref, stat } of walk(files, start, { stat: true })) {
    if (stat === undefined || (stat.mode & S_IFMT) !== S_IFREG) continue;
    context.checkCancelled();
    const content: Content = {
      name: files.pathOf(ref),
      size: stat.size,
      read: (offset, into) => files.read(ref, offset, into),
      extents: (offset, length) => files.extents(ref, offset, length),
    };
    const sum = checksumOf(context, type, content);
    if (type === 'crc') sink.writeText(`${sum} ${stat.size} ./${path}\n`);
    else sink.writeText(sumLine(sum, path));
  }
  sink.flush();
}

/** A name with a backslash, line feed or carriage return is escaped, and the line says so with a backslash. */
function sumLine(sum: string, path: string): string {
  const escaped = path.replace(/[\\\n\r]/g, (c) => (c === '\\' ? '\\\\' : c === '\n' ? '\\n' : '\\r'));
  return `${escaped === path ? '' : '\\'}${sum}  ./${escaped}\n`;
}

/** Checksums of files and devices. */
export const checksumActions = {
  checksum: (context, csumtype, path) => {
    const type = checksumType(csumtype);
    return checksumOf(context, type, fileContent(context, path));
  },

  checksum_device: (context, csumtype, device) => {
    const type = checksumType(csumtype);
    return checksumOf(context, type, deviceContent(context, device));
  },

  checksums_out: checksumsOut,
} satisfies Partial<DaemonActions>;
