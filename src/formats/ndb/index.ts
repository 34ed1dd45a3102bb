import { allocate } from '../../bytes/budget.ts';
import { layout, u32 } from '../../bytes/layout.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { type Blob, type FileContent, WindowedContent } from '../content.ts';

/**
 * rpm's "new database" (`Packages.db`): a header, pages of slots, and blobs in blocks of 16 bytes. Everything is
 * little-endian. The format has no written specification; this follows what rpm 4.18 writes.
 */

const HEADER_MAGIC = 0x506d7052; // "RpmP"
const SLOT_MAGIC = 0x746f6c53; // "Slot"
const BLOB_MAGIC = 0x53626c42; // "BlbS"
const PAGE = 4096;
const BLOCK = 16;
/** Slots that the header's place takes up. */
const FIRST_SLOT = 2;
const BLOB_HEADER = 16;
const BLOB_TAIL = 12;
const LARGEST_BLOB = 256 * 1024 * 1024;

const Header = layout('ndb header', 32, 'le', {
  magic: u32(0),
  version: u32(4),
  generation: u32(8),
  slotPages: u32(12),
  nextPackage: u32(16),
});

const Slot = layout('ndb slot', 16, 'le', {
  magic: u32(0),
  package: u32(4),
  blockOffset: u32(8),
  blockCount: u32(12),
});

const BlobHeader = layout('ndb blob', BLOB_HEADER, 'le', {
  magic: u32(0),
  package: u32(4),
  generation: u32(8),
  length: u32(12),
});

/** The blobs of a database in the order they lie in the file. Throws CorruptError. */
export function* ndbBlobs(content: FileContent): Generator<Blob, void> {
  const window = new WindowedContent(content, 'ndb file');
  const { magic, version, slotPages } = Header.view(window.bytes(0, Header.size).slice());
  if (magic !== HEADER_MAGIC) throw new CorruptError('ndb header', 'its magic is missing', { offset: 0 });
  if (version !== 0) throw new UnsupportedError(`ndb version ${version} is not known, only 0 is read`);
  if (slotPages === 0 || slotPages * PAGE > content.size) {
    throw new CorruptError('ndb header', `has ${slotPages} pages of slots, the file ${content.size} bytes`);
  }
  const slots: { number: number; offset: number; length: number }[] = [];
  for (let page = 0; page < slotPages; page++) {
    const bytes = window.bytes(page * PAGE, PAGE);
    const slot = Slot.view(bytes);
    for (let i = page === 0 ? FIRST_SLOT : 0; i < PAGE / Slot.size; i++) {
      Slot.aim(slot, i * Slot.size);
      if (slot.magic !== SLOT_MAGIC) {
        throw new CorruptError('ndb slot', 'its magic is missing', { offset: page * PAGE + i * Slot.size });
      }
      if (slot.blockOffset === 0) continue;
      slots.push({
        number: slot.package,
        offset: slot.blockOffset * BLOCK,
        length: slot.blockCount * BLOCK,
      });
    }
  }
  slots.sort((a, b) => a.offset - b.offset);
  let end = slotPages * PAGE;
  for (const { number, offset, length } of slots) {
    // Blobs that share bytes would let a small file be read over and over.
    if (offset < end) throw new CorruptError('ndb slot', `package ${number} lies over another`, { offset });
    end = offset + length;
    const head = BlobHeader.view(window.bytes(offset, BLOB_HEADER));
    const { length: size } = head;
    if (head.magic !== BLOB_MAGIC || head.package !== number) {
      throw new CorruptError('ndb blob', `is not that of package ${number}`, { offset });
    }
    if (BLOB_HEADER + size + BLOB_TAIL > length || offset + length > content.size) {
      throw new CorruptError('ndb blob', `has ${size} bytes, its slot ${length}`, { offset });
    }
    yield {
      size,
      prefix: (wanted) => read(content, offset + BLOB_HEADER, wanted),
    };
  }
}

function read(content: FileContent, offset: number, length: number): Uint8Array {
  const bytes = allocate(length, 'ndb blob', LARGEST_BLOB);
  let at = 0;
  while (at < length) {
    const got = content.read(offset + at, bytes.subarray(at));
    if (got === 0) throw new CorruptError('ndb blob', `ends after ${at} of ${length} bytes`, { offset });
    at += got;
  }
  return bytes;
}
