import { CorruptError } from '../errors/index.ts';

/**
 * On-disk structures, declared once: `layout('ext4_group_desc', 64, 'le', { bg_block_bitmap_lo: u32(0), ... })`.
 * Field names and offsets are the specification's. The same declaration reads and writes. Accessors are made
 * when the layout is declared, so that a field costs one DataView call.
 */

/** A field of a layout: where it is and how it is read and written. */
export interface Field<T> {
  readonly offset: number;
  readonly size: number;
  get(view: LayoutView, littleEndian: boolean): T;
  set(view: LayoutView, value: T, littleEndian: boolean): void;
}

/** The part of every view that is not a field. */
export class LayoutView {
  /** Bytes the view reads from. */
  bytes: Uint8Array;
  data: DataView;
  /** Byte offset of the structure within `bytes`. */
  base: number;
  readonly structure: string;

  constructor(structure: string, bytes: Uint8Array, base: number) {
    this.structure = structure;
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.base = base;
  }
}

type Values<F extends Record<string, Field<unknown>>> = {
  -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** A view of a structure: its fields as properties. */
export type View<F extends Record<string, Field<unknown>>> = LayoutView & Values<F>;

/** A declared structure. */
export interface Layout<F extends Record<string, Field<unknown>>> {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly fields: F;
  /** A view at `base`; throws CorruptError where fewer than `size` bytes are left. */
  view(bytes: Uint8Array, base?: number): View<F>;
  /** Point a view at another place of the same bytes, without allocating. */
  aim(view: View<F>, base: number): View<F>;
}

/** The view type of a layout: `ViewOf<typeof SuperBlock>`. */
export type ViewOf<L> = L extends Layout<infer F> ? View<F> : never;

/** Declare a structure of `size` bytes; every field must lie within it. */
export function layout<F extends Record<string, Field<unknown>>>(
  name: string,
  size: number,
  endian: 'le' | 'be',
  fields: F,
): Layout<F> {
  // Made at first use: most runs look at few of the structures that are declared.
  let view: ViewClass | undefined;
  const check = (bytes: Uint8Array, base: number): void => {
    if (base < 0 || base + size > bytes.length) {
      throw new CorruptError(name, `needs ${size} bytes at ${base}, found ${bytes.length - base}`);
    }
  };
  return {
    name,
    size,
    fields,
    view(bytes, base = 0) {
      check(bytes, base);
      view ??= viewClass(name, size, endian === 'le', fields);
      return new view(name, bytes, base) as View<F>;
    },
    aim(view, base) {
      check(view.bytes, base);
      (view as LayoutView).base = base;
      return view;
    },
  };
}

type ViewClass = new (structure: string, bytes: Uint8Array, base: number) => LayoutView;

function viewClass(
  name: string,
  size: number,
  littleEndian: boolean,
  fields: Record<string, Field<unknown>>,
): ViewClass {
  class StructureView extends LayoutView {}
  for (const [key, field] of Object.entries(fields)) {
    if (field.offset + field.size > size) {
      throw new RangeError(
        `layout ${name}: field ${key} ends at ${field.offset + field.size}, after ${size}`,
      );
    }
    Object.defineProperty(StructureView.prototype, key, {
      enumerable: true,
      get(this: LayoutView) {
        return field.get(this, littleEndian);
      },
      set(this: LayoutView, value: unknown) {
        field.set(this, value, littleEndian);
      },
    });
  }
  return StructureView;
}

/** Unsigned 8-bit field. */
export const u8 = (offset: number): Field<number> => ({
  offset,
  size: 1,
  get: (v) => v.data.getUint8(v.base + offset),
  set: (v, value) => v.data.setUint8(v.base + offset, value),
});

/** Unsigned 16-bit field. */
export const u16 = (offset: number): Field<number> => ({
  offset,
  size: 2,
  get: (v, le) => v.data.getUint16(v.base + offset, le),
  set: (v, value, le) => v.data.setUint16(v.base + offset, value, le),
});

/** Unsigned 32-bit field. */
export const u32 = (offset: number): Field<number> => ({
  offset,
  size: 4,
  get: (v, le) => v.data.getUint32(v.base + offset, le),
  set: (v, value, le) => v.data.setUint32(v.base + offset, value, le),
});

/** Signed 32-bit field. */
export const i32 = (offset: number): Field<number> => ({
  offset,
  size: 4,
  get: (v, le) => v.data.getInt32(v.base + offset, le),
  set: (v, value, le) => v.data.setInt32(v.base + offset, value, le),
});

/** Unsigned 64-bit field that counts something: a number, CorruptError where it is not a safe integer. */
export const u64 = (offset: number): Field<number> => ({
  offset,
  size: 8,
  get: (v, le) => {
    const high = v.data.getUint32(v.base + offset + (le ? 4 : 0), le);
    const low = v.data.getUint32(v.base + offset + (le ? 0 : 4), le);
    if (high > 0x1fffff) {
      throw new CorruptError(
        v.structure,
        `64-bit field at ${offset} is 0x${(BigInt(high) * 0x100000000n + BigInt(low)).toString(16)}, expected below 2^53`,
        { offset: v.base + offset },
      );
    }
    return high * 0x100000000 + low;
  },
  set: (v, value, le) => {
    v.data.setUint32(v.base + offset + (le ? 4 : 0), Math.floor(value / 0x100000000), le);
    v.data.setUint32(v.base + offset + (le ? 0 : 4), value % 0x100000000, le);
  },
});

/** 64-bit field whose bits matter, not its size. */
export const bits64 = (offset: number): Field<bigint> => ({
  offset,
  size: 8,
  get: (v, le) => v.data.getBigUint64(v.base + offset, le),
  set: (v, value, le) => v.data.setBigUint64(v.base + offset, value, le),
});

/** A run of bytes, not copied: the view of the field shares memory with the structure. */
export const raw = (offset: number, size: number): Field<Uint8Array> => ({
  offset,
  size,
  get: (v) => v.bytes.subarray(v.base + offset, v.base + offset + size),
  set: (v, value) => {
    v.bytes.fill(0, v.base + offset, v.base + offset + size);
    v.bytes.set(value.subarray(0, size), v.base + offset);
  },
});
