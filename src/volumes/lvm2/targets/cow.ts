import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import { bits64, layout, u32 } from '../../../bytes/layout.ts';
import { isPowerOfTwo } from '../../../bytes/round.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';

/**
 * Persistent store of an old-style snapshot (dm-snapshot). Source: Documentation/admin-guide/device-mapper/
 * snapshot.rst for the meaning; chunk 0 is this header, then come areas: one chunk of exceptions, then as many chunks
 * of data as it has room for exceptions.
 */
const CowHeader = layout('dm_snapshot disk_header', 16, 'le', {
  magic: u32(0),
  valid: u32(4),
  version: u32(8),
  /** In sectors. */
  chunk_size: u32(12),
});

/** A chunk of the origin and where the store keeps it; `new_chunk` 0 ends the list. */
const CowException = layout('dm_snapshot disk_exception', 16, 'le', {
  old_chunk: bits64(0),
  new_chunk: bits64(8),
});

/** `SnAp` */
const MAGIC = 0x70416e53;
/** Exceptions that are read and kept in memory. */
const MAX_EXCEPTIONS = 4 * 1024 * 1024;

/** A snapshot: the device, and what lvs(8) shows of its store. */
export interface CowSnapshot {
  device: BlockDevice;
  /** True where the store overflowed; the device must then not be read. */
  invalid: boolean;
  /** Bytes of the store that are taken. */
  usedBytes: number;
}

/**
 * A snapshot read through its store of changes: chunks found there come from it, all others from the origin.
 * `expectedChunk` is what LVM's metadata says of the chunk size, in bytes.
 */
export function cowDevice(
  origin: BlockDevice,
  store: BlockDevice,
  expectedChunk: number,
  name: string,
): CowSnapshot {
  const { chunkSize, valid } = readHeader(store, expectedChunk, name);
  const table = valid
    ? readExceptions(store, chunkSize, name)
    : { exceptions: new Map<number, number>(), next: 0 };
  return {
    device: snapshotDevice(origin, store, chunkSize, table.exceptions, name),
    invalid: !valid,
    usedBytes: valid ? Math.min(table.next * chunkSize, store.size) : store.size,
  };
}

function readHeader(
  store: BlockDevice,
  expectedChunk: number,
  name: string,
): { chunkSize: number; valid: boolean } {
  const bytes = new Uint8Array(512);
  if (store.size < 512)
    throw new CorruptError(CowHeader.name, `the store has ${store.size} bytes`, { device: name });
  store.readAt(0, bytes);
  const header = CowHeader.view(bytes);
  // The kernel takes a store without magic for a new one: nothing was ever written to the snapshot.
  if (header.magic === 0) return { chunkSize: Math.max(expectedChunk, 512), valid: true };
  if (header.magic !== MAGIC) {
    throw new CorruptError(CowHeader.name, `magic is 0x${header.magic.toString(16)}, expected 0x70416e53`, {
      device: name,
      offset: 0,
    });
  }
  if (header.version !== 1) {
    throw new UnsupportedError(`${name}: the snapshot's store has version ${header.version}, 1 can be read`, {
      device: name,
    });
  }
  const chunkSize = header.chunk_size * 512;
  if (!isPowerOfTwo(header.chunk_size) || chunkSize > 16 * 1024 * 1024) {
    throw new CorruptError(CowHeader.name, `chunk_size is ${header.chunk_size} sectors`, {
      device: name,
      offset: 12,
    });
  }
  return { chunkSize, valid: header.valid !== 0 };
}

/** Which chunk of the store holds which chunk of the origin, and the first chunk of the store that is free. */
function readExceptions(
  store: BlockDevice,
  chunkSize: number,
  name: string,
): { exceptions: Map<number, number>; next: number } {
  const exceptions = new Map<number, number>();
  const perArea = chunkSize / CowException.size;
  const chunks = Math.floor(store.size / chunkSize);
  const area = new Uint8Array(chunkSize);
  const entry = CowException.view(area, 0);
  let next = 2;
  let count = 0;
  for (let at = 1; at < chunks; at += perArea + 1) {
    store.readAt(at * chunkSize, area);
    for (let i = 0; i < perArea; i++) {
      CowException.aim(entry, i * CowException.size);
      if (entry.new_chunk === 0n) return { exceptions, next: behindMetadata(next, perArea) };
      const place = Number(entry.new_chunk);
      if (place >= chunks) {
        throw new CorruptError(
          CowException.name,
          `new_chunk is ${entry.new_chunk}, the store has ${chunks}`,
          {
            device: name,
            offset: at * chunkSize + i * CowException.size,
          },
        );
      }
      if (++count > MAX_EXCEPTIONS) {
        throw new UnsupportedError(`${name}: the snapshot has more than ${MAX_EXCEPTIONS} changed chunks`, {
          device: name,
        });
      }
      exceptions.set(Number(entry.old_chunk), place);
      if (place >= next) next = place + 1;
    }
  }
  return { exceptions, next: behindMetadata(next, perArea) };
}

/** The next free chunk is never one that will hold an area's exceptions. */
function behindMetadata(next: number, perArea: number): number {
  return next % (perArea + 1) === 1 ? next + 1 : next;
}

function snapshotDevice(
  origin: BlockDevice,
  store: BlockDevice,
  chunkSize: number,
  exceptions: ReadonlyMap<number, number>,
  name: string,
): BlockDevice {
  return guard(
    {
      size: origin.size,
      sectorSize: origin.sectorSize,
      writable: false,
      readAt(offset, into) {
        let done = 0;
        while (done < into.length) {
          const within = (offset + done) % chunkSize;
          const chunk = (offset + done - within) / chunkSize;
          const place = exceptions.get(chunk);
          let end = done + Math.min(chunkSize - within, into.length - done);
          if (place !== undefined) {
            store.readAt(place * chunkSize + within, into.subarray(done, end));
          } else {
            // Unchanged neighbours are read in one go.
            for (let other = chunk + 1; end < into.length && !exceptions.has(other); other++) {
              end = Math.min(end + chunkSize, into.length);
            }
            origin.readAt(offset + done, into.subarray(done, end));
          }
          done = end;
        }
      },
      writeAt() {},
      zero() {},
      discard() {},
      extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'data' }],
      flush() {},
      close() {},
    },
    name,
  );
}
