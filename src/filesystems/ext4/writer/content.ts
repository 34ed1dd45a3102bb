import { GuestfsError } from '../../../errors/index.ts';
import { dropCapability } from './attributes/index.ts';
import { RO_COMPAT_LARGE_FILE } from '../features.ts';
import { INODE_ENCRYPT, INODE_EXTENTS, INODE_INLINE_DATA } from '../layout.ts';
import { STEP_BUDGET } from './blocks.ts';
import { assertRegular, fileSizeOf, flagsOf, setFileSizeOf, stampContent } from './fields.ts';
import { INODE_APPEND, INODE_IMMUTABLE, INODE_VERITY } from './flags.ts';
import type { MappedRun } from './map/contract.ts';
import type { Removal } from './removal.ts';
import type { WriterSession } from './session.ts';

/** Bytes that one operation writes at most. */
const PIECE = 8 * 1024 * 1024;
/** One more than the largest size that needs no feature of its own. */
const LARGE = 0x80000000;

/** Content of regular files. */
export class ContentWriter {
  readonly #session: WriterSession;
  readonly #removal: Removal;
  readonly #run: MappedRun = { block: 0, length: 0, kind: 'hole' };
  readonly #block: Uint8Array;
  /** The file whose last block is known to hold zeroes behind the end, since it was written here. */
  #clean = { inode: 0, size: 0 };

  constructor(session: WriterSession, removal: Removal) {
    this.#session = session;
    this.#removal = removal;
    this.#block = new Uint8Array(session.core.geometry.blockSize);
  }

  /** Throws unless the content of an inode may be changed; `appends` says that nothing that is there changes. */
  assertWritable(number: number, appends = false): void {
    const inode = this.#session.core.inodes.read(number);
    assertRegular(inode);
    const flags = flagsOf(inode);
    if (flags & INODE_IMMUTABLE) {
      throw new GuestfsError(
        'EPERM',
        `inode ${number} is immutable (chattr +i): its content cannot be changed`,
      );
    }
    if (flags & INODE_VERITY) {
      throw new GuestfsError(
        'EPERM',
        `inode ${number} is protected by fs-verity: its content cannot be changed`,
      );
    }
    if (flags & INODE_APPEND && !appends) {
      throw new GuestfsError(
        'EPERM',
        `inode ${number} is append-only (chattr +a): only its end can be written to`,
      );
    }
    if (flags & INODE_ENCRYPT) {
      throw new GuestfsError(
        'ENOKEY',
        `inode ${number} is encrypted by the guest (fscrypt): writing it needs a key`,
      );
    }
  }

