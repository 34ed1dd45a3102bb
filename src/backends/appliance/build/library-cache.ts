/** The list of libraries that ldconfig(8) keeps: /etc/ld.so.cache in glibc's format 1.1. */
import { decodeText, latin1 } from '../../../bytes/text.ts';
import { bits64, layout, raw, u32 } from '../../../bytes/layout.ts';

const MAGIC = 'glibc-ld.so.cache1.1';
const FORMAT = '1.1 header';

const CacheHeader = layout(FORMAT, 48, 'le', {
  magic: raw(0, MAGIC.length),
  nlibs: u32(20),
});

const CacheEntry = layout('1.1 entry', 24, 'le', {
  key: u32(4),
  value: u32(8),
  hwcap: bits64(16),
});

/**
 * Paths by library name, in the order of preference. Libraries for certain processors only are left out: the machine
 * may have another one. Empty for bytes that are no such list.
 */
export function readLibraryCache(bytes: Uint8Array): Map<string, string[]> {
  const found = new Map<string, string[]>();
  // Older systems have a list of an older format before it.
  const start = latin1(bytes).indexOf(MAGIC);
  if (start < 0 || bytes.length - start < CacheHeader.size) return found;
  const cache = bytes.subarray(start);
  const { nlibs } = CacheHeader.view(cache);
  for (let index = 0; index < nlibs; index++) {
    const at = CacheHeader.size + index * CacheEntry.size;
    if (at + CacheEntry.size > cache.length) break;
    const { key, value, hwcap } = CacheEntry.view(cache, at);
    const name = text(cache, key);
    const path = text(cache, value);
    if (hwcap !== 0n || name === undefined || path === undefined) continue;
    const paths = found.get(name);
    if (paths === undefined) found.set(name, [path]);
    else paths.push(path);
  }
  return found;
}

function text(bytes: Uint8Array, at: number): string | undefined {
  const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
  return end < 0 ? undefined : decodeText(bytes, at, end);
}
