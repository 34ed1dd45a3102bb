/** Types of an action's parameters; names are the API's. */
export type ParameterType =
  | 'Pathname'
  | 'String'
  | 'OptString'
  | 'Device'
  | 'Mountable'
  | 'Dev_or_Path'
  | 'Mountable_or_Path'
  | 'Int'
  | 'Int64'
  | 'Bool'
  | 'StringList'
  | 'BufferIn'
  | 'FileIn'
  | 'FileOut'
  | 'Key'
  | 'GUID'
  | 'Pointer';

/** One parameter of an action. */
export interface Parameter {
  type: ParameterType;
  name: string;
  /** What a list holds or a pointer points at. */
  of?: string;
  /** What the number counts where that is not bytes; the shell scales size suffixes by it. */
  unit?: 'MiB' | 'sectors' | 'blocks' | 'seconds' | 'lines' | 'count' | 'percent';
  /** A 64-bit value whose bits matter, not its size: a bigint in TypeScript. */
  opaque?: boolean;
}

/** An optional argument. */
export interface OptionalParameter {
  type: 'Bool' | 'Int' | 'Int64' | 'String' | 'StringList';
  name: string;
  unit?: Parameter['unit'];
}

/** What an action returns. */
export interface Result {
  type:
    | 'void'
    | 'Bool'
    | 'Int'
    | 'Int64'
    | 'String'
    | 'ConstString'
    | 'ConstOptString'
    | 'StringList'
    | 'Hashtable'
    | 'BufferOut'
    | 'Struct'
    | 'StructList';
  /** What a string is (`Device`, `Mountable`, `String`), or the struct's name. */
  of?: string;
  name?: string;
  /** What a hash's keys and values are. */
  key?: string;
  value?: string;
  opaque?: boolean;
}

/** One action of the API: the single source of the method, its checks, wire format, shell command and words. */
export interface ActionRecord {
  /** Name in the API, as in `mount_ro`. */
  name: string;
  /** libguestfs version that had it first. */
  since: string;
  /** Procedure number on the wire; null for an action that lives in the library. */
  proc: number | null;
  /** Who runs it: the handle itself, or a daemon (the engine's worker is one). */
  where: 'handle' | 'daemon';
  args: readonly Parameter[];
  optargs: readonly OptionalParameter[];
  ret: Result;
  /** Feature group for `available`. */
  group?: string;
  /** Other names of the shell command. */
  aliases?: readonly string[];
  /** The `_opts` and other names under which it can also be called. */
  methodAliases?: readonly string[];
  deprecatedBy?: string;
  progress?: boolean;
  cancellable?: boolean;
  /** Only allowed before launch. */
  configOnly?: boolean;
  visibility?: 'public_no_fish' | 'state_test' | 'internal' | 'debug' | 'bindtest';
  fishOutput?: 'octal' | 'hex';
  /** One line, imperative, lower case, without a full stop. */
  summary: string;
  /** Paragraphs in Markdown: what it does, units, what it returns, which errors, traps. */
  description: string;
}
