import { GuestfsError } from '../../../../errors/index.ts';
import { INCOMPAT_EA_INODE } from '../../features.ts';
import type { WriterParts } from '../contract.ts';
import { BlockTables } from './block.ts';
import { BodyTables } from './body.ts';
import { attributeBytes, sameBytes, sameName, type Attribute } from './table.ts';
import { ValueInodes } from './values.ts';

/** Bytes of the shortest table in a block beside one attribute: its end mark. */
const END_MARK = 4;

const NOTHING = new Uint8Array(0);

/**
 * The attributes of an inode wherever they are. A value goes into the inode if it fits, else into the block, else, with
 * ea_inode, into an inode of its own; values of more than half a block go there at once, as Linux does it.
 */
export class AttributeTables {
  readonly #parts: WriterParts;
  readonly #body: BodyTables;
  readonly #block: BlockTables;
  readonly #values: ValueInodes;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#body = new BodyTables(parts.store.geometry, parts.inodes);
    this.#values = new ValueInodes(parts);
    this.#block = new BlockTables(parts, (inode) => this.#values.hash(inode));
  }

  /** Value of an attribute, or undefined. */
  find(inode: number, index: number, name: Uint8Array): Uint8Array | undefined {
    const found =
      this.#body.read(inode).find((attribute) => sameName(attribute, index, name)) ??
      this.#block.read(inode).find((attribute) => sameName(attribute, index, name));
    if (found === undefined) return undefined;
    return found.valueInode === 0 ? found.value : this.#values.read(found.valueInode);
  }

  /** Set an attribute, whether it is there or not. Throws ENOSPC where there is no room for it. */
  set(inode: number, index: number, name: Uint8Array, value: Uint8Array): void {
    const body = this.#body.read(inode);
    const block = this.#block.read(inode);
    const oldBody = body.find((attribute) => sameName(attribute, index, name));
    const oldBlock = block.find((attribute) => sameName(attribute, index, name));
    const old = oldBody ?? oldBlock;
    if (old !== undefined && this.#holds(old, value)) return;

    const { blockSize, incompat } = this.#parts.store.geometry;
    const large = (incompat & INCOMPAT_EA_INODE) !== 0 && value.length > blockSize / 2;
    let made: Attribute = { index, name, value, valueInode: 0, size: value.length, hash: undefined };
    if (large) made = this.#inInode(inode, made);
    if (this.#place(inode, body, block, made, oldBody, oldBlock)) return;
    if (!large && incompat & INCOMPAT_EA_INODE) {
      made = this.#inInode(inode, made);
      if (this.#place(inode, body, block, made, oldBody, oldBlock)) return;
    }
    throw new GuestfsError(
      'ENOSPC',
      `inode ${inode} has no room for an attribute of ${attributeBytes(name.length, made.value.length)} bytes:` +
        ` its own ${this.#body.room(inode)} and a block's ${this.#block.room} are not enough`,
    );
  }

  #holds(old: Attribute, value: Uint8Array): boolean {
    if (old.size !== value.length) return false;
    return sameBytes(old.valueInode === 0 ? old.value : this.#values.read(old.valueInode), value);
  }

  #inInode(owner: number, attribute: Attribute): Attribute {
    const valueInode = this.#values.create(owner, attribute.value);
    this.#count(owner, attribute.size, 1);
    return { ...attribute, value: NOTHING, valueInode, hash: undefined };
  }

  /** Put an attribute into the inode or the block, in place of the old one; false where it fits neither. */
  #place(
    inode: number,
    body: readonly Attribute[],
    block: readonly Attribute[],
    made: Attribute,
    oldBody: Attribute | undefined,
    oldBlock: Attribute | undefined,
  ): boolean {
    const hash = made.valueInode === 0 ? undefined : this.#block.valueEntryHash(made.name, made.valueInode);
    const own = made.valueInode === 0 ? made : { ...made, hash };
    const newBody = swap(body, oldBody, own);
    if (this.#body.room(inode) > 0 && this.#body.write(inode, newBody)) {
      this.#drop(inode, oldBody);
      if (oldBlock !== undefined) this.#writeBlock(inode, block, swap(block, oldBlock), oldBlock);
      return true;
    }
    const newBlock = swap(block, oldBlock, made);
    if (attributeBytes(made.name.length, made.value.length) + END_MARK > this.#block.room) return false;
    if (!this.#block.fits(newBlock)) return false;
    this.#writeBlock(inode, block, newBlock, oldBlock);
    if (oldBody !== undefined) {
      this.#body.write(inode, swap(body, oldBody));
      this.#drop(inode, oldBody);
    }
    return true;
  }

  /** Store a block's table, which lost `gone`. Where others share the old block, values are used once more. */
  #writeBlock(
    inode: number,
    old: readonly Attribute[],
    attributes: readonly Attribute[],
    gone: Attribute | undefined,
  ): void {
    const shared = !this.#block.isOwn(inode);
    if (shared) {
      for (const attribute of attributes) {
        if (attribute.valueInode !== 0 && old.includes(attribute)) this.#values.use(attribute.valueInode);
      }
    }
    this.#block.write(inode, attributes);
    this.#drop(inode, gone, !shared);
  }

  /** Each inode that uses a value in another inode pays for it, as if it were its own. */
  #count(owner: number, size: number, sign: 1 | -1): void {
    this.#parts.space.charge(owner, sign * this.#clusters(size));
    this.#parts.space.chargeQuota(owner, 0, sign);
  }

  #clusters(size: number): number {
    const { blockSize, clusterRatio } = this.#parts.store.geometry;
    return Math.ceil(size / (blockSize * clusterRatio));
  }

  /** Units of 512 bytes that an inode counts for its attributes: their block, and values in inodes of their own. */
  sectors(inode: number): number {
    const { blockSize, clusterRatio } = this.#parts.store.geometry;
    let clusters = this.#block.blockOf(inode) === 0 ? 0 : 1;
    for (const { valueInode, size } of [...this.#body.read(inode), ...this.#block.read(inode)]) {
      if (valueInode !== 0) clusters += this.#clusters(size);
    }
    return clusters * clusterRatio * (blockSize / 512);
  }

  /** An attribute of an inode is gone; `last` where no other inode shares its entry. */
  #drop(owner: number, attribute: Attribute | undefined, last = true): void {
    if (attribute === undefined || attribute.valueInode === 0) return;
    this.#count(owner, attribute.size, -1);
    if (last) this.#values.release(attribute.valueInode);
  }

  /** Remove an attribute that is there. */
  remove(inode: number, index: number, name: Uint8Array): void {
    const body = this.#body.read(inode);
    const inBody = body.find((attribute) => sameName(attribute, index, name));
    if (inBody !== undefined) {
      this.#body.write(inode, swap(body, inBody));
      this.#drop(inode, inBody);
    }
    const block = this.#block.read(inode);
    const inBlock = block.find((attribute) => sameName(attribute, index, name));
    if (inBlock !== undefined) this.#writeBlock(inode, block, swap(block, inBlock), inBlock);
  }

  /** Give back all that the attributes hold outside of the inode. The inode's own table stays, but for such values. */
  release(inode: number): void {
    const body = this.#body.read(inode);
    const held = body.filter(({ valueInode }) => valueInode !== 0);
    if (held.length > 0) {
      this.#body.write(
        inode,
        body.filter(({ valueInode }) => valueInode === 0),
      );
      for (const attribute of held) this.#drop(inode, attribute);
    }
    if (this.#block.blockOf(inode) === 0) return;
    const last = this.#block.isOwn(inode);
    const block = this.#block.read(inode);
    this.#block.release(inode);
    for (const attribute of block) this.#drop(inode, attribute, last);
  }

  /** Value of an attribute in the inode itself, or undefined. */
  findInBody(inode: number, index: number, name: Uint8Array): Uint8Array | undefined {
    return this.#body.read(inode).find((attribute) => sameName(attribute, index, name))?.value;
  }

  /** Set an attribute in the inode itself; false where it does not fit. */
  setInBody(inode: number, index: number, name: Uint8Array, value: Uint8Array): boolean {
    const body = this.#body.read(inode);
    const old = body.find((attribute) => sameName(attribute, index, name));
    if (old !== undefined && sameBytes(old.value, value)) return true;
    const made: Attribute = { index, name, value, valueInode: 0, size: value.length, hash: undefined };
    return this.#body.room(inode) > 0 && this.#body.write(inode, swap(body, old, made));
  }

  /** Bytes that the value of an attribute in the inode itself may have; negative where even none fit. */
  roomInBody(inode: number, index: number, name: Uint8Array): number {
    let room = this.#body.room(inode) - END_MARK - attributeBytes(name.length, 0);
    for (const attribute of this.#body.read(inode)) {
      if (sameName(attribute, index, name)) continue;
      room -= attributeBytes(attribute.name.length, attribute.value.length);
    }
    return room & ~3;
  }
}

/** A table with `old` replaced by `made`, without it, or with one more. */
function swap(table: readonly Attribute[], old: Attribute | undefined, made?: Attribute): Attribute[] {
  if (old === undefined) return made === undefined ? [...table] : [...table, made];
  return table.flatMap((attribute) => {
    if (attribute !== old) return [attribute];
    return made === undefined ? [] : [made];
  });
}
