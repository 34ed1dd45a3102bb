import { decodeText, latin1 } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { ChunkReader } from './stream.ts';

/**
 * The SVR4 cpio format ("newc", and "crc" with checksums): a header of 6 bytes of magic and 13 fields of 8 hexadecimal
 * digits, the name, the content, both padded to 4 bytes. Source: initramfs buffer format, in the documentation of
 * Linux (driver-api/early-userspace/buffer-format).
 */
const HEADER_BYTES = 110;
const TRAILER = 'TRAILER!!!';
/** PATH_MAX: the kernel takes no longer names. */
const MAX_NAME = 4096;

/** A member of a cpio archive. */
export interface CpioEntry {
  /** Name as it is stored. */
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly nlink: number;
  /** Bytes of content. */
  readonly size: number;
  /** The content's first `length` bytes, or less where it has less. Only while the entry is the current one. */
  content(length: number): Uint8Array;
}

/** Whether bytes begin with a header of this format. */
export function isCpioHeader(bytes: Uint8Array): boolean {
  const magic = latin1(bytes, 0, Math.min(6, bytes.length));
  return magic === '070701' || magic === '070702';
}

/**
 * The members of one archive up to its trailer, which is taken but not given. Positions of padding count from where
 * the archive begins. Throws EUCLEAN where it is damaged.
 */
export function* cpioEntries(reader: ChunkReader): Generator<CpioEntry, void, void> {
  const start = reader.position;
  const align = (): void => reader.skip((4 - ((reader.position - start) % 4)) % 4, 'cpio padding');
  for (;;) {
    const offset = reader.position;
    const header = reader.take(HEADER_BYTES, 'cpio header');
    if (!isCpioHeader(header)) {
      throw new CorruptError(
        'cpio header',
        `magic is ${JSON.stringify(latin1(header, 0, 6))}, expected "070701"`,
        {
          offset,
        },
      );
    }
    const field = (index: number): number => hexField(header, 6 + index * 8, offset);
    const nameSize = field(11);
    if (nameSize < 1 || nameSize > MAX_NAME) {
      throw new CorruptError('cpio header', `namesize is ${nameSize}, expected 1 to ${MAX_NAME}`, { offset });
    }
    const name = reader.take(nameSize, 'cpio name');
    align();
    const nul = name.indexOf(0);
    const text = decodeText(name, 0, nul < 0 ? name.length : nul);
    const size = field(6);
    let left = size;
    if (text === TRAILER) {
      reader.skip(size, 'cpio content');
      return;
    }
    yield {
      name: text,
      inode: field(0),
      mode: field(1),
      nlink: field(4),
      size,
      content(length) {
        const part = reader.take(Math.min(length, left), 'cpio content');
        left -= part.length;
        return part;
      },
    };
    reader.skip(left, 'cpio content');
    align();
  }
}

function hexField(header: Uint8Array, at: number, offset: number): number {
  const digits = latin1(header, at, at + 8);
  if (!/^[0-9A-Fa-f]{8}$/.test(digits)) {
    throw new CorruptError(
      'cpio header',
      `field at byte ${at} is ${JSON.stringify(digits)}, expected 8 digits`,
      {
        offset: offset + at,
      },
    );
  }
  return parseInt(digits, 16);
}
