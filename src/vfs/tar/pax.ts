import { encodeText } from '../../bytes/text.ts';
import type { Xattr } from '../../filesystems/filesystem.ts';
import { ACL_ACCESS, ACL_DEFAULT, aclText, aclTextOfMode, hasExtendedAcl } from '../acl.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';

/** Records of a pax extended header (POSIX.1-2017, pax(1)): keywords and values. */
export class PaxRecords {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Bytes of all records. */
  get length(): number {
    return this.#length;
  }

  /** `LENGTH KEYWORD=VALUE\n`, where the length counts itself. */
  add(keyword: string, value: Uint8Array | string): void {
    const content = typeof value === 'string' ? encodeText(value) : value;
    const key = encodeText(` ${keyword}=`);
    const rest = key.length + content.length + 1;
    let length = rest + String(rest).length;
    if (String(length).length > String(rest).length) length = rest + String(length).length;
    const digits = encodeText(String(length));
    const record = new Uint8Array(length);
    record.set(digits);
    record.set(key, digits.length);
    record.set(content, digits.length + key.length);
    record[length - 1] = 0x0a;
    this.#parts.push(record);
    this.#length += length;
  }

  /** The records one after the other. */
  *bytes(): Iterable<Uint8Array> {
    yield* this.#parts;
  }
}

/** A time as seconds with a fraction, without zeroes at its end. */
export function paxTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  // Nanoseconds always count forward from the second; a negative time is written as its distance from zero.
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${negative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

/** Which attributes go into an archive. */
export interface AttributeOptions {
  xattrs?: boolean;
  selinux?: boolean;
  acls?: boolean;
}

/** Add a file's ACLs, label and extended attributes under the keywords that GNU tar and star use. */
export function addAttributes(
  records: PaxRecords,
  mode: number,
  xattrs: readonly Xattr[],
  options: AttributeOptions,
): void {
  const type = mode & S_IFMT;
  if (options.acls && type !== S_IFLNK && hasExtendedAcl(xattrs)) {
    const access = xattrs.find(({ name }) => name === ACL_ACCESS);
    records.add('SCHILY.acl.access', access ? aclText(access.value) : aclTextOfMode(mode));
    const byDefault = xattrs.find(({ name }) => name === ACL_DEFAULT);
    if (byDefault && type === S_IFDIR) records.add('SCHILY.acl.default', aclText(byDefault.value));
  }
  if (options.selinux) {
    const label = xattrs.find(({ name }) => name === 'security.selinux');
    if (label) records.add('RHT.security.selinux', withoutNul(label.value));
  }
  if (options.xattrs) {
    for (const { name, value } of xattrs) {
      const keyword = name.replaceAll('%', '%25').replaceAll('=', '%3D');
      records.add(`SCHILY.xattr.${keyword}`, value);
    }
  }
}

function withoutNul(value: Uint8Array): Uint8Array {
  return value.at(-1) === 0 ? value.subarray(0, -1) : value;
}
