/** A field of a struct; the type decides both the wire form and the TypeScript type. */
export interface StructField {
  name: string;
  type:
    | 'char'
    | 'string'
    | 'device'
    | 'uuid'
    | 'buffer'
    | 'bytes'
    | 'int32'
    | 'uint32'
    | 'int64'
    | 'uint64'
    | 'optpercent';
  /** A 64-bit value whose bits matter, not its size: a bigint in TypeScript. */
  opaque?: boolean;
}

/** A struct that actions return. */
export interface StructRecord {
  name: string;
  internal?: boolean;
  fields: readonly StructField[];
}
