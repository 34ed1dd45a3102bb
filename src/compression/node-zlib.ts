import type * as Zlib from 'node:zlib';

let loaded: typeof Zlib | undefined;

/** node:zlib, loaded when something is first compressed or decompressed: it brings Node's streams, and most runs need neither. */
export function zlib(): typeof Zlib {
  return (loaded ??= process.getBuiltinModule('node:zlib'));
}
