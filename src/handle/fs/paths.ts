import { fileURLToPath } from 'node:url';
import { decodeText, encodeText } from '../../bytes/text.ts';
import type { Encoding } from './flags.ts';

/** A path in the guest; a relative one counts from `/`. */
export type GuestPath = string | Buffer | URL;

/** How names are given back. */
export type EncodingOption = Encoding | null | { encoding?: Encoding | null };

/** The absolute path that an argument stands for. Throws TypeError. */
export function pathOf(path: GuestPath): string {
  const text = path instanceof URL ? fileURLToPath(path) : Buffer.isBuffer(path) ? decodeText(path) : path;
  if (typeof text !== 'string')
    throw new TypeError(`path must be a string, a Buffer or a URL, found ${typeof text}`);
  return text === '' || text.startsWith('/') ? text : `/${text}`;
}

function wantsBuffer(options: EncodingOption | undefined): boolean {
  return options === 'buffer' || (typeof options === 'object' && options?.encoding === 'buffer');
}

/** A guest's name as a caller wants it: text with escaped bytes, or the bytes. */
export function named(text: string, options: EncodingOption | undefined): string | Buffer {
  return wantsBuffer(options) ? Buffer.from(encodeText(text)) : text;
}