  #assertSize(number: number, size: number): void {
    const limit = this.#session.core.maps.of(number).maxSize;
    if (size > limit || size > Number.MAX_SAFE_INTEGER) {
      throw new GuestfsError('EFBIG', `inode ${number} would have ${size} bytes, expected at most ${limit}`);
    }
  }

  #size(number: number): number {
    return fileSizeOf(this.#session.core.inodes.read(number));
  }

  /** Set i_size and the times; the feature that larger files need comes with them. */
  setSize(number: number, size: number): void {
    const { core } = this.#session;
    if (size >= LARGE) core.store.enableFeature('roCompat', RO_COMPAT_LARGE_FILE);
    const inode = core.inodes.change(number);
    setFileSizeOf(inode, size);
    stampContent(inode, core.store.now(), core.geometry);
  }

  #isInline(number: number): boolean {
    return (flagsOf(this.#session.core.inodes.read(number)) & INODE_INLINE_DATA) !== 0;
  }

  write(number: number, offset: number, from: Uint8Array): void {
    for (let done = 0; done < from.length;) {
      const part = Math.min(PIECE, from.length - done);
      this.#assertSize(number, offset + from.length);
      done += this.#session.run(() => {
        this.assertWritable(number, offset + done >= this.#size(number));
        const written = this.writePiece(number, offset + done, from.subarray(done, done + part), STEP_BUDGET);
        dropCapability(this.#session.core, number);
        return written;
      });
    }
  }

  /**
   * Write within the running operation, which may stop early once it has touched `budget` blocks. Returns the bytes that
   * were written.
   */
  writePiece(number: number, offset: number, all: Uint8Array, budget = Infinity): number {
    let from = all;
    let end = offset + from.length;
    this.#assertSize(number, end);
    const size = this.#size(number);
    if (this.#isInline(number)) {
      const old = this.#session.attributes.inlineData(number) ?? new Uint8Array(0);
      if (this.#setInline(number, old, Math.max(size, end), (content) => content.set(from, offset)))
        return from.length;
      this.#leaveInline(number, old);
    } else if (size === 0 && offset === 0 && this.#tryInline(number, from)) {
      return from.length;
    }
    if (end > size) this.#zeroTail(number, size);
    end = this.#writeBlocks(number, offset, from, budget);
    from = from.subarray(0, end - offset);
    if (end > size) {
      this.setSize(number, end);
      this.#clean = { inode: number, size: end };
    } else {
      const { core } = this.#session;
      stampContent(core.inodes.change(number), core.store.now(), core.geometry);
    }
    return from.length;
  }

  /** An empty file without blocks may hold a little content in its inode. */
  #tryInline(number: number, from: Uint8Array): boolean {
    const { core, attributes } = this.#session;
    if (from.length > core.geometry.inodeSize) return false;
    const run = this.#run;
    core.files.lookup(number, 0, run);
    if (run.kind !== 'hole' || run.length < core.maps.of(number).maxBlocks) return false;
    if (!attributes.setInlineData(number, from)) return false;
    stampContent(core.inodes.change(number), core.store.now(), core.geometry);
    return true;
  }

  #setInline(number: number, old: Uint8Array, size: number, edit: (content: Uint8Array) => void): boolean {
    const { core, attributes } = this.#session;
    if (size > core.geometry.inodeSize) return false;
    const content = new Uint8Array(size);
    content.set(old.subarray(0, size));
    edit(content);
    if (!attributes.setInlineData(number, content)) return false;
    stampContent(core.inodes.change(number), core.store.now(), core.geometry);
    return true;
  }

  /** Content that lies in the inode goes into blocks. */
  #leaveInline(number: number, content: Uint8Array): void {
    this.#session.attributes.clearInlineData(number);
    if (content.length > 0) this.#writeBlocks(number, 0, content);
  }

  /** Blocks behind the end may hold anything: zero the rest of the last one before the file grows over it. */
  #zeroTail(number: number, size: number): void {
    const { core, device } = this.#session;
    const { blockSize } = core.geometry;
    const within = size % blockSize;
    if (within === 0 || (this.#clean.inode === number && this.#clean.size === size)) return;
    const run = this.#run;
    core.files.lookup(number, (size - within) / blockSize, run);
    if (run.kind !== 'data') return;
    const bytes = this.#block;
    device.readAt(run.block * blockSize, bytes);
    for (let i = within; i < blockSize; i++) {
      if (bytes[i] !== 0) {
        device.zero(run.block * blockSize + within, blockSize - within);
        return;
      }
    }
  }

  /** Returns the end of what was written, which is all of it unless more than `budget` blocks of metadata changed. */
  #writeBlocks(number: number, offset: number, from: Uint8Array, budget = Infinity): number {
    const { core, device } = this.#session;
    const { blockSize } = core.geometry;
    const end = offset + from.length;
    const last = Math.ceil(end / blockSize);
    const run = this.#run;
    for (let position = offset; position < end;) {
      const logical = Math.floor(position / blockSize);
      core.files.lookup(number, logical, run);
      let { block } = run;
      let count = Math.min(run.length, last - logical);
      const { kind } = run;
      if (kind === 'hole') ({ block, count } = core.files.take(number, logical, count, false));
      const stop = Math.min(end, (logical + count) * blockSize);
      const part = from.subarray(position - offset, stop - offset);
      const within = position - logical * blockSize;
      if (kind === 'data') {
        device.writeAt(block * blockSize + within, part);
      } else {
        this.#writeFresh(block, count, within, part);
        if (kind === 'unwritten') core.files.markWritten(number, logical, block, count);
      }
      position = stop;
      if (core.store.touchedCount > budget) return position;
    }
    return end;
  }

  /** Write blocks that hold nothing yet: what `part` leaves of the first and the last one is zeroed. */
  #writeFresh(block: number, count: number, within: number, part: Uint8Array): void {
    const { core, device } = this.#session;
    const { blockSize } = core.geometry;
    const start = block * blockSize;
    let done = 0;
    if (within > 0 || part.length < blockSize) {
      done = Math.min(part.length, blockSize - within);
      this.#block.fill(0);
      this.#block.set(part.subarray(0, done), within);
      device.writeAt(start, this.#block);
    }
    const whole = Math.floor((part.length - done) / blockSize) * blockSize;
    if (whole > 0) device.writeAt(start + within + done, part.subarray(done, done + whole));
    done += whole;
    if (done < part.length) {
      this.#block.fill(0);
      this.#block.set(part.subarray(done));
      device.writeAt(start + (count - 1) * blockSize, this.#block);
    }
  }

  truncate(number: number, size: number): void {
    const { core, device } = this.#session;
    const { blockSize } = core.geometry;
    const done = this.#session.run(() => {
      this.assertWritable(number);
      this.#assertSize(number, size);
      const old = this.#size(number);
      if (this.#isInline(number)) {
        const content = this.#session.attributes.inlineData(number) ?? new Uint8Array(0);
        if (this.#setInline(number, content, size, () => {})) return true;
        this.#leaveInline(number, content);
      }
      if (size >= old) this.#zeroTail(number, old);
      else if (size % blockSize > 0) {
        const run = this.#run;
        core.files.lookup(number, Math.floor(size / blockSize), run);
        const within = size % blockSize;
        if (run.kind === 'data') device.zero(run.block * blockSize + within, blockSize - within);
      }
      this.setSize(number, size);
      dropCapability(core, number);
      this.#clean = { inode: 0, size: 0 };
      return size > old || this.#removal.startCut(number, Math.ceil(size / blockSize));
    });
    if (!done) this.#removal.proceed(number);
  }

  allocate(number: number, offset: number, length: number, keepSize: boolean): void {
    const { core } = this.#session;
    const { blockSize } = core.geometry;
    const end = offset + length;
    const last = Math.ceil(end / blockSize);
    for (let logical = Math.floor(offset / blockSize); logical < last;) {
      const next = this.#session.run(() => {
        this.assertWritable(number);
        if (this.#isInline(number)) {
          this.#leaveInline(number, this.#session.attributes.inlineData(number) ?? new Uint8Array(0));
        }
        if ((flagsOf(core.inodes.read(number)) & INODE_EXTENTS) === 0) {
          throw new GuestfsError(
            'ENOTSUP',
            `inode ${number} has no extents: space cannot be reserved for it`,
          );
        }
        this.#assertSize(number, end);
        let at = logical;
        while (at < last && core.store.touchedCount < STEP_BUDGET) {
          const run = this.#run;
          core.files.lookup(number, at, run);
          const count = Math.min(run.length, last - at);
          at += run.kind === 'hole' ? core.files.take(number, at, count, true).count : count;
        }
        const size = this.#size(number);
        const reached = Math.min(end, at * blockSize);
        if (!keepSize && reached > size) {
          this.#zeroTail(number, size);
          this.setSize(number, reached);
        } else {
          stampContent(core.inodes.change(number), core.store.now(), core.geometry);
        }
        return at;
      });
      logical = next;
    }
  }

  punch(number: number, offset: number, length: number): void {
    const { core } = this.#session;
    const { blockSize } = core.geometry;
    const size = this.#session.run(() => {
      this.assertWritable(number);
      return this.#size(number);
    });
    // What lies behind the end and was reserved goes too, as in Linux; there is nothing to zero there.
    const end = Math.min(offset + length, Math.ceil(size / blockSize) * blockSize);
    if (offset >= end) return;
    if (this.#session.run(() => this.#punchInline(number, offset, Math.min(end, size)))) return;
    const first = Math.ceil(offset / blockSize);
    const last = end >= size ? Math.ceil(end / blockSize) : Math.floor(end / blockSize);
    this.#session.run(() => {
      if (first > last) this.#zeroWithin(number, offset, end);
      else {
        this.#zeroWithin(number, offset, Math.min(end, first * blockSize));
        this.#zeroWithin(number, Math.max(offset, last * blockSize), end);
      }
      stampContent(core.inodes.change(number), core.store.now(), core.geometry);
      dropCapability(core, number);
    });
    for (let at = first; at < last;) {
      at = this.#session.run(() => core.files.release(number, at, last - at, 'data', STEP_BUDGET));
    }
  }

  #punchInline(number: number, offset: number, end: number): boolean {
    if (!this.#isInline(number)) return false;
    const old = this.#session.attributes.inlineData(number) ?? new Uint8Array(0);
    return this.#setInline(number, old, old.length, (content) => content.fill(0, offset, end));
  }

  /** Zero a part of one block in place, if it is one that was written. */
  #zeroWithin(number: number, from: number, to: number): void {
    if (from >= to) return;
    const { core, device } = this.#session;
    const { blockSize } = core.geometry;
    const run = this.#run;
    core.files.lookup(number, Math.floor(from / blockSize), run);
    if (run.kind === 'data') device.zero(run.block * blockSize + (from % blockSize), to - from);
  }
}
